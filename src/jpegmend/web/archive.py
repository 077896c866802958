"""Results of several jobs as one ZIP file, streamed while they are written."""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePath

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jpegmend.batch.settings import Output
from jpegmend.web import query
from jpegmend.web.handlers import disposition
from jpegmend.web.job import Job
from jpegmend.web.problems import Problem
from jpegmend.web.service import Service, service_of

_MOST = 2000
"""Number of jobs in one archive; their ids must fit into an address."""
_PIECE = 1 << 18
FAILURES = "not restored.txt"
"""Name of the file that lists what is missing from an archive."""


async def archive(request: Request) -> Response:
    """``GET /v1/archive?job=ID&job=ID``: the results of jobs as one ZIP file."""
    service = service_of(request)
    ids = request.query_params.getlist("job")
    if not 1 <= len(ids) <= _MOST:
        raise Problem("invalid-option", f"{len(ids)} jobs; name 1 to {_MOST}, each by job=ID")
    jobs = [service.jobs.find(each) for each in dict.fromkeys(ids)]
    asked = QueryParams([each for each in request.query_params.multi_items() if each[0] != "job"])
    forms = [query.form_for(asked, job.request.output) for job in jobs]
    headers = {"Content-Disposition": disposition("restored.zip")}
    return StreamingResponse(_held(service, jobs, forms), media_type="application/zip", headers=headers)


async def _held(service: Service, jobs: list[Job], forms: list[Output]) -> AsyncIterator[bytes]:
    """The bytes of the archive. A page that is left removes its jobs, while the browser still saves the archive."""
    with contextlib.ExitStack() as kept:
        for job in jobs:
            kept.callback(service.jobs.hold(job))
        async for piece in _stream(service, jobs, forms):
            yield piece


async def _stream(service: Service, jobs: list[Job], forms: list[Output]) -> AsyncIterator[bytes]:
    """The bytes of the archive; a result that cannot be had is told in a text file of the archive."""
    sink = _Sink()
    names: set[str] = set()
    failed: list[str] = []
    # Pictures are compressed already, so they are stored.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as made:
        for job, output in zip(jobs, forms, strict=True):
            reduced = job.reduced
            try:
                path = await service.jobs.write(job, output)
            except Problem as problem:
                failed.append(f"{job.request.name}: {problem.detail or problem.as_dict()['title']}")
                continue
            try:
                for piece in _add(made, path, unused(job.download_name(output), names), sink):
                    yield piece
            finally:
                # What was made again for this archive must not push the results out that it still needs; another
                # request may be sending the result, or writing it in another form.
                if reduced and job.held == 1 and not job.writing.locked():
                    service.jobs.reduce(job)
        if failed:
            made.writestr(_entry(FAILURES, time.time()), "\n".join(failed) + "\n")
    yield sink.take()


def _add(made: zipfile.ZipFile, path: Path, name: str, sink: _Sink) -> Iterator[bytes]:
    entry = _entry(name, path.stat().st_mtime)
    with path.open("rb") as source, made.open(entry, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            target.write(piece)
            yield sink.take()


def _entry(name: str, seconds: float) -> zipfile.ZipInfo:
    """A file of the archive with its time; 1980, the first year of ZIP, where the machine's clock was never set."""
    return zipfile.ZipInfo(name, max(time.localtime(seconds)[:6], (1980, 1, 1, 0, 0, 0)))


def unused(name: str, names: set[str]) -> str:
    """The name, with a number where it is taken; it is added, in lower case, to ``names``.

    >>> taken = {"a.png"}
    >>> unused("a.png", taken), unused("a.png", taken)
    ('a (2).png', 'a (3).png')
    """
    number, candidate, path = 1, name, PurePath(name)
    while candidate.lower() in names:
        number += 1
        candidate = f"{path.stem} ({number}){path.suffix}"
    names.add(candidate.lower())
    return candidate


class _Sink(io.RawIOBase):
    """Takes what is written; cannot seek, so that sizes are written after each file."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._held += view
        return view.nbytes

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = bytes(self._held)
        self._held.clear()
        return taken
