"""The standard streams: set-up, handlers of SIGTERM, SIGHUP and broken pipes, messages on standard error."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from jpegmend.errors import InputError, OutputError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of a stream that cannot take more."""
BROKEN_PIPE = 141
"""Exit code after a broken pipe: 128 + SIGPIPE, as shells report it."""


class Terminated(SystemExit):
    """Raised by SIGTERM and SIGHUP, so that temporary files are removed, as after Ctrl-C."""


def prepare() -> None:
    """Replace closed standard streams, allow any file name in output, and make SIGTERM and SIGHUP raise.

    A closed descriptor 0, 1 or 2 is opened on the null device: otherwise the next file would take its number.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A signal that is ignored already (nohup) stays ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def say(text: str) -> None:
    """Write a line to standard error at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_step(step: str) -> None:
    """Say on standard error which step of a long run begins."""
    say(f"{step} ...")


def printable(text: Path | str) -> str:
    """A path or a message for a terminal, its control characters written as escapes.

    >>> printable(Path("two\\nlines"))
    'two\\\\x0alines'
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", str(text))


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Begin the message of an :class:`InputError` in the block with the path of the file that was read."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"{file}: {error}") from error


def check_standard_output() -> None:
    """Raise ``OutputError`` where standard output was closed before the command began, so a picture would be lost."""
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise OutputError("standard output is closed; choose another -o")


def silence() -> None:
    """After a broken pipe: discard buffered output, so that there is no message at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _end(number: int, frame: FrameType | Any) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleanup
    raise Terminated(128 + number)
