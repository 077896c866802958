"""Synthetic JPEG files of any size for benchmarks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.degrade_and_score import LONGEST, Picture, encode

TILE = 512
"""Side in pixels of the square that is repeated."""


def photo(width: int, height: int) -> Picture:
    """RGB uint8 [H, W, 3] of smooth shapes, edges and noise; a codec needs about as many bits as for a photograph."""
    rows, columns = np.mgrid[:TILE, :TILE].astype(np.float32)
    noise = np.random.default_rng(0)
    waves = [np.sin(rows / (31 + 9 * c)) * np.cos(columns / (47 - 8 * c)) for c in range(3)]
    edges = 40.0 * ((np.hypot(rows - 250, columns - 260) < 140) ^ (rows + 2 * columns > 900))
    tile = np.stack([128 + 60 * wave + edges for wave in waves], -1) + noise.normal(0, 4, (TILE, TILE, 1))
    tile = np.clip(tile, 0, 255).astype(np.uint8)
    # Mirrored, so that no tile border is an edge.
    pair = np.concatenate([tile, tile[:, ::-1]], 1)
    block = np.concatenate([pair, pair[::-1]], 0)
    repeats = (math.ceil(height / len(block)), math.ceil(width / len(block)), 1)
    return np.asarray(np.tile(block, repeats)[:height, :width])


def synthetic_jpeg(width: int, height: int, *, quality: int = 30, sampling: str = "4:2:0") -> bytes:
    """A colour JPEG of ``photo`` made by Pillow."""
    return encode(photo(width, height), quality, sampling)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height: ``512`` or ``4000x3000``.

    Raises:
        InvalidOption: neither.

    >>> parse_size("512"), parse_size("4000x3000")
    ((512, 512), (4000, 3000))
    """
    parts = text.lower().split("x")
    if not all(part.isdecimal() and 0 < int(part) <= LONGEST for part in parts) or len(parts) > 2:
        raise InvalidOption(
            f"size {text!r}; give a side, 512, or width and height, 4000x3000, of at most {LONGEST} pixels each"
        )
    return int(parts[0]), int(parts[-1])


def squares(smallest: float, largest: float, count: int) -> Iterator[tuple[int, int]]:
    """Sides of squares from ``smallest`` to ``largest`` megapixels, evenly spaced on a logarithmic scale."""
    for area in np.geomspace(smallest, largest, count):
        side = max(16, round(math.sqrt(area * 1e6) / 16) * 16)
        yield side, side
