"""Parser of marker segments, in time linear in the length of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SOI, EOI, SOS, DQT, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE
APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE

# fmt: off
_NAMES = {   # code: what the segment holds, its name in T.81 (table B.1)
    0xC4: ("a table of Huffman codes", "DHT"),
    0xCC: ("the settings of arithmetic coding", "DAC"),
    SOS:  ("a scan header", "SOS"),
    DQT:  ("a quantisation table", "DQT"),
    0xDC: ("the number of lines", "DNL"),
    DRI:  ("the restart interval", "DRI"),
    COM:  ("a comment", "COM"),
    **{code: ("the frame header", f"SOF{code - 0xC0}") for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC)},
    **{code: ("metadata", f"APP{code - APP0}") for code in range(APP0, 0xF0)},
}
# fmt: on

LIMIT = 100_000
"""Greatest number of segments read. The largest legitimate use, extended XMP, takes one for each 64 kB."""

_MARKER = re.compile(rb"\xff[\x01-\xfe]")
# After SOS come entropy-coded bytes, in which FF 00 stands for FF and restart markers are part of the data.
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_BARE = frozenset([0x01, SOI, EOI, *range(0xD0, 0xD8)])


class Segment(NamedTuple):
    """One marker with its segment."""

    code: int
    """Second byte of the marker, 1..254."""
    at: int
    """Offset of the marker."""
    body: bytes
    """Content after the two length bytes; empty for a marker without a length."""
    whole: bool
    """False if the file ends inside the segment or its length is invalid."""
    skipped: int
    """Number of bytes before the marker that belong to no segment."""


def segments(data: bytes) -> Iterator[Segment]:
    """Iterate over the marker segments after the first SOI, up to EOI, the end of the data, or the first broken one.

    Entropy-coded data is skipped. A broken segment (``whole`` is False) is the last one.
    """
    position, pattern = 2, _MARKER
    for _ in range(LIMIT):
        match = pattern.search(data, position)
        if match is None:
            return
        at = match.start()
        code, start = data[at + 1], at + 2
        skipped = 0 if pattern is _AFTER_SCAN else at - position - _fill_bytes(data, position, at)
        if code in _BARE:
            yield Segment(code, at, b"", True, skipped)
            position, pattern = start, _MARKER
            if code == EOI:
                return
            continue
        length = int.from_bytes(data[start : start + 2], "big")
        end = start + length
        whole = length >= 2 and end <= len(data)
        yield Segment(code, at, data[start + 2 : end], whole, skipped)
        if not whole:
            return
        position, pattern = end, _AFTER_SCAN if code == SOS else _MARKER


def describe(code: int) -> str:
    """What a segment holds, for messages.

    >>> describe(0xC4), describe(0xF0)
    ('a table of Huffman codes (DHT, marker ffc4)', 'a segment of unknown content (marker fff0)')
    """
    if code not in _NAMES:
        return f"a segment of unknown content (marker ff{code:02x})"
    content, name = _NAMES[code]
    return f"{content} ({name}, marker ff{code:02x})"


def _fill_bytes(data: bytes, position: int, at: int) -> int:
    """Number of fill bytes FF directly before a marker (T.81 B.1.1.2)."""
    between = data[position:at]
    return len(between) - len(between.rstrip(b"\xff"))
