"""Chunks of a PNG file that Pillow does not read, or of which it keeps one.

It runs in the worker process and imports nothing of this package.
"""

from __future__ import annotations

from collections.abc import Iterator

_COMMENT = b"comment\0"


def read_colours(source: str) -> dict[str, int]:
    """The numbers of a PNG's colours, of its chunk cICP (PNG, third edition, 11.3.2.6), named as by the HEIC plugin."""
    for name, start in _chunks(source):
        if name == b"cICP" and len(start) >= 2:
            return {"color_primaries": start[0], "transfer_characteristics": start[1]}
        if name == b"IDAT":
            break
    return {}


def count_comments(source: str) -> int:
    """Number of the texts with the keyword ``Comment``, before the picture and after it."""
    texts = (start for name, start in _chunks(source) if name in (b"tEXt", b"zTXt", b"iTXt"))
    return sum(start.lower() == _COMMENT for start in texts)


def _chunks(source: str) -> Iterator[tuple[bytes, bytes]]:
    """Name of each chunk and the bytes that it starts with."""
    with open(source, "rb") as file:
        at = 8
        while file.seek(at) and len(head := file.read(8)) == 8 and head[4:] != b"IEND":
            length = int.from_bytes(head[:4], "big")
            yield head[4:], file.read(min(length, len(_COMMENT)))
            at += 12 + length
