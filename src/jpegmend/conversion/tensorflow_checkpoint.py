"""Reader of TensorFlow checkpoints of format 2 (``NAME.index`` and ``NAME.data-00000-of-00001``), without TensorFlow.

The index is a sorted table as in LevelDB (github.com/google/leveldb, doc/table_format.md), whose values are messages of
tensorflow/core/protobuf/tensor_bundle.proto; the data file holds the numbers alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import ModelRefused, WeightsDamaged
from jpegmend.weights.foreign import check_size
from jpegmend.weights.protobuf import fields, varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TRAILER = 5
"""Bytes after a block: kind of compression, and a checksum."""
_FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}
"""Numpy's types by TensorFlow's numbers: float, double, half."""


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies in the data file."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def read_checkpoint(index: Path) -> dict[str, NDArray[np.float32]]:
    """The floating-point tensors of a checkpoint by name, in TensorFlow's order of axes, as float32.

    Raises:
        ModelRefused: more than 1 GiB, compressed blocks, or a checkpoint in several data files.
        WeightsDamaged: files that are missing, cut short, or whose checksums differ.
    """
    if index.suffix != ".index":
        raise ModelRefused(f"{index.name}: give the checkpoint's .index; its .data-00000-of-00001 lies beside it")
    data = index.with_name(f"{index.stem}.data-00000-of-00001")
    try:
        for file in (index, data):
            check_size(file.stat().st_size, file.name)
        table, numbers = index.read_bytes(), data.read_bytes()
        entries = {name.decode(): _entry(value) for name, value in _items(table, index.name) if name}
    except OSError as error:
        raise WeightsDamaged(f"the checkpoint cannot be read: {error}") from error
    except (ValueError, IndexError) as error:
        raise WeightsDamaged(f"{index.name} is no TensorFlow checkpoint of format 2: {error}") from error
    if any(entry.shard for entry in entries.values()):
        raise ModelRefused(f"{index.name} has several data files; one is read")
    return {name: _tensor(numbers, name, entry, data.name) for name, entry in entries.items() if entry.type in _FLOATS}


def _items(table: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a table, in order."""
    if len(table) < _FOOTER or int.from_bytes(table[-8:], "little") != _MAGIC:
        raise ValueError("the end of the table is missing")
    start = len(table) - _FOOTER
    for _ in range(2):  # the handle of the metaindex, which is not needed
        _, start = varint(table, start, len(table))
    for _, handle in _block(table, *_handle(table, start), name):
        yield from _block(table, *_handle(handle, 0), name)


def _handle(data: bytes, start: int) -> tuple[int, int]:
    """The place and the size of a block."""
    place, start = varint(data, start, len(data))
    size, _ = varint(data, start, len(data))
    return place, size


def _block(table: bytes, place: int, size: int, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block; each key gives only what differs from the one before it."""
    end = place + size
    if end + _TRAILER > len(table) or size < 4:
        raise ValueError("a block that lies outside the table")
    if table[end]:
        raise ModelRefused(f"{name} is compressed (snappy), which is not read; save it again by TensorFlow 1")
    if masked_checksum(table[place : end + 1]) != int.from_bytes(table[end + 1 : end + _TRAILER], "little"):
        raise ValueError("a block whose checksum differs")
    stop = end - 4 - 4 * int.from_bytes(table[end - 4 : end], "little")
    key = b""
    while place < stop:
        shared, place = varint(table, place, stop)
        more, place = varint(table, place, stop)
        length, place = varint(table, place, stop)
        key = key[:shared] + table[place : place + more]
        place += more
        yield key, table[place : place + length]
        place += length


def _entry(value: bytes) -> _Entry:
    """A BundleEntryProto: type 1, shape 2, shard 3, offset 4, size 5, checksum 6."""
    found = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    shape: tuple[int, ...] = ()
    for field in fields(value, 0, len(value)):
        if field.number == 2:
            shape = _shape(value[field.start : field.stop])
        elif field.number == 6:
            found[6] = int.from_bytes(value[field.start : field.stop], "little")
        elif field.number == 7:
            raise ValueError("a tensor in slices")
        elif field.number in found:
            found[field.number] = field.value
    return _Entry(found[1], shape, found[3], found[4], found[5], found[6])


def _shape(value: bytes) -> tuple[int, ...]:
    """A TensorShapeProto: dimensions 2, each with a size 1."""
    sides = []
    for field in fields(value, 0, len(value)):
        if field.number == 2:
            inner = value[field.start : field.stop]
            sides.append(sum(part.value for part in fields(inner, 0, len(inner)) if part.number == 1))
    return tuple(sides)


def _tensor(numbers: bytes, name: str, entry: _Entry, file: str) -> NDArray[np.float32]:
    part = numbers[entry.offset : entry.offset + entry.size]
    kind = np.dtype(_FLOATS[entry.type])
    if len(part) != entry.size or entry.size != kind.itemsize * math.prod(entry.shape):
        raise WeightsDamaged(f"{file} is cut short: {name!r} is not whole; fetch it again")
    if masked_checksum(part) != entry.checksum:
        raise WeightsDamaged(f"{file}: the checksum of {name!r} differs; fetch it again")
    return np.frombuffer(part, kind).reshape(entry.shape).astype(np.float32)


def masked_checksum(data: bytes) -> int:
    """The CRC-32C of bytes, rotated and shifted as TensorFlow stores it."""
    crc = checksum(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def checksum(data: bytes) -> int:
    """CRC-32C (Castagnoli).

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
