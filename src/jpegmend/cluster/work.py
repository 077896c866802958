"""Work of one worker: pictures of a part of a shard, and the closing of a shard whose parts are done."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

from jpegmend.batch.fitting import fitting
from jpegmend.batch.inputs import sha256
from jpegmend.batch.limited import limited
from jpegmend.batch.pages import Pages
from jpegmend.batch.work import failure, save_result
from jpegmend.cluster import tables
from jpegmend.cluster.job import Job, marker_key, open_job, piece_key, pieces_of, read_marker, results_key, shard_key
from jpegmend.cluster.storage import Storage, Stored
from jpegmend.cluster.tables import DONE, FAILED, SET_ASIDE, Result
from jpegmend.cluster.tasks import CLOSE, PUT_ASIDE, Report, Task
from jpegmend.errors import InputError, JobError, JpegmendError, OutputError, TooLarge
from jpegmend.restoration import restore
from jpegmend.runtimes import open_runtime

_AHEAD = 4
"""Pictures that are read ahead, and results that are being written, while one is restored."""
_PROBED = 4
"""Shards, and inputs of each, that are tried where a store refuses an input and no other has been read."""

_ENDED = "its worker ended each time it was tried"
_TOO_LONG = "took longer than a run waits for an input of its bytes, at least an hour, and its worker was ended for it"
"""What the row of a picture that is set aside says."""


class Session:
    """The job, its places and the loaded network of one worker.

    Args:
        destination: address of the results and of the job.
        job_hash: hash of ``job.json`` as the driver has read it.
        threads: CPU threads of the network.
        memory: bytes this worker should stay under; None: no limit.

    Raises:
        JobError: the job at the destination is another one, or this installation would give other results.
        MissingExtra, ModelError: the network cannot be loaded.
    """

    def __init__(self, destination: str, job_hash: str, threads: int, memory: int | None) -> None:
        self._destination = Storage(destination)
        self._job = open_job(self._destination)
        if self._job.hash != job_hash:
            raise JobError(f"{destination}: the job was planned again during the run; start the run again")
        self._source = Storage(self._job.source)
        self._options = {**self._job.options, "threads": threads, "memory": memory}
        self._shard = functools.lru_cache(4)(self._read_shard)
        settings = self._job.settings
        if settings.options.get("strength") != 0:
            asked = {name: settings.options.get(name, "auto") for name in ("runtime", "provider")}
            open_runtime(settings.card, threads=threads, **asked)

    def do(self, task: Task) -> Report:
        """Do a task.

        Raises:
            StorageError: a storage did not answer, or refused; nothing is known of the task's pictures.
            JobError: the shard's listing or marker is damaged or belongs to another job.
        """
        if task.kind == CLOSE:
            return self._close(task.shard)
        started = time.perf_counter()
        rows = self._shard(task.shard)[task.start : task.stop]
        if task.kind == PUT_ASIDE:
            said = _TOO_LONG if task.stopped else _ENDED
            results = [self._result(task, place, row, SET_ASIDE, message=said) for place, row in enumerate(rows)]
        else:
            results = list(self._restore(task, rows))
        self._destination.write(piece_key(*task[:3]), tables.write_results(results))
        counts = asdict(tables.count(results)) | {"seconds": time.perf_counter() - started}
        return Report(read=sum(row.size for row in rows), **counts)

    def _read_shard(self, number: int) -> list[Stored]:
        return read_listing(self._destination, self._job, number)

    def _restore(self, task: Task, rows: Sequence[Stored]) -> Iterator[Result]:
        """Results in the order of the rows; a picture is restored while others are read and written."""
        with ThreadPoolExecutor(2 * _AHEAD) as threads:
            ahead = iter(rows)
            reads = deque(threads.submit(self._read, row) for row in itertools.islice(ahead, _AHEAD))
            writes: deque[Future[Result]] = deque()
            try:
                for place, row in enumerate(rows):
                    data = reads.popleft().result()
                    reads.extend(threads.submit(self._read, row) for row in itertools.islice(ahead, 1))
                    result, picture = self._restore_one(task, place, row, data)
                    writes.append(threads.submit(self._write, result, picture))
                    if len(writes) > _AHEAD:
                        yield writes.popleft().result()
                for write in writes:
                    yield write.result()
            finally:
                threads.shutdown(cancel_futures=True)

    def _read(self, row: Stored) -> bytes | JpegmendError:
        """The bytes of an input, or the error of this picture; an error of the storage is raised."""
        limit = self._job.max_bytes
        if row.size > limit:
            return TooLarge(f"{row.size:,} bytes, more than {limit:,}; plan with a larger max_bytes to read it")
        try:
            return self._source.read(row.key, etag=row.etag, others=self._some_keys)
        except InputError as error:
            return error

    def _some_keys(self) -> Iterator[str]:
        """Inputs from all over the job, to see whether a store that refuses one refuses all."""
        for number in range(0, self._job.shards, -(-self._job.shards // _PROBED)):
            with contextlib.suppress(InputError):  # a listing that is gone is told by the task of its shard
                rows = self._shard(number)
                yield from (row.key for row in rows[:: -(-len(rows) // _PROBED)])

    def _restore_one(
        self, task: Task, place: int, row: Stored, data: bytes | JpegmendError
    ) -> tuple[Result, bytes | None]:
        """The result of a picture, and its bytes unless it failed as a whole."""
        started = time.perf_counter()
        buffer = io.BytesIO()
        output = self._job.settings.output
        try:
            if isinstance(data, JpegmendError):
                raise data
            with limited(), fitting(output.format or "png"):
                pages = Pages(restore, data, self._options, every=output.all_pages)
                with pages.stored():
                    save_result(pages.first, buffer, output, overwrite=False, others=pages)
        except Exception as error:  # an unexpected error in one picture must not stop the others
            outcome = failure(error)
            if outcome.fatal:
                raise
            failed = self._result(task, place, row, FAILED, error=outcome.error, message=outcome.message)
            return failed._replace(seconds=time.perf_counter() - started), None
        picture, restored, problem = buffer.getvalue(), pages.first, pages.problem
        why = {"error": type(problem).__name__, "message": str(problem)} if problem else {}
        done = self._result(task, place, row, FAILED if problem else DONE, **why)._replace(
            sha256=sha256(data),
            output_sha256=sha256(picture),
            written=len(picture),
            megapixels=restored.width * restored.height / 1e6,
            seconds=time.perf_counter() - started,
        )
        return done, picture

    def _write(self, result: Result, picture: bytes | None) -> Result:
        if picture is None:
            return result
        try:
            self._destination.write(result.output, picture)
        except OutputError as error:  # of this name alone
            failed = result._replace(outcome=FAILED, error=type(error).__name__, message=str(error))
            return failed._replace(output_sha256=None, written=None, megapixels=None)
        return result

    def _result(
        self, task: Task, place: int, row: Stored, outcome: str, *, error: str | None = None, message: str | None = None
    ) -> Result:
        key = self._job.output_key(row.key)
        return Result(task.start + place, row.key, key, outcome, error=error, message=message)

    def _close(self, shard: int) -> Report:
        """Write results, then the marker, then delete the parts; if pictures lack a result, only say so."""
        files = [found.key for found in self._destination.list(pieces_of(shard))]
        results = read_parts(self._destination, files)
        missing = gaps(set(results), self._job.shard_size(shard))
        if missing and read_marker(self._destination, marker_key(shard), self._job):
            return Report()  # another driver has closed it
        if missing:
            return Report(missing=tuple(missing))
        rows = [results[row] for row in sorted(results)]
        self._destination.remove_parts([row.output for row in rows])
        self._destination.write(results_key(shard), tables.write_results(rows))
        counts = {name: round(value, 3) for name, value in asdict(tables.count(rows)).items()}
        self._destination.write(marker_key(shard), json.dumps(counts | {"job": self._job.hash}).encode())
        self._destination.delete(files)
        return Report()


@functools.lru_cache(1)
def open_session(destination: str, job_hash: str, threads: int, memory: int | None) -> Session:
    """The session of this process; opened once."""
    return Session(destination, job_hash, threads, memory)


def read_listing(destination: Storage, job: Job, number: int) -> list[Stored]:
    """The rows of a shard.

    Raises:
        JobError: they are not those that were planned.
        StorageError: the storage does not answer, or refuses.
    """
    rows = tables.read_shard(destination.read(shard_key(number)), job.plan)
    if len(rows) != job.shard_size(number):
        raise JobError(f"{destination.name(shard_key(number))} has another number of rows than was planned")
    return rows


def merge(parts: Iterable[list[Result]]) -> dict[int, Result]:
    """Results by row; of two for one picture, one that is done is taken."""
    merged: dict[int, Result] = {}
    for result in itertools.chain.from_iterable(parts):
        if result.row not in merged or result.outcome == DONE:
            merged[result.row] = result
    return merged


def read_parts(destination: Storage, keys: Iterable[str]) -> dict[int, Result]:
    """Results by row in some files of parts, without those that another run has deleted since: it has closed the shard.

    Hidden files, and those of other names, are passed over: in a folder a killed worker may leave one under its
    temporary name, and macOS its own (``._NAME``).

    Raises:
        JobError: a file is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    parts = []
    for key in keys:
        if "/." in key or not key.endswith(".parquet"):
            continue
        with contextlib.suppress(InputError):
            parts.append(tables.read_results(destination.read(key)))
    return merge(parts)


def gaps(covered: set[int], size: int) -> list[tuple[int, int]]:
    """Ranges of 0 to ``size - 1`` that are not covered, each as start and stop.

    >>> gaps({2, 3}, 6)
    [(0, 2), (4, 6)]
    """
    found: list[tuple[int, int]] = []
    for row in range(size):
        if row in covered:
            continue
        if found and found[-1][1] == row:
            found[-1] = (found[-1][0], row + 1)
        else:
            found.append((row, row + 1))
    return found
