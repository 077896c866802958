"""Messages that a running call sends from a worker process to its parent, and the parent's request to cancel it."""

from __future__ import annotations

import pickle
from typing import IO, Any, BinaryIO

from jpegmend.errors import JpegmendError

CANCEL = "cancel"
"""The message by which the parent cancels the last call that it sent."""
_LENGTH = 8
"""Bytes that state the length of a call."""


class Cancelled(JpegmendError):
    """The call was cancelled by its parent."""


class _Connection:
    """State of this process's connection to its parent; calls are numbered from 1 as they come."""

    answers: BinaryIO | None = None
    received = begun = cancelled = 0


_connection = _Connection()


def write(message: bytes, stream: IO[bytes]) -> None:
    """Send a pickled call to a worker, after its length: one that cannot be unpickled leaves the next ones readable."""
    stream.write(len(message).to_bytes(_LENGTH))
    stream.write(message)
    stream.flush()


def read(stream: BinaryIO) -> bytes:
    """The next pickled call; raises ``EOFError`` where the parent has ended."""
    length = stream.read(_LENGTH)
    message = stream.read(int.from_bytes(length))
    if len(length) < _LENGTH or len(message) < int.from_bytes(length):
        raise EOFError
    return message


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
