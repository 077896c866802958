"""News that a running call sends from a worker process to its parent, and the parent's request to cancel the call."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from jpegmend.errors import JpegmendError

CANCEL = "cancel"
"""What the parent sends instead of a call to cancel the last call that it sent."""


class Cancelled(JpegmendError):
    """The call was cancelled by its parent."""


class _Line:
    """State of this process's connection to its parent; calls are numbered from 1 as they come."""

    answers: BinaryIO | None = None
    received = begun = cancelled = 0


_line = _Line()


def connect(answers: BinaryIO) -> None:
    """Send news to this stream, on which answers go to the parent."""
    _line.answers = answers


def received(call: object) -> bool:
    """Note what the parent has sent; False if it was a request to cancel, which is no call."""
    if call == CANCEL:
        _line.cancelled = _line.received
        return False
    _line.received += 1
    return True


def begun() -> None:
    """Note that the next call begins."""
    _line.begun += 1


def tell(news: Any) -> None:
    """Send a value to the parent in the middle of a call; nothing where there is no parent.

    Raises:
        Cancelled: the parent wants this call no more.
    """
    if _line.answers is None:
        return
    if _line.cancelled >= _line.begun:
        raise Cancelled("cancelled by the caller")
    pickle.dump((None, news), _line.answers, protocol=5)
    _line.answers.flush()
