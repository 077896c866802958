"""Pages of a TIFF file by the offsets of their directories (TIFF 6.0, section 2; BigTIFF), each opened by itself.

Pillow reads every directory before a page, and all of them for their number.
"""

from __future__ import annotations

import functools
import io
import struct
from typing import IO, Any, NamedTuple


class _Layout(NamedTuple):
    """How offsets are stored; the formats are those of ``struct``."""

    place: int
    """Of the first directory's offset in the header."""
    offset: str
    size: str
    """Of a directory: the number of its entries."""
    entry: int
    """Bytes of an entry."""


class Chain(NamedTuple):
    """The directories of a file, each of which has the offset of the next."""

    offsets: tuple[int, ...]
    """In order; () where none can be read."""
    whole: bool
    """Whether the last one says so; not where the chain returns to itself, or leaves the file."""


@functools.lru_cache(maxsize=1)
def find_pages(source: str) -> Chain:
    """The directories of a file that does not change; the last result is kept, for further pages of the same file."""
    offsets: dict[int, None] = {}
    offset = -1
    with open(source, "rb") as file:
        layout = _layout(file)
        try:
            file.seek(layout.place)
            while (offset := _number(file, layout.offset)) and offset not in offsets:
                file.seek(offset)
                file.seek(offset + struct.calcsize(layout.size) + layout.entry * _number(file, layout.size))
                offsets[offset] = None
        except (struct.error, OSError, ValueError, OverflowError):  # cut short, or an offset that no file has
            pass
    return Chain(tuple(offsets), not offset)


def open_page(source: str, offset: int) -> IO[bytes]:
    """The file as if the page with this directory were the first."""
    return io.BufferedReader(_FromPage(source, offset))


class _FromPage(io.FileIO):
    """A file whose header has another offset of the first directory."""

    def __init__(self, source: str, offset: int) -> None:
        super().__init__(source, "rb")
        with open(source, "rb") as file:
            layout = _layout(file)
        self._place, self._bytes = layout.place, struct.pack(layout.offset, offset)

    def readinto(self, buffer: Any) -> int | None:
        start = self.tell()
        count = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        for at, value in enumerate(self._bytes, self._place - start):
            if 0 <= at < (count or 0):
                view[at] = value
        return count


def _layout(file: IO[bytes]) -> _Layout:
    start = file.read(4)
    order = ">" if start.startswith(b"MM") else "<"
    big = start[2:] in (b"\0+", b"+\0")
    return _Layout(8, f"{order}Q", f"{order}Q", 20) if big else _Layout(4, f"{order}I", f"{order}H", 12)


def _number(file: IO[bytes], form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])
