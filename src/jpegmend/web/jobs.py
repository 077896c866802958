"""The jobs of the service: their work, their results in every form, and the time until their files are removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from jpegmend.batch.settings import Output
from jpegmend.web import spool, work
from jpegmend.web.job import Event, Job
from jpegmend.web.problems import Problem, in_words
from jpegmend.web.query import Request
from jpegmend.web.scheduler import Scheduler, Task
from jpegmend.web.settings import Settings

_SENDING = 5.0
"""Seconds after it was read for which a job keeps its files above the limit of bytes: they may be about to be sent."""


class Jobs:
    """All jobs of the service.

    Args:
        settings: of the service.
        scheduler: does their work.
    """

    def __init__(self, settings: Settings, scheduler: Scheduler) -> None:
        self._settings = settings
        self._scheduler = scheduler
        self._spool = spool.open_spool(settings.folder, settings.port)
        self._jobs: dict[str, Job] = {}
        self.ended: dict[str, int] = {"done": 0}
        """Number of jobs that ended, by ``done`` or the code of their problem."""
        self.pixels = 0
        """Number of pixels restored."""

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def kept(self) -> Sequence[Job]:
        """The jobs whose files stay after their answer."""
        return [job for job in self._jobs.values() if job.kept]

    @property
    def bytes(self) -> int:
        """Bytes of all kept files."""
        return sum(job.bytes for job in self.kept)

    def open(self, request: Request, *, kept: bool) -> Job:
        """A new job with an empty folder for its input; its work begins with :meth:`begin`."""
        name, folder = self._spool.make()
        job = Job(id=name, folder=folder, request=request, kept=kept, keep_seconds=self._settings.keep_seconds)
        self._jobs[name] = job
        return job

    def begin(self, job: Job) -> None:
        """Put its work into the queue."""
        job.task = Task(
            call=self._restoration(job),
            on_start=lambda: self._started(job),
            on_message=lambda value: _tiles(job, value),
        )
        job.task.answer.add_done_callback(lambda answer: self._ended(job, answer))
        self._scheduler.submit(job.task)
        job.publish("queued", queued_before=self._scheduler.position(job.task))

    def _restoration(self, job: Job) -> Callable[[int], tuple[Any, ...]]:
        settings = self._settings
        limits = {"memory": settings.memory, "max_pixels": settings.max_pixels}
        return lambda threads: (
            work.restore_picture,
            work.Order(
                folder=job.folder,
                options={**job.request.options, **limits, "threads": threads},
                output=job.request.output,
                max_bytes=settings.max_bytes,
                compare=job.request.compare and job.kept,
                keep=job.kept,
            ),
        )

    def find(self, name: str) -> Job:
        """The job with an id.

        Raises:
            Problem: there is none, or it is no longer kept.
        """
        job = self._jobs.get(name)
        if job is None or not job.kept:
            raise _gone()
        if not job.folder.exists():  # somebody has emptied the user's cache
            self.remove(job)
            raise _gone()
        job.used = time.monotonic()
        return job

    def describe(self, job: Job) -> dict[str, Any]:
        """The job as plain values."""
        before = self._scheduler.position(job.task) if job.task else 0
        return job.describe(queued_before=before)

    def remove(self, job: Job) -> None:
        """End its work and remove its files, these when it is no longer held."""
        self._jobs.pop(job.id, None)
        job.removed = True
        if job.held:
            return
        job.bytes = 0
        if job.task is not None and not job.task.ended:
            # Its folder is removed when the worker has let go of it.
            job.task.answer.add_done_callback(lambda answer: spool.remove(job.folder))
            self._scheduler.cancel(job.task)
        else:
            spool.remove(job.folder)

    def hold(self, job: Job) -> Callable[[], None]:
        """Keep the files of a job, also where it is removed, until the function that is returned is called."""
        job.held += 1

        def release() -> None:
            job.held -= 1
            if job.removed:
                self.remove(job)

        return release

    def reduce(self, job: Job) -> None:
        """Remove all files of a job but its input."""
        spool.remove_all_but(job.folder, work.INPUT)
        job.reduced = job.state == "done"
        job.bytes = spool.bytes_in(job.folder)

    async def write(self, job: Job, output: Output) -> Path:
        """The file of a job's result in a form; it is written if it does not exist.

        Raises:
            Problem: the job is not done, has failed or was removed, or the format cannot hold its picture.
        """
        return await self._written(job, job.result_path(output), output)

    async def beside(self, job: Job, name: str) -> Path:
        """The decoded picture of a job, or the map of the change, by the name of the file.

        Raises:
            Problem: the job is not done, has failed or was removed, or was made without them.
        """
        if job.state == "done" and not job.request.compare:
            raise Problem("not-found", "the job was made without compare=true")
        return await self._written(job, job.folder / name, job.request.output)

    async def _written(self, job: Job, path: Path, output: Output) -> Path:
        if job.problem is not None:
            raise job.problem
        if job.state != "done":
            raise Problem("not-ready", f"its state is {job.state}; wait for the event done")
        async with job.writing:
            if job.reduced:
                await self._do(job, self._restoration(job))
                job.reduced = False
            if not path.exists():
                await self._do(job, lambda threads: (work.write_again, job.folder, output))
        job.used = time.monotonic()
        return path

    async def _do(self, job: Job, call: Callable[[int], tuple[Any, ...]]) -> None:
        """Make files of a job that is done."""
        job.task = Task(call=call)
        self._scheduler.submit(job.task, first=True)
        try:
            await asyncio.wait([job.task.answer])
        except asyncio.CancelledError:  # the client that waits for it left
            self._scheduler.cancel(job.task)
            raise
        failed = job.task.answer.exception()
        if job.removed and not job.held:
            raise _gone()
        if failed is not None:
            raise failed
        job.bytes = spool.bytes_in(job.folder)

    async def events(self, job: Job, after: int) -> AsyncIterator[Event]:
        """Events of a job with a number above ``after``, past and future, until it ends."""
        while True:
            changed = job.changed
            for event in [event for event in job.events if event.number > after]:
                after = event.number
                yield event
            if after < job.count:
                continue  # others came while these were sent
            if job.ended or job.id not in self._jobs:
                return
            await changed.wait()

    def expire(self) -> None:
        """Remove jobs that were kept for their time, and the files of the oldest above the limit of bytes.

        Of these the results are removed first, as they can be made again, then whole jobs. Jobs that are not kept are
        left to the request that waits for them.
        """
        now = time.monotonic()
        idle = [job for job in self.kept if job.ended and not job.held and not job.writing.locked()]
        for job in idle:
            if job.used < now - self._settings.keep_seconds:
                self.remove(job)
        rest = [job for job in idle if job.id in self._jobs and job.used < now - _SENDING]
        rest.sort(key=lambda job: job.used)
        too_many = self.bytes - self._settings.keep_bytes
        for job in rest:
            if too_many <= 0:
                return
            too_many -= job.bytes
            self.reduce(job)
            too_many += job.bytes
        inputs = sum(job.bytes for job in rest)
        for job in rest:
            if inputs <= self._settings.keep_bytes:
                return
            inputs -= job.bytes
            self.remove(job)

    def close(self) -> None:
        """Remove all files."""
        self._spool.close()

    def _started(self, job: Job) -> None:
        job.state = "running"
        job.publish("running")

    def _ended(self, job: Job, answer: asyncio.Future[Any]) -> None:
        error = answer.exception()
        if error is None:
            job.facts, job.state = answer.result(), "done"
            report = job.facts["report"]
            report["warnings"] = [in_words(warning) for warning in report["warnings"]]
            self.pixels += round(report["megapixels"] * 1e6)
        else:
            job.problem = error if isinstance(error, Problem) else Problem("internal")
            job.state = "failed"
        outcome = job.problem.code if job.problem else "done"
        self.ended[outcome] = self.ended.get(outcome, 0) + 1
        job.used = time.monotonic()
        job.bytes = spool.bytes_in(job.folder)
        job.publish(job.state)
        self.expire()


def _gone() -> Problem:
    return Problem("no-such-job", "no job has this id; results are kept for a limited time only")


def _tiles(job: Job, progress: tuple[int, int]) -> None:
    if not job.ended:
        job.progress = progress
        job.publish("progress")
