"""Packed data sets: many pictures in one memory-mapped file.

``NAME.npy`` is a NumPy array of bytes, the pictures ``[3, H, W]`` uint8 one after the other; ``NAME.json`` beside it
lists name, height and width of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jpegmend.errors import MissingData
from jpegmend.writing.atomic import open_target, write_bytes

SUFFIX = ".npy"
Entry = tuple[str, int, int]
"""Name, height and width of a picture."""


def write(path: Path, index: Sequence[Entry], pictures: Iterable[Tensor]) -> None:
    """Pack ``[3, H, W]`` uint8 pictures in the order of ``index``; both files are written atomically.

    Raises ValueError if the size of a picture differs from the index.
    """
    size = sum(3 * height * width for _, height, width in index)
    with open_target(path, overwrite=True) as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (size,)}
        np.lib.format.write_array_header_1_0(stream, header)
        for (name, height, width), picture in zip(index, pictures, strict=True):
            if picture.shape != (3, height, width):
                raise ValueError(f"{name}: {tuple(picture.shape)}, but {(3, height, width)} was announced")
            stream.write(picture.contiguous().numpy().data)
        write_bytes(path.with_suffix(".json"), json.dumps(index).encode())


def read(path: Path) -> Iterator[Tensor]:
    """Every picture of a packed set, ``[3, H, W]`` uint8, memory-mapped.

    Raises :class:`~jpegmend.errors.MissingData` if a file is missing, of another kind or truncated.
    """
    try:
        # Copy on write: PyTorch needs writable memory, and the file must not change.
        mapped = torch.from_numpy(np.load(path, mmap_mode="c"))
        index = json.loads(path.with_suffix(".json").read_text("utf-8"))
        size = sum(3 * height * width for _, height, width in index)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise MissingData(f"{path}: not a packed set: {error}; make it with `jpegmend data pack`") from error
    if mapped.shape != (size,) or mapped.dtype != torch.uint8:
        raise MissingData(f"{path}: {mapped.numel()} bytes, its index says {size}; run `jpegmend data pack` again")
    offset = 0
    for _, height, width in index:
        yield mapped[offset : offset + 3 * height * width].reshape(3, height, width)
        offset += 3 * height * width


def names(path: Path) -> list[str]:
    """The names of the pictures of a packed set that :func:`read` can read."""
    return [name for name, _, _ in json.loads(path.with_suffix(".json").read_text("utf-8"))]
