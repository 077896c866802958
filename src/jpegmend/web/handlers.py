"""Handlers of ``/v1``: restoration, jobs and their files, inspection, networks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from jpegmend.batch.settings import Output
from jpegmend.web import bodies, models, query, work
from jpegmend.web.job import MEDIA_TYPES, Job
from jpegmend.web.jobs import Jobs
from jpegmend.web.scheduler import Task
from jpegmend.web.service import service_of, wait

_LONGEST_REPORT = 3000
"""Bytes of the report in a header: proxies take 4 kB of headers by default, and each page of a file may have a note."""


async def restore(request: Request) -> Response:
    """``POST`` or ``PUT /v1/restore``: the restored picture, or with ``Prefer: respond-async`` a job."""
    jobs, later = service_of(request).jobs, wants_job(request)
    job = await _take(request, jobs.begin, kept=later)
    if later:
        headers = {"Location": f"jobs/{job.id}", "Preference-Applied": "respond-async"}
        return JSONResponse(jobs.describe(job), 202, headers)
    return await _answer(request, jobs, job)


async def _take(request: Request, begin: Callable[[Job], None], *, kept: bool) -> Job:
    """A new job with the body of the request as its input, which was begun."""
    service = service_of(request)
    read = query.read_restoration(request.query_params)
    with service.scheduler.place():
        job = service.jobs.open(read, kept=kept)
        try:
            await bodies.receive(request, job.folder / work.INPUT, service.settings.max_bytes)
            begin(job)
        except BaseException:
            service.jobs.remove(job)
            raise
    return job


def wants_job(request: Request) -> bool:
    """Whether the client prefers a job to waiting for the answer (RFC 7240)."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(each.split(";")[0].strip().lower() == "respond-async" for each in preferences)


async def _answer(request: Request, jobs: Jobs, job: Job) -> Response:
    """The result of a job that is not kept, when it is there."""
    try:
        await wait(request, job)
    except BaseException:
        jobs.remove(job)
        raise
    output = job.request.output
    response = _file(job.result_path(output), job, output, when_sent=lambda: jobs.remove(job))
    response.headers["Jpegmend-Report"] = report_header(job.facts["report"])
    return response


def report_header(report: Mapping[str, Any]) -> str:
    """A report as JSON of at most :data:`_LONGEST_REPORT` bytes, with as many of its warnings as have room."""
    warnings = list(report["warnings"])
    kept = len(warnings)
    while True:
        more = [f"{len(warnings) - kept} more notes; the report of a job has all"] if kept < len(warnings) else []
        text = json.dumps({**report, "warnings": [*warnings[:kept], *more]}, separators=(",", ":"))
        if len(text) <= _LONGEST_REPORT or not kept:
            return text
        kept //= 2


class _File(FileResponse):
    """A file of a job, or the range of its bytes that is asked for; what is no range is ignored (RFC 9110, 14.2)."""

    def __init__(self, path: Path, *, when_sent: Callable[[], None] = lambda: None, **facts: Any) -> None:
        super().__init__(path, **facts)
        # Called in this thread, which alone may change the jobs, and after errors too, unlike Starlette's background.
        self._when_sent = when_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})", Headers(scope=scope).get("range", ""))
        if found is None or (found[2] and int(found[2]) < int(found[1])):
            # Starlette would answer by 400, in plain text.
            scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._when_sent()


def _file(path: Path, job: Job, output: Output, **more: Any) -> _File:
    headers = {"Content-Disposition": disposition(job.download_name(output))}
    return _File(path, headers=headers, media_type=MEDIA_TYPES[output.format or "png"], **more)


def disposition(name: str) -> str:
    """``Content-Disposition`` for a download of this printable name (RFC 6266), with a plain one for old clients.

    >>> print(disposition('a"b.png'))
    attachment; filename="a_b.png"; filename*=UTF-8''a%22b.png
    """
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def job(request: Request) -> Response:
    """``GET /v1/jobs/{id}``: the state of a job; ``DELETE``: end its work and remove its files."""
    jobs = service_of(request).jobs
    found = jobs.find(request.path_params["id"])
    if request.method == "DELETE":
        jobs.remove(found)
        return Response(status_code=204)
    return JSONResponse(jobs.describe(found))


async def result(request: Request) -> Response:
    """``GET /v1/jobs/{id}/result``: the restored picture, in the form asked for or that of the job."""
    jobs = service_of(request).jobs
    found = jobs.find(request.path_params["id"])
    output = query.form_for(request.query_params, found.request.output)
    path = await jobs.write(found, output)
    return _file(path, found, output, when_sent=jobs.hold(found))


async def decoded(request: Request) -> Response:
    """``GET /v1/jobs/{id}/decoded``: the picture as the file has it, as PNG of 8 bits."""
    return await _beside(request, work.DECODED)


async def change(request: Request) -> Response:
    """``GET /v1/jobs/{id}/change``: the map of the change, as PNG."""
    return await _beside(request, work.CHANGE)


async def _beside(request: Request, name: str) -> Response:
    jobs = service_of(request).jobs
    found = jobs.find(request.path_params["id"])
    path = await jobs.beside(found, name)
    return _File(path, media_type="image/png", when_sent=jobs.hold(found))


async def inspect(request: Request) -> Response:
    """``POST /v1/inspect``: what a file is, without restoring it."""
    service = service_of(request)
    query.check_none(request.query_params)
    most, pixels = service.settings.max_bytes, service.settings.max_pixels

    def begin(job: Job) -> None:
        job.task = Task(call=lambda threads: (work.inspect_picture, job.folder / work.INPUT, most, pixels))
        service.scheduler.submit(job.task, first=True)

    job = await _take(request, begin, kept=False)
    try:
        return JSONResponse(await wait(request, job))
    finally:
        service.jobs.remove(job)


async def list_models(request: Request) -> Response:
    """``GET /v1/models``: the networks."""
    query.check_none(request.query_params)
    return JSONResponse({"models": models.describe()})


async def list_formats(request: Request) -> Response:
    """``GET /v1/formats``: the output formats."""
    query.check_none(request.query_params)
    return JSONResponse({"formats": query.describe_formats()})
