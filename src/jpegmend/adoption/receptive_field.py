"""Measurement of how far from a pixel the input still changes it, which decides the halo of tiles.

Shape letters: C planes, H W pixels.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jpegmend.runtimes import Floats

Run = Callable[[Floats], Floats]
"""A network on planes [C, H, W]: [C, s H, s W], s being 1 for restoration."""

_DISCS = 1500
"""Discs in the drawing."""
PLACES: tuple[tuple[float, float], ...] = tuple(product((0.35, 0.5, 0.65), (0.35, 0.5, 0.65)))
"""Where the answer is compared, as shares of height and width."""


@functools.lru_cache(maxsize=4)
def draw_discs(side: int) -> NDArray[np.uint8]:
    """A drawing [side, side, 3] of overlapping discs of every size and colour (dead leaves)."""
    generator = np.random.default_rng(0)
    picture = np.full((side, side, 3), 127, np.uint8)
    for _ in range(_DISCS):
        across, down, size, *colour = generator.random(6)
        # The number of discs falls with the third power of their size, as that of objects in photographs.
        radius = side / 2 / (1 + 40 * size**0.5)
        rows, columns = (
            np.arange(max(0, int(centre - radius)), min(side, int(centre + radius) + 2))
            for centre in (down * side, across * side)
        )
        inside = (rows[:, None] - down * side) ** 2 + (columns - across * side) ** 2 < radius**2
        picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][inside] = [255 * value for value in colour]
    return picture


def as_planes(picture: NDArray[np.uint8], channels: int) -> Floats:
    """A picture [H, W, 3] as planes [channels, H, W] in 0..1: RGB, or luma for one."""
    values = picture.astype(np.float32) / np.float32(255)
    if channels == 1:
        values = values @ np.array([[0.299], [0.587], [0.114]], np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def compress(picture: NDArray[np.uint8], quality: int) -> bytes:
    """A picture [H, W, 3] as a 4:2:0 JPEG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """A JPEG of :func:`compress` as pixels [H, W, 3]."""
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def change(
    run: Run,
    seen: Floats,
    whole: Floats,
    halo: int,
    step: int,
    places: Sequence[tuple[float, float]] = PLACES,
) -> float:
    """The largest difference to the answer ``whole`` for ``seen`` [C, H, W] where only ``halo`` pixels are seen.

    NaN where an answer has a NaN.
    At each place a square of ``step`` pixels is compared, which begins at a multiple of ``step``, as tiles do.
    """
    height, width = seen.shape[1:]
    s, worst = whole.shape[1] // height, 0.0
    for place in places:
        top, left = (
            round((length - step) * share / step) * step for length, share in zip((height, width), place, strict=True)
        )
        rows = slice(max(0, top - halo), min(height, top + step + halo))
        columns = slice(max(0, left - halo), min(width, left + step + halo))
        part = run(np.ascontiguousarray(seen[:, rows, columns]))
        inside = part[:, s * (top - rows.start) :, s * (left - columns.start) :][:, : s * step, : s * step]
        expected = whole[:, s * top : s * (top + step), s * left : s * (left + step)]
        worst = float(np.maximum(worst, np.abs(expected - inside).max()))  # unlike max(), it keeps a NaN
    return worst


def far_change(run: Run, seen: Floats, halo: int, step: int) -> float:
    """The largest change of the middle ``step`` pixels of ``seen`` [C, H, W] when white far away becomes noise.

    NaN where an answer has a NaN. What changes is further than ``halo`` pixels away and at least 64 pixels wide. That
    shows a weak dependence on the whole picture, such as on a mean, which is nearly the same in a part as in the whole.
    """
    side, border = 2 * halo + step, -(-64 // step) * step
    top, left = ((length - side) // 2 for length in seen.shape[1:])
    near = seen[:, top : top + side, left : left + side]
    white = np.pad(near, ((0, 0), (border, border), (border, border)), constant_values=1)
    noise = np.random.default_rng(0).integers(0, 2, white.shape).astype(np.float32)
    noise[:, border:-border, border:-border] = near
    middle = slice(border + halo, border + halo + step)
    first, second = (run(picture)[:, middle, middle] for picture in (white, noise))
    return float(np.abs(first - second).max())
