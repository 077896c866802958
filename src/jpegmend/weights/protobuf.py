"""Reader of the protobuf wire format (https://protobuf.dev/programming-guides/encoding/): fields of a message.

Enough for what must be looked at in files of others before, or instead of, the library that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Field(NamedTuple):
    """One field of a protobuf message: a number, or the place of its bytes."""

    number: int
    value: int
    """The value of a whole number; 0 for bytes."""
    start: int
    stop: int
    """Where the bytes lie; both 0 for numbers."""


def fields(data: memoryview | bytes, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message in ``data[start:stop]``; raises ``ValueError`` where they are no protobuf."""
    while start < stop:
        key, start = varint(data, start, stop)
        if key >= 1 << 32:
            # The libraries keep the low 32 bits and so see another field than this reader would.
            raise ValueError("the key of a field has more than 32 bits")
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field of number 0")
        if kind == 0:
            value, start = varint(data, start, stop)
            yield Field(number, value, 0, 0)
            continue
        if kind == 2:
            length, start = varint(data, start, stop)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if length > stop - start:
            raise ValueError("a field that is longer than its message")
        yield Field(number, 0, start, start + length)
        start += length


def varint(data: memoryview | bytes, start: int, stop: int) -> tuple[int, int]:
    """A number of up to 64 bits, 7 a byte, and where it ends."""
    value = 0
    for place in range(10):
        if start + place >= stop:
            raise ValueError("a number that is cut off")
        byte = data[start + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & (2**64 - 1), start + place + 1
    raise ValueError("a number of more than 64 bits")
