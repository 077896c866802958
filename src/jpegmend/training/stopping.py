"""SIGINT (Ctrl-C) and SIGTERM as requests to stop, so that the step ends and everything is saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Request:
    """Whether a signal to stop has arrived."""

    made: bool = False


@contextmanager
def stop_requests() -> Iterator[Request]:
    """Turn the first SIGINT or SIGTERM into a request; a second one has its usual effect."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: Any) -> None:
        request.made = True
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        restore()
