"""Workers of a job as processes of this machine."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

from jpegmend.batch.processes import Worker, WorkerDied, make_folder
from jpegmend.cluster.tasks import Event, Failed, Finished, Joined, Lost, Refused, Report, Task
from jpegmend.cluster.work import open_session
from jpegmend.errors import OverBudget, StorageError

Settings = tuple[str, str, int, int | None]
"""Arguments of ``work.Session``: destination, hash of the job, threads, bytes of memory."""

_STARTS = 5
"""Times that a process may fail to open its session, one after the other."""
_PAUSE = 5.0
"""Seconds between two of them."""


class LocalCrew:
    """Processes of this machine, which end with :meth:`close`. Implements :class:`~jpegmend.cluster.tasks.Crew`.

    Args:
        workers: number of processes.
        settings: arguments of each one's session.
    """

    def __init__(self, workers: int, settings: Settings) -> None:
        self._settings = settings
        self._folder = make_folder()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._tasks: list[queue.SimpleQueue[Task | None]] = [queue.SimpleQueue() for _ in range(workers)]
        self._workers = [Worker(self._folder.name) for _ in range(workers)]
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._serve, args=(number,)) for number in range(workers)]
        for thread in self._threads:
            thread.start()

    def now(self) -> float:
        """Seconds of a clock that only advances."""
        return time.monotonic()

    def give(self, worker: int, task: Task) -> None:
        """Start a task."""
        self._tasks[worker].put(task)

    def wait(self, until: float) -> list[Event]:
        """The next event; an empty list if there is none until that time."""
        with contextlib.suppress(queue.Empty):
            return [self._events.get(timeout=max(0.0, until - self.now()))]
        return []

    def stop(self, worker: int) -> None:
        """End a process that does not answer; another is started in its place."""
        self._workers[worker].kill()

    def close(self) -> None:
        """End all processes, in the middle of a task too."""
        self._closing.set()
        for worker, tasks in zip(self._workers, self._tasks, strict=True):
            worker.ask_to_stop()
            tasks.put(None)
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            thread.join()
        self._folder.cleanup()

    def _serve(self, number: int) -> None:
        """Open sessions and pass tasks to the process, in a thread of its own."""
        while self._open(number):
            self._events.put(Joined(number))
            while (task := self._tasks[number].get()) is not None:
                event = self._do(number, task)
                if event is None:
                    return
                self._events.put(event)
                if isinstance(event, Lost):
                    break
            else:
                return

    def _open(self, number: int) -> bool:
        for attempt in range(1, _STARTS + 1):
            try:
                self._workers[number].call(_open, self._settings)
                return True
            except (WorkerDied, StorageError) as error:
                if self._closing.is_set() or (attempt < _STARTS and self._closing.wait(_PAUSE)):
                    return False
                if attempt == _STARTS:
                    self._events.put(Refused(number, error))
            except Exception as error:
                self._events.put(Refused(number, error))
                return False
        return False

    def _do(self, number: int, task: Task) -> Event | None:
        try:
            report: Report = self._workers[number].call(_do, self._settings, task)
            return Finished(number, report)
        except (WorkerDied, OverBudget) as error:
            return None if self._closing.is_set() else Lost(number, False, str(error))
        except StorageError as error:
            return Failed(number, str(error))
        except Exception as error:
            return Refused(number, error)


def _open(settings: Settings) -> None:
    open_session(*settings)


def _do(settings: Settings, task: Task) -> Report:
    return open_session(*settings).do(task)
