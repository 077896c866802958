"""Scheduler: a bounded queue of calls, done by worker processes under limits of time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from jpegmend.batch.messages import Cancelled
from jpegmend.batch.processes import Worker, WorkerDied, make_folder
from jpegmend.batch.share import Share
from jpegmend.decoding.memory import resident_bytes
from jpegmend.errors import JpegmendError
from jpegmend.web.problems import Problem, from_error, from_other_error, in_words, shutting_down
from jpegmend.web.settings import Settings

log = logging.getLogger("jpegmend.web")

_LOOK = 0.2
"""Seconds between two looks at the limits of a running call."""
_PATIENCE = 10.0
"""Seconds a cancelled call may take to its next tile, after which its process is ended."""
_TRIES = 2
"""Number of times a call is begun whose worker process ends."""


@dataclass(eq=False, kw_only=True)
class Task:
    """One call for a worker."""

    call: Callable[[int], tuple[Any, ...]]
    """Gives the function and its arguments, for a number of CPU threads."""
    on_start: Callable[[], None] = lambda: None
    on_message: Callable[[Any], None] = lambda value: None
    """Called in the event loop with each message of the function."""
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The function's result; its exceptions are :class:`Problem`."""
    worker: Worker | None = None
    """The worker that does it now."""
    cancelled: float | None = None
    """When it was cancelled."""
    timed: bool = True
    """Whether it may take no longer than a job; not where a worker starts, which says nothing of a picture."""
    tries: int = 0
    """Number of workers that ended unexpectedly during it."""

    @property
    def ended(self) -> bool:
        """Whether there is an answer."""
        return self.answer.done()


class Scheduler:
    """Calls in worker processes, first come, first served.

    Args:
        settings: of the service.
        share: number of processes, and threads of each.
    """

    def __init__(self, settings: Settings, share: Share) -> None:
        self._settings = settings
        self._share = share
        self._waiting: deque[Task] = deque()
        self._reserved = 0
        self._something = asyncio.Event()
        self._folder: TemporaryDirectory[str] | None = None
        self._workers: list[Worker] = []
        self._threads = ThreadPoolExecutor(share.jobs, thread_name_prefix="jpegmend-web")
        self._runners: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._running = 0
        self._recent: deque[float] = deque(maxlen=32)
        self.restarts = 0
        """Number of worker processes that ended unexpectedly."""
        self.ready = False
        """Whether the default network is loaded in a worker."""
        self._unprepared = 0
        self.failed = False
        """Whether no worker could load it."""
        self.stopping = False
        """Whether new calls are refused."""

    @property
    def waiting(self) -> int:
        """Number of calls that wait, and of places that are reserved for uploads."""
        return len(self._waiting) + self._reserved

    @property
    def full(self) -> bool:
        """Whether no place in the queue is free."""
        return self.waiting >= self._settings.queue

    @property
    def running(self) -> int:
        """Number of calls in workers."""
        return self._running

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def start(self, prepare: Callable[[int], tuple[Any, ...]]) -> None:
        """Start the workers; each makes the call ``prepare`` first."""
        self._folder = make_folder()
        self._workers = [Worker(self._folder.name) for _ in range(self._share.jobs)]
        self._runners = [asyncio.create_task(self._run(worker, prepare)) for worker in self._workers]

    @contextlib.contextmanager
    def place(self) -> Any:
        """A reserved place in the queue, for the time of an upload.

        Raises:
            Problem: the queue is full, or the service is being stopped.
        """
        self.check_open()
        if self.full:
            seconds = self.expected_wait()
            detail = f"{self.waiting} jobs wait, which is the most; try again in {seconds} s"
            raise Problem("queue-full", detail, {"Retry-After": str(seconds)})
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    def check_open(self) -> None:
        """Raise ``Problem`` if the service is being stopped."""
        if self.stopping:
            raise shutting_down()

    def expected_wait(self) -> int:
        """Seconds until a place in the queue is likely to be free, from the duration of recent calls; at least 1."""
        mean = sum(self._recent) / len(self._recent) if self._recent else 1.0
        return max(1, round(mean / self._share.jobs))

    def submit(self, task: Task, *, first: bool = False) -> None:
        """Put a call at the end of the queue, or with ``first`` before the others (short calls)."""
        self.check_open()
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)
        self._something.set()

    def position(self, task: Task) -> int:
        """Number of calls before this one; 0 if it does not wait."""
        return self._waiting.index(task) if task in self._waiting else 0

    def cancel(self, task: Task) -> None:
        """End a call: at once if it waits, at its next tile if it runs."""
        if task.ended or task.cancelled is not None:
            return
        task.cancelled = time.monotonic()
        if task in self._waiting:
            self._waiting.remove(task)
            _fail(task, Problem("cancelled"))
        elif task.worker is not None:
            worker = task.worker
            # Not in this thread: a pipe to a busy process may be full.
            self._in_background(asyncio.to_thread(worker.ask_to_cancel))

    async def stop(self) -> None:
        """End the workers; calls that wait or run fail."""
        self.stopping = True
        while self._waiting:
            _fail(self._waiting.popleft(), shutting_down())
        for worker in self._workers:
            worker.ask_to_stop()
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True)
        if self._folder is not None:
            self._folder.cleanup()

    async def _run(self, worker: Worker, prepare: Callable[[int], tuple[Any, ...]]) -> None:
        """Do one call after the other."""
        first = Task(call=prepare, timed=False)
        await self._do(worker, first)
        if not isinstance(problem := first.answer.exception(), Problem):
            self.ready = True
        elif not self.stopping:
            log.error("a worker cannot load the network: %s", problem.detail or problem.code)
            self._unprepared += 1
            self.failed = self._unprepared == len(self._workers)
        while True:
            while not self._waiting:
                self._something.clear()
                await self._something.wait()
            await self._do(worker, self._waiting.popleft())

    async def _do(self, worker: Worker, task: Task) -> None:
        """Do a call, again where its worker ended unexpectedly or the call was cancelled in place of the one before."""
        started = time.monotonic()
        task.worker = worker
        self._running += 1
        task.on_start()
        try:
            while not task.ended:
                await self._try(worker, task)
            self._recent.append(time.monotonic() - started)
        except asyncio.CancelledError:
            _fail(task, shutting_down())
            raise
        finally:
            self._running -= 1
            task.worker = None

    async def _try(self, worker: Worker, task: Task) -> None:
        loop = asyncio.get_running_loop()
        alone = self._running == 1 and not self._waiting
        function, *arguments = task.call(self._share.all_threads if alone else self._share.threads)

        def tell(value: Any) -> None:
            loop.call_soon_threadsafe(task.on_message, value)

        call = loop.run_in_executor(self._threads, lambda: worker.call(function, *arguments, on_message=tell))
        limits = asyncio.create_task(self._watch(worker, task))
        try:
            result = await call
            if not task.ended:
                task.answer.set_result(result)
        except Cancelled:
            # The request to cancel the call before may reach the worker when it has begun this one.
            if task.cancelled is not None:
                _fail(task, Problem("cancelled"))
        except WorkerDied as error:
            self._after_death(task, limits, error)
        except JpegmendError as error:
            problem = from_error(error)
            if problem.detail is None or problem.status >= 500:
                log.error("a job failed: %s: %s", type(error).__name__, error)
            _fail(task, problem)
        except Exception as error:
            log.exception("a job failed by an unexpected error")
            _fail(task, from_other_error(error))
        finally:
            limits.cancel()

    def _after_death(self, task: Task, limits: asyncio.Task[Problem], error: WorkerDied) -> None:
        if limits.done() and not limits.cancelled():
            _fail(task, limits.result())
        elif self.stopping:
            _fail(task, shutting_down())
        elif task.cancelled is not None:
            _fail(task, Problem("cancelled"))
        else:
            self.restarts += 1
            task.tries += 1
            log.warning("a worker process ended during a job (try %d of %d): %s", task.tries, _TRIES, error)
            if task.tries >= _TRIES:
                _fail(task, Problem("worker-died", f"{in_words(str(error))}; so it did at a second try"))

    async def _watch(self, worker: Worker, task: Task) -> Problem:
        """End the worker's process when a limit is exceeded; the problem to tell."""
        started, settings = time.monotonic(), self._settings
        while True:
            await asyncio.sleep(_LOOK)
            problem = None
            if task.timed and time.monotonic() - started > settings.seconds:
                problem = Problem("time-limit", f"allowed are {settings.seconds:g} s; the job was ended")
            elif task.cancelled is not None and time.monotonic() - task.cancelled > _PATIENCE:
                problem = Problem("cancelled")
            elif worker.pid is not None and resident_bytes(worker.pid) > settings.most_memory:
                most = settings.most_memory / 1e6
                problem = Problem("memory-limit", f"allowed are {most:,.0f} MB; the job was ended")
            if problem is not None:
                worker.kill()
                return problem

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        # A reference, as the event loop has only a weak one.
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _fail(task: Task, problem: Problem) -> None:
    if not task.ended:
        task.answer.set_exception(problem)
        task.answer.exception()  # marked as seen: not every answer is waited for
