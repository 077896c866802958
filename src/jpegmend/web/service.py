"""The service: scheduler, jobs and metrics of one running application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect, Request

from jpegmend.batch.share import share_out
from jpegmend.web import work
from jpegmend.web.job import Job
from jpegmend.web.jobs import Jobs
from jpegmend.web.metrics import Metrics
from jpegmend.web.scheduler import Scheduler
from jpegmend.web.settings import Settings
from jpegmend.weights import DEFAULT

_SWEEP = 10.0
"""Seconds between two looks at what has been kept for its time."""


class Service:
    """State of one application.

    Args:
        settings: limits and address.

    Raises:
        InvalidOption: the number of jobs does not fit, or the folder cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        share = share_out(1 << 30, jobs=settings.jobs, threads=settings.threads, memory=None)
        self.scheduler = Scheduler(settings, share)
        self.jobs = Jobs(settings, self.scheduler)
        self.metrics = Metrics(self.scheduler, self.jobs)
        self.stopping = asyncio.Event()
        """Set when the service is asked to stop; streams of events then end."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers, and remove what was kept for its time."""
        self.scheduler.start(lambda threads: (work.prepare, DEFAULT, threads))
        sweeper = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            self.refuse()
            sweeper.cancel()
            await self.scheduler.stop()
            self.jobs.close()

    def refuse(self) -> None:
        """Refuse new work from now on."""
        self.scheduler.stopping = True
        self.stopping.set()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self.jobs.expire()


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


async def wait(request: Request, job: Job) -> Any:
    """The answer of a job's task, when it is there. The body must have been read.

    Raises:
        Problem: it has failed.
        ClientDisconnect: the client left before.
    """
    assert job.task is not None
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({leaving, job.task.answer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    if not job.task.ended:
        raise ClientDisconnect
    return job.task.answer.result()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
