"""A writer of TensorFlow checkpoints of format 2, independent of the reader."""

from __future__ import annotations

import struct
from os.path import commonprefix
from pathlib import Path

import numpy as np


def number(value: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def crc32c(data: bytes) -> int:
    """Bit by bit, by the definition of the polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF)


def text(field: int, data: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(data)) + data


def entry(values: np.ndarray, offset: int) -> bytes:
    kind = {"float32": 1, "int64": 9}[str(values.dtype)]
    shape = b"".join(text(2, number(1 << 3) + number(side)) for side in values.shape)
    message = number(1 << 3) + number(kind) + text(2, shape) + number(4 << 3) + number(offset)
    return message + number(5 << 3) + number(values.nbytes) + number(6 << 3 | 5) + masked(values.tobytes())


def block(items: list[tuple[bytes, bytes]]) -> bytes:
    """Keys share what they begin with, and begin anew every 16 items."""
    data, restarts, last = b"", [], b""
    for place, (key, value) in enumerate(items):
        if place % 16 == 0:
            restarts.append(len(data))
            last = b""
        shared = len(commonprefix([last, key]))
        data += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
        last = key
    data += b"".join(struct.pack("<I", place) for place in restarts or [0]) + struct.pack("<I", len(restarts or [0]))
    return data


def write(base: Path, tensors: dict[str, np.ndarray], blocks: int = 2) -> Path:
    """``base.index`` and ``base.data-00000-of-00001``; the index has several data blocks."""
    numbers, items = b"", [(b"", number(1 << 3) + number(1))]
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name])
        items.append((name.encode(), entry(values, len(numbers))))
        numbers += values.tobytes()
    table, handles = b"", []
    step = -(-len(items) // blocks)
    for start in range(0, len(items), step):
        part = items[start : start + step]
        handles.append((part[-1][0], _append(table, block(part))))
        table = handles[-1][1][1]
    index = [(key, handle) for key, (handle, _) in handles]
    meta, table = _append(table, block([]))
    last, table = _append(table, block(index))
    footer = (meta + last).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    path = base.with_name(base.name + ".index")
    path.write_bytes(table + footer)
    base.with_name(base.name + ".data-00000-of-00001").write_bytes(numbers)
    return path


def _append(table: bytes, data: bytes) -> tuple[bytes, bytes]:
    """The handle of a block, and the table with it, its kind of compression and its checksum."""
    return number(len(table)) + number(len(data)), table + data + b"\0" + masked(data + b"\0")
