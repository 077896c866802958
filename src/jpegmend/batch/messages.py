"""Messages that a running call sends from a worker process to its parent, and the parent's request to cancel it."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from jpegmend.errors import JpegmendError

CANCEL = "cancel"
"""The message by which the parent cancels the last call that it sent."""


class Cancelled(JpegmendError):
    """The call was cancelled by its parent."""


class _Connection:
    """State of this process's connection to its parent; calls are numbered from 1 as they come."""

    answers: BinaryIO | None = None
    received = begun = cancelled = 0


_connection = _Connection()


def connect(answers: BinaryIO) -> None:
    """Send messages to this stream, on which answers go to the parent."""
    _connection.answers = answers


def note_received(call: object) -> bool:
    """Note what the parent has sent; False if it was a request to cancel, which is no call."""
    if call == CANCEL:
        _connection.cancelled = _connection.received
        return False
    _connection.received += 1
    return True


def note_begun() -> None:
    """Note that the next call begins."""
    _connection.begun += 1


def send(message: Any) -> None:
    """Send a value to the parent in the middle of a call; nothing where there is no parent.

    Raises:
        Cancelled: the parent cancelled this call.
    """
    if _connection.answers is None:
        return
    if _connection.cancelled >= _connection.begun:
        raise Cancelled("cancelled by the caller")
    pickle.dump((None, message), _connection.answers, protocol=5)
    _connection.answers.flush()
