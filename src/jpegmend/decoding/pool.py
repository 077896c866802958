"""Pool of at most two decoding workers, shared by all threads of this process."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from typing import Any

from jpegmend.decoding.process import Answer, Worker
from jpegmend.errors import DecoderStopped

SIZE = 2
"""Number of files that are decoded at the same time; further threads wait."""


class Pool:
    """A pool of at most ``size`` worker processes; a forked child starts its own."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._inherited: list[object] = []
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._size)
        self._idle: list[Worker] = []

    def pids(self) -> list[int]:
        """Process ids of the idle workers."""
        with self._lock:
            return [worker.pid for worker in self._idle if worker.pid is not None]

    def start(self) -> None:
        """Start a worker if none is idle; does not wait until it is ready. What hinders it is told by the request."""
        if not self._free.acquire(blocking=False):
            return  # all are at work: the request will wait for one of them
        try:
            with self._lock, contextlib.suppress(OSError, DecoderStopped):
                if not self._idle:
                    self._idle.append(Worker())
                self._idle[-1].start()
        finally:
            self._free.release()

    def ask(self, request: dict[str, Any], seconds: float) -> Answer:
        """Send one request to an idle worker; see ``Worker.ask``."""
        with self._free:
            with self._lock:
                worker = self._idle.pop() if self._idle else Worker()
            answer = worker.ask(request, seconds)
            if answer.content.get("reason") == "memory":
                worker.stop()  # a library may not free its memory after an allocation failed
            else:
                with self._lock:
                    self._idle.append(worker)
            return answer

    def close(self) -> None:
        """End the idle workers; later requests start new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()

    def forget(self) -> None:
        """Start empty in a forked child, without touching the workers and locks of the parent."""
        # The old list is kept: deleting a Popen would wait for a process that is no child of this one.
        self._inherited.append(self._idle)
        self._reset()


POOL = Pool()
"""The pool of this process."""

atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
