"""Many pictures in one memory-mapped file: opens in a moment, however many there are.

The file: ``JMPACK1\n``; the length of the index, eight bytes, little end first; the index, JSON; from the next
multiple of 4096 on the pictures, uint8, ``[3, H, W]`` each, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jpegmend.errors import MissingData

SUFFIX = ".pack"
_MAGIC = b"JMPACK1\n"
_PAGE = 4096


def write(path: Path, pictures: Iterable[tuple[str, Tensor]]) -> int:
    """Pack ``(name, [3, H, W] uint8)`` one by one and return how many; the file appears when it is whole."""
    entries, offset = [], 0
    body, partial = (path.with_name(path.name + end) for end in (".body", ".partial"))
    try:
        with body.open("wb") as stream:
            for name, picture in pictures:
                stream.write(picture.contiguous().numpy().tobytes())
                entries.append([name, picture.shape[1], picture.shape[2], offset])
                offset += picture.numel()
        index = json.dumps(entries).encode()
        head = _MAGIC + len(index).to_bytes(8, "little") + index
        with partial.open("wb") as stream, body.open("rb") as made:
            stream.write(head.ljust(-(-len(head) // _PAGE) * _PAGE, b" "))
            while block := made.read(1 << 24):
                stream.write(block)
        partial.replace(path)
    finally:
        for leftover in (body, partial):
            leftover.unlink(missing_ok=True)
    return len(entries)


def read(path: Path) -> Iterator[Tensor]:
    """Every picture, ``[3, H, W]`` uint8, mapped and not read until it is looked at.

    Raises :class:`~jpegmend.errors.MissingData` where the file is not there, foreign or cut short.
    """
    try:
        with path.open("rb") as stream:
            magic, length = stream.read(len(_MAGIC)), int.from_bytes(stream.read(8), "little")
            entries = json.loads(stream.read(length)) if magic == _MAGIC else None
    except (OSError, ValueError) as error:
        raise MissingData(f"{path}: {error}; make it with `jpegmend data prepare`") from error
    if entries is None:
        raise MissingData(f"{path}: not a packed set; make it with `jpegmend data prepare`")
    start = -(-(len(_MAGIC) + 8 + length) // _PAGE) * _PAGE
    size = sum(3 * height * width for _, height, width, _ in entries)
    if path.stat().st_size < start + size:
        raise MissingData(f"{path}: cut short, {start + size} bytes expected; run `jpegmend data prepare` again")
    if not entries:
        return
    # Copy on write: torch wants memory it may write to, the file stays as it is.
    mapped = torch.from_numpy(np.memmap(path, np.uint8, mode="c", offset=start, shape=(size,)))
    for _, height, width, offset in entries:
        yield mapped[offset : offset + 3 * height * width].reshape(3, height, width)
