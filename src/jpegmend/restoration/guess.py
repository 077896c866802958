"""Quality, block grid and chroma sampling of an earlier compression, estimated from pixels or from levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks import (
    Compression,
    Earlier,
    estimate_from_flat_areas,
    find_earlier,
    find_scaled,
    has_flat_areas,
    ycbcr_to_rgb,
)
from jpegmend.blocks.estimate import SMALLEST, estimate
from jpegmend.jpeg.tables import standard_luma
from jpegmend.restoration.scene import PixelScene, Scene
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats

SIDE = 1024
"""Side in pixels of the central square that is used for the estimate."""
CONFIDENT = 0.5
"""Least confidence (0..1) at which an estimate is used."""
DOUBLED = 0.88
"""Second difference of chroma inside pairs of samples over that between pairs, below which chroma was subsampled."""
SURE = 0.95
"""Least probability (0..1) at which an earlier compression is undone."""
_FINER = 8
"""Least difference between the quality of a file and that of an earlier compression of the scaled picture."""
_MOST_PIXELS = 24_000_000
"""Pixels beyond which an earlier compression at another scale is not searched: it is undone in one piece, in memory."""


@dataclass(frozen=True)
class Guess:
    """Quality and block grid estimated from pixels."""

    quality: int
    """libjpeg quality, 1..100."""
    offset: tuple[int, int]
    """Row and column of the first block edge, 0..7."""
    confidence: float
    """0..1."""
    turned: bool = False
    """Whether the picture was turned by a quarter since: its transpose is what was compressed."""


def estimate_compression(scene: Scene) -> Guess | None:
    """Quality and block grid estimated from the gray or luma plane of a scene.

    None for colour spaces without such a plane, for pictures that are too small, and where the confidence is too low.
    """
    if scene.colour not in ("gray", "ycbcr"):
        return None
    plane = scene.planes[0]
    window = middle(plane.rows, plane.columns)
    if min(window.height, window.width) < SMALLEST:
        return None
    luma = np.clip(scene.read(0, window), 0, 1)
    found = estimate(luma)
    if found[2] < CONFIDENT and has_flat_areas(luma):
        found = _estimate_from_flat_areas(scene, window, luma)
    quality, offset, confidence, turned = found
    if quality is None or confidence < CONFIDENT:
        return None
    return Guess(int(quality), (int(offset[0]), int(offset[1])), float(confidence), turned)


def _estimate_from_flat_areas(scene: Scene, window: Window, luma: Floats) -> Compression:
    """The estimate for text and drawings, from the window of a scene whose luma is given."""
    channels = luma[None]
    if scene.colour == "ycbcr" and scene.sampling is not None:
        channels = ycbcr_to_rgb(scene.read_together(window))
    # The half of an 8-bit step, because of rounding in the conversion of colours.
    above, below = channels.max(axis=0) > 1 - 0.5 / 255, channels.min(axis=0) < 0.5 / 255
    tables = np.stack([standard_luma(quality) for quality in range(1, 98)]).astype(np.float32)
    return estimate_from_flat_areas(luma, above, below, tables)


def find_earlier_compression(scene: Scene, quality: int | None) -> Earlier | None:
    """The most likely earlier compression of a JPEG file of that ``quality``, at its scale or at another.

    None for colour spaces whose first plane is neither gray nor luma. Of pictures without tables only compressions at
    another scale are searched here: the last one at their own is found by ``estimate_compression``, and ``quality`` is
    that one's, or None.
    """
    plane = scene.planes[0]
    if scene.colour not in ("gray", "ycbcr") or plane.unknown_bits is not None:
        return None  # missing scans look like a stronger compression
    found = None
    if quality is not None and plane.levels is not None:
        found = _find_unscaled(scene, quality)
        if if_sure(found) is not None:
            return found
    scaled = _find_scaled(scene, quality)
    return max((each for each in (found, scaled) if each), key=lambda each: each.probability, default=None)


def _find_unscaled(scene: Scene, quality: int) -> Earlier | None:
    """An earlier compression at the scale of the file, from the middle of its first plane."""
    plane = scene.planes[0]
    assert plane.levels is not None
    whole = Window(0, plane.rows // 8, 0, plane.columns // 8)
    top, left = (max(0, length - SIDE // 8) // 2 for length in (whole.height, whole.width))
    part = Window(top, top + SIDE // 8, left, left + SIDE // 8).clip(whole.height, whole.width)
    return find_earlier(plane.levels[part.slices], plane.table, quality) if part.height and part.width else None


def _find_scaled(scene: Scene, quality: int | None) -> Earlier | None:
    """An earlier compression at another scale, from the whole first plane."""
    plane = scene.planes[0]
    if scene.height * scene.width > _MOST_PIXELS or not plane.vertical == plane.horizontal == 1:
        return None
    whole = Window(scene.top, plane.rows, scene.left, plane.columns)
    found = find_scaled(np.clip(scene.read(0, whole), 0, 1), own_grid=quality is not None)
    if found is None or (quality is not None and found.quality > quality - _FINER):
        return None
    return Earlier(found.quality, (0, 0), found.probability, found.scaling)


def if_sure(found: Earlier | None) -> Earlier | None:
    """An earlier compression if it is probable enough to be undone, else None."""
    return found if found is not None and found.probability >= SURE else None


def describe(found: Earlier) -> str:
    """An earlier compression in words.

    >>> describe(Earlier(20, (5, 2), 0.9871))
    'first at about quality 20 on a grid shifted by 5 rows and 2 columns (probability 0.98)'
    """
    rows, columns = found.offset
    where = ""
    if found.scaling is not None:
        axis = found.scaling.columns
        where = f" at about {axis.original} x {found.scaling.rows.original} pixels, then scaled by {axis.scale:.2f}"
    elif any(found.offset):
        where = f" on a grid shifted by {rows} rows and {columns} columns"
    # Never rounded up to 1.
    return f"first at about quality {found.quality}{where} (probability {int(found.probability * 100) / 100:.2f})"


def middle(height: int, width: int) -> Window:
    """The central window of a plane, with its corner at multiples of 8."""
    top, left = (max(0, (length - SIDE) // 2) // 8 * 8 for length in (height, width))
    return Window(top, min(height, top + SIDE), left, min(width, left + SIDE))


def guess_sampling(values: NDArray[np.generic], offset: tuple[int, int]) -> tuple[int, int]:
    """Estimate the chroma subsampling of RGB pixels [H, W, 3]: luma rows and columns for one chroma sample.

    After libjpeg's triangle filter, for a pair of columns (u0, u1) with neighbours p and n, u1 - u0 is the mean of
    u0 - p and n - u1. Without subsampling the deviation from this is as large inside pairs as between them. On LIVE1
    and similar sets nine of ten estimates are right; a wrong one changes the result of a network little.
    """
    if values.ndim == 2:
        return (0, 0)
    chroma = PixelScene(values, 50, (0, 0), (1, 1)).read_together(middle(*values.shape[:2]))[1:]
    return (2 if _doubled(chroma, offset[0]) else 1, 2 if _doubled(chroma.swapaxes(1, 2), offset[1]) else 1)


def _doubled(chroma: Floats, start: int) -> bool:
    """Whether the rows of planes [2, H, W] were upsampled by 2, with blocks beginning at row ``start``."""
    whole = chroma[:, start : start + (chroma.shape[1] - start) // 8 * 8]
    if whole.shape[1] < 16:
        return False
    step = np.diff(whole, axis=1)
    bend = np.square(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2).mean((0, 2))
    # Rows at block edges (7 and 8) have large second differences too and are left out.
    place = np.arange(1, step.shape[1] - 1) % 8
    inside, between = bend[np.isin(place, (2, 4))].mean(), bend[np.isin(place, (1, 3, 5))].mean()
    return bool(inside < DOUBLED * between)
