"""Standard streams and signals of the process: closed streams, names that cannot be printed, ends asked for."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import Any

BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell reports of a program whose reader went away."""


class Terminated(SystemExit):
    """The system asked the process to end; unwinds like Ctrl-C, so that no temporary file stays behind."""


def prepare() -> None:
    """Make the process's streams usable whatever they are, and have SIGTERM and SIGHUP unwind.

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


def silence() -> None:
    """After a broken pipe: let what is still in the buffers go nowhere, without a message at exit."""
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
    signal.signal(number, signal.SIG_IGN)  # a second one would break into the cleaning up
    raise Terminated(128 + number)
