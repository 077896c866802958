"""Reading of one input (file, pipe or standard input) up to a size limit, and facts from its header."""

from __future__ import annotations

import hashlib
import os
import select
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jpegmend.batch.find import STANDARD
from jpegmend.errors import InputError, JpegmendError, TooLarge

_PIECE = 1 << 20
_PIPE_SECONDS = 300.0
"""How long the first byte of a pipe may take."""


@dataclass(frozen=True)
class State:
    """Size and time of a file, by which a changed input is recognised."""

    size: int
    mtime_ns: int


def state_of(path: Path) -> State | None:
    """Size and time of a regular file; None for anything else, such as standard input where a file is called ``-``."""
    if path == STANDARD:
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return State(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def is_inherited(path: Path) -> bool:
    """Whether a path may be an open file of this process, which no other has: standard input, ``/dev/fd/63``."""
    place = os.path.abspath(path)
    return path == STANDARD or (place.startswith("/dev/") and not place.startswith("/dev/shm/"))


def is_stream(path: Path) -> bool:
    """Whether a path may give other data each time it is read: standard input, a pipe, or a device."""
    if is_inherited(path):
        return True
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def read_input(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file, of a pipe, or of standard input; each is read once and never beyond ``max_bytes``.

    Of data that begins as no picture only the first piece is read, so that an endless stream is given up at once.

    Raises:
        TooLarge: there is more.
        InputError: it cannot be read, standard input is closed, or a named pipe gets nothing for five minutes.
    """
    try:
        if path == STANDARD:
            return _take(sys.stdin.buffer, max_bytes)
        with _open_pipe(path) if path.is_fifo() else path.open("rb") as stream:
            return _take(stream, max_bytes)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _open_pipe(path: Path) -> BinaryIO:
    """A named pipe, once something was written to it; plain opening waits for a writer for ever."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not select.select([pipe], [], [], _PIPE_SECONDS)[0]:
        os.close(pipe)
        raise InputError(f"nothing was written to this pipe for {_PIPE_SECONDS:g} s; start its writer first")
    os.set_blocking(pipe, True)
    return os.fdopen(pipe, "rb")


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _take(stream: BinaryIO, max_bytes: int) -> bytes:
    from jpegmend.jpeg import sniff

    pieces, total, size = [], 0, _size_of(stream)
    while piece := stream.read(min(_PIECE, max_bytes + 1 - total)):
        pieces.append(piece)
        if not total and len(piece) == _PIECE and sniff(piece[:512]) == "unknown":
            break  # the reader says so
        total += len(piece)
        if max(total, size) > max_bytes:
            raise TooLarge(f"more than {max_bytes:,} bytes; raise max_bytes to read it")
    return b"".join(pieces)


def _size_of(stream: BinaryIO) -> int:
    """Bytes of a regular file; 0 of anything else, whose end is known when it comes."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream in memory
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def quality_of(path: Path, max_bytes: int) -> str:
    """The libjpeg quality nearest to a JPEG's luma table, as text; ``unknown`` for anything else, and for pipes."""
    from jpegmend import jpeg
    from jpegmend.jpeg.tables import nearest_quality

    if state_of(path) is None:
        return "unknown"
    try:
        header = jpeg.read_header(read_input(path, max_bytes))
    except (JpegmendError, OSError):
        return "unknown"
    return str(nearest_quality(header.components[0].table)[0])


def is_large(path: Path, pixels: int) -> bool:
    """Whether a file holds at least ``pixels`` pixels, by its header where it is a JPEG, else by its bytes.

    For other formats two pixels a byte are assumed. Pipes are not examined, because their data can be read only once.
    """
    if (state := state_of(path)) is None:
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(1 << 16)
    except (OSError, ValueError):
        return False
    if head[:2] == b"\xff\xd8" and (found := _frame_pixels(head)):
        return found >= pixels
    return 2 * state.size >= pixels


def _frame_pixels(head: bytes) -> int:
    """Height times width in the first frame header; 0 if there is none in these bytes."""
    place = 2
    while place + 9 <= len(head) and head[place] == 0xFF:
        code = head[place + 1]
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(head[place + 5 : place + 7]) * int.from_bytes(head[place + 7 : place + 9])
        place += 2 + int.from_bytes(head[place + 2 : place + 4])
    return 0
