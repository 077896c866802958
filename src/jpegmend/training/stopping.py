"""Signals in training: SIGINT (Ctrl-C) and SIGTERM stop after the step and a save, SIGCONT ends a pause."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Request:
    """The signals that have arrived."""

    made: bool = False
    """Whether one to stop was among them."""
    resumed: float = 0.0
    """The ``time.monotonic()`` at which the process went on after its last pause (Ctrl-Z, SIGSTOP); 0 without one."""


_STOPPING = (signal.SIGINT, signal.SIGTERM)
_RESUMING = tuple(getattr(signal, name) for name in ("SIGCONT",) if hasattr(signal, name))
"""Windows has no SIGCONT, and no pauses."""


@contextmanager
def stop_requests() -> Iterator[Request]:
    """Turn the first SIGINT or SIGTERM into a request; a second one has its usual effect. Ends of pauses are noted."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (*_STOPPING, *_RESUMING)}

    def restore(numbers: Iterable[signal.Signals]) -> None:
        for number in numbers:
            # None: a handler that was not set by Python, and cannot be put back.
            signal.signal(number, before[number] or signal.SIG_DFL)

    def ask(number: int, frame: Any) -> None:
        request.made = True
        restore(_STOPPING)

    def resume(number: int, frame: Any) -> None:
        request.resumed = time.monotonic()

    for number in before:
        signal.signal(number, resume if number in _RESUMING else ask)
    try:
        yield request
    finally:
        restore(before)
