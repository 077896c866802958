"""The workers of this process: two at most, shared by all threads."""

from __future__ import annotations

import atexit
import os
import threading
from typing import Any

from jpegmend.decoding.process import Answer, Worker

SIZE = 2
"""Files that are decoded at the same time; further threads wait their turn."""


class Pool:
    """At most ``size`` worker processes; a forked child starts its own."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._inherited: list[object] = []
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._size)
        self._idle: list[Worker] = []

    def pids(self) -> list[int]:
        """Numbers of the processes that wait for work."""
        with self._lock:
            return [worker.pid for worker in self._idle if worker.pid is not None]

    def start(self) -> None:
        """Start a worker if none waits for work; does not wait for it to be ready."""
        with self._lock:
            if not self._idle:
                self._idle.append(Worker())
            self._idle[-1].start()

    def ask(self, request: dict[str, Any], seconds: float) -> Answer:
        """Send one request to a worker that is free; see ``Worker.ask``."""
        with self._free:
            with self._lock:
                worker = self._idle.pop() if self._idle else Worker()
            answer = worker.ask(request, seconds)
            if answer.content.get("reason") == "memory":
                worker.stop()  # a library does not give back what it held when memory ran out
            else:
                with self._lock:
                    self._idle.append(worker)
            return answer

    def close(self) -> None:
        """End the workers that wait for work; later requests start new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()

    def forget(self) -> None:
        """In a forked child: workers and locks are the parent's, leave both alone."""
        # Kept, not dropped: collecting a Popen would have the child wait for a process that is not its own.
        self._inherited.append(self._idle)
        self._reset()


POOL = Pool()
"""The workers of this process."""

atexit.register(POOL.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget)
