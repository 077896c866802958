"""Jobs: one picture each, with its state, its events, its files and the time until these are removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from jpegmend.batch.names import Template
from jpegmend.batch.settings import Output
from jpegmend.formats import WRITTEN
from jpegmend.web import spool, work
from jpegmend.web.problems import Problem
from jpegmend.web.query import Request
from jpegmend.web.scheduler import Scheduler, Task
from jpegmend.web.settings import Settings

MEDIA_TYPES = {name: f"image/{name}" for name in WRITTEN}
"""Media types of the output formats."""


class Event(NamedTuple):
    """Something that happened to a job."""

    number: int
    """Rising from 1; the ``id`` of a server-sent event."""
    kind: str
    """``queued``, ``running``, ``progress``, ``done`` or ``failed``."""
    data: dict[str, Any]
    """The job as JSON at that moment."""


@dataclass(eq=False, kw_only=True)
class Job:
    """One picture to restore."""

    id: str
    folder: Path
    request: Request
    state: str = "queued"
    """``queued``, ``running``, ``done`` or ``failed``."""
    kept: bool = True
    """Whether its files stay after the answer."""
    progress: tuple[int, int] = (0, 0)
    """Tiles done and all tiles."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the worker returned."""
    problem: Problem | None = None
    task: Task | None = None
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    """When it ended or was last read."""
    bytes: int = 0
    """Bytes of its files, after its end."""
    events: list[Event] = field(default_factory=list)
    """Its events, of ``progress`` the last alone."""
    count: int = 0
    """Number of events so far."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the next event, and then replaced."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a result is written in another format."""

    @property
    def ended(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")

    def result_path(self, output: Output) -> Path:
        """The file of its result in a form."""
        return self.folder / work.result_name(output)

    def download_name(self, output: Output) -> str:
        """The name of its result, as the command would give it."""
        name = PurePath(self.request.name.replace("\\", "/")).name or "picture.jpg"
        suffix = WRITTEN[output.format or "png"].suffixes[0]
        return str(Template().fill(PurePath(name), suffix, str(self.request.options["model"]), ""))

    def describe(self, *, queued_before: int = 0) -> dict[str, Any]:
        """The job as plain values."""
        base = f"v1/jobs/{self.id}"
        facts: dict[str, Any] = {
            "id": self.id,
            "state": self.state,
            "name": self.request.name,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.created)),
            "links": {"self": base, "events": f"{base}/events"},
        }
        if self.state == "queued":
            facts["queued_before"] = queued_before
        if self.progress[1]:
            facts["progress"] = {"done": self.progress[0], "total": self.progress[1]}
        if self.state == "done":
            facts |= self.facts
            facts["result_name"] = self.download_name(self.request.output)
            facts["links"]["result"] = f"{base}/result"
            if self.request.compare:
                facts["links"] |= {"decoded": f"{base}/decoded", "change": f"{base}/change"}
        if self.problem is not None:
            facts["problem"] = self.problem.as_dict()
        return facts

    def publish(self, kind: str, **more: Any) -> None:
        """Add an event and wake those who wait for one."""
        self.count += 1
        if kind == "progress":
            self.events = [event for event in self.events if event.kind != "progress"]
        self.events.append(Event(self.count, kind, self.describe(**more)))
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Jobs:
    """All jobs of the service.

    Args:
        settings: of the service.
        scheduler: does their work.
    """

    def __init__(self, settings: Settings, scheduler: Scheduler) -> None:
        self._settings = settings
        self._scheduler = scheduler
        self._spool = spool.Spool(settings.folder)
        self._jobs: dict[str, Job] = {}
        self.ended: dict[str, int] = {"done": 0}
        """Number of jobs that ended, by ``done`` or the code of their problem."""
        self.pixels = 0
        """Number of pixels restored."""

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def bytes(self) -> int:
        """Bytes of all kept files."""
        return sum(job.bytes for job in self._jobs.values() if job.kept)

    def open(self, request: Request, *, kept: bool) -> Job:
        """A new job with an empty folder for its input; its work begins with :meth:`begin`."""
        name, folder = self._spool.make()
        job = Job(id=name, folder=folder, request=request, kept=kept)
        self._jobs[name] = job
        return job

    def begin(self, job: Job) -> None:
        """Put its work into the queue."""
        settings = self._settings
        limits = {"memory": settings.memory, "max_pixels": settings.max_pixels}

        def call(threads: int) -> tuple[Any, ...]:
            return work.restore_picture, work.Order(
                folder=job.folder,
                options={**job.request.options, **limits, "threads": threads},
                output=job.request.output,
                max_bytes=settings.max_bytes,
                compare=job.request.compare and job.kept,
                keep=job.kept,
            )

        job.task = Task(call=call, on_start=lambda: self._started(job), on_message=lambda value: _tiles(job, value))
        job.task.answer.add_done_callback(lambda answer: self._ended(job, answer))
        self._scheduler.submit(job.task)
        job.publish("queued", queued_before=self._scheduler.position(job.task))

    def find(self, name: str) -> Job:
        """The job with an id.

        Raises:
            Problem: there is none, or it is no longer kept.
        """
        job = self._jobs.get(name)
        if job is None or not job.kept:
            raise Problem("no-such-job", "no job has this id; results are kept for a limited time only")
        job.used = time.monotonic()
        return job

    def describe(self, job: Job) -> dict[str, Any]:
        """The job as plain values."""
        before = self._scheduler.position(job.task) if job.task else 0
        return job.describe(queued_before=before)

    def remove(self, job: Job) -> None:
        """End its work and remove its files."""
        self._jobs.pop(job.id, None)
        if job.task is not None and not job.task.ended:
            # Its folder is removed when the worker has let go of it.
            job.task.answer.add_done_callback(lambda answer: spool.remove(job.folder))
            self._scheduler.cancel(job.task)
        else:
            spool.remove(job.folder)

    async def write(self, job: Job, output: Output) -> Path:
        """The file of a job's result in a form; it is written if it does not exist.

        Raises:
            Problem: the job is not done, has failed or was removed, or the format cannot hold its picture.
        """
        if job.problem is not None:
            raise job.problem
        if job.state != "done":
            raise Problem("not-ready", f"its state is {job.state}; wait for the event done")
        path = job.result_path(output)
        async with job.writing:
            if not path.exists():
                job.task = Task(call=lambda threads: (work.write_again, job.folder, output))
                self._scheduler.submit(job.task, first=True)
                await asyncio.wait([job.task.answer])
                failed = job.task.answer.exception()
                self.find(job.id)  # it may have been removed meanwhile
                if failed is not None:
                    raise failed
                job.bytes = spool.bytes_in(job.folder)
        job.used = time.monotonic()
        return path

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
        """Remove what was kept for its time, and the oldest above the limit of bytes.

        Jobs that are not kept are left to the request that waits for them.
        """
        ended = sorted((job for job in self._jobs.values() if job.ended and job.kept), key=lambda job: job.used)
        oldest = time.monotonic() - self._settings.keep_seconds
        total = self.bytes
        for job in ended:
            if job.used >= oldest and total <= self._settings.keep_bytes:
                break
            total -= job.bytes
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
            job.facts = answer.result()
            job.state = "done"
            self.pixels += round(job.facts["report"]["megapixels"] * 1e6)
        else:
            job.problem = error if isinstance(error, Problem) else Problem("internal")
            job.state = "failed"
        outcome = job.problem.code if job.problem else "done"
        self.ended[outcome] = self.ended.get(outcome, 0) + 1
        job.used = time.monotonic()
        job.bytes = spool.bytes_in(job.folder)
        job.publish(job.state)
        self.expire()


def _tiles(job: Job, progress: tuple[int, int]) -> None:
    if not job.ended:
        job.progress = progress
        job.publish("progress")
