"""Worker processes for many pictures: answers in the order of the calls, a process that dies costs one picture."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from jpegmend.batch import messages
from jpegmend.batch.limited import TIME_IS_UP, TOO_SLOW
from jpegmend.decoding.process import ONE_THREAD
from jpegmend.errors import JpegmendError, NoRoom, OutputError, OverBudget, describe, says_no_room

Given = TypeVar("Given")
_AHEAD = 4
"""Pictures in hand for each process: enough that one slow picture does not leave the others idle."""
_STOPPING = 5.0
"""Seconds a process may take to remove its temporary files when it is told to stop."""


class WorkerDied(JpegmendError):
    """A worker process ended while it restored a picture."""


class Worker:
    """A process of :mod:`jpegmend.batch.worker`, started on demand, and again after it has ended."""

    def __init__(self, folder: str, kept_open: tuple[int, ...] = ()) -> None:
        """``folder``: one for all workers of a caller, who removes it; each has its own in it for temporary files."""
        self._folder = tempfile.mkdtemp(dir=folder)
        self._kept_open = kept_open
        self._process: subprocess.Popen[bytes] | None = None
        self._sending = threading.Lock()
        self.stopping = False
        """Whether it was asked to stop for good."""

    @property
    def pid(self) -> int | None:
        """Process id; None if no process was started yet."""
        return None if self._process is None else self._process.pid

    def call(
        self, function: Callable[..., Any], *arguments: Any, on_message: Callable[[Any], None] = lambda value: None
    ) -> Any:
        """The function's result, computed in the process; the function must be one of a module.

        ``on_message`` is called, in this thread, with each value that the function sends by ``messages.send``.

        Raises:
            Cancelled: the call was cancelled.
            OverBudget: the system ended the process, as it had used up its processor time.
            WorkerDied: it ended for another reason. The next call starts another process after both.
            Exception: what the function raised.
        """
        sent = pickle.dumps((function, arguments), protocol=5)
        process = self._running()
        assert process.stdout is not None
        try:
            self._send(sent, process)
            while (message := pickle.load(process.stdout))[0] is None:
                on_message(message[1])
            done, value = message
        except (OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
            if (status := process.wait()) == TIME_IS_UP:
                raise OverBudget(TOO_SLOW) from error
            raise WorkerDied(_why(status)) from error
        except BaseException:  # what the process still sends would be read as the answer to the next call
            self.stop()
            raise
        if not done:
            raise value
        return value

    def ask_to_cancel(self) -> None:
        """Have the running call end by ``Cancelled`` when it next sends a message."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError, ValueError):  # it has ended
                self._send(pickle.dumps(messages.CANCEL), process)

    def kill(self) -> None:
        """End the process at once, in the middle of a call too; the next call starts another."""
        if self._process is not None:
            self._process.kill()

    def ask_to_stop(self) -> None:
        """Send the process a signal to end; it removes its temporary files first. No other one is started."""
        self.stopping = True
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()

    def _send(self, message: bytes, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with self._sending:
            messages.write(message, process.stdin)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        if self.stopping:
            raise WorkerDied("the workers of this run were stopped")
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jpegmend.batch.worker", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, "TMPDIR": self._folder},
            pass_fds=self._kept_open,
        )
        return self._process


def make_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for workers and their temporary files, which the caller removes.

    Raises:
        OutputError: it cannot be made, as on a full disk.
    """
    try:
        return tempfile.TemporaryDirectory(prefix="jpegmend-", ignore_cleanup_errors=True)
    except OSError as error:
        kind = NoRoom if says_no_room(error) else OutputError
        told = f"no folder for temporary files can be made: {describe(error)} (the variable TMPDIR names another place)"
        raise kind(told) from error


class Pool(Generic[Given]):
    """A pool of workers, which ends with :meth:`close`.

    Args:
        call: what is done with each item: called in a thread with a worker and the item.
        jobs: processes.
        kept_open: descriptors that the workers inherit.
    """

    def __init__(self, call: Callable[[Worker, Given], Any], jobs: int, kept_open: tuple[int, ...] = ()) -> None:
        self._call = call
        self._folder = make_folder()
        self._workers = [Worker(self._folder.name, kept_open) for _ in range(jobs)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="jpegmend")
        self._running: set[Future[Any]] = set()
        self._ahead = _AHEAD * jobs

    def in_order(self, items: Iterable[Given], alone: Callable[[Given], bool]) -> Iterator[tuple[Given, Any]]:
        """Each item with its result or the exception it raised, in the order of the items.

        While an item runs for which ``alone`` is true, no other runs.
        """
        waiting: deque[tuple[Given, Future[Any]]] = deque()
        for item in items:
            if alone(item):
                yield from ((given, _result(future)) for given, future in waiting)
                waiting.clear()
                yield item, self.run_alone(item)
                continue
            waiting.append((item, self._submit(item)))
            if len(waiting) >= self._ahead:
                given, future = waiting.popleft()
                yield given, _result(future)
        for given, future in waiting:
            yield given, _result(future)

    def run_alone(self, item: Given) -> Any:
        """The result of one item, or the exception it raised; all that run are waited for first."""
        wait(list(self._running))
        return _result(self._submit(item))

    def as_they_come(self, items: Iterable[Given]) -> Iterator[tuple[Given, Any]]:
        """Each item with its result or the exception it raised, as soon as it is ready."""
        running: dict[Future[Any], Given] = {}
        for item in items:
            running[self._submit(item)] = item
            while len(running) >= self._ahead:
                yield from _take_done(running)
        while running:
            yield from _take_done(running)

    def close(self) -> None:
        """End all processes, in the middle of a picture too, and remove their temporary files."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True)
        self._folder.cleanup()

    def _submit(self, item: Given) -> Future[Any]:
        future = self._threads.submit(self._do, item)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def _do(self, item: Given) -> Any:
        worker = self._idle.get()
        try:
            return self._call(worker, item)
        finally:
            self._idle.put(worker)


def _take_done(running: dict[Future[Any], Given]) -> Iterator[tuple[Given, Any]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), _result(future)


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except Exception as error:
        return error


def _why(status: int) -> str:
    if status == -getattr(signal, "SIGKILL", 9):
        return "the worker process was killed by the system, most likely because memory ran out; give a smaller jobs="
    if status < 0:
        return f"the worker process was ended by signal {-status} ({signal.Signals(-status).name})"
    return f"the worker process ended with exit status {status}"
