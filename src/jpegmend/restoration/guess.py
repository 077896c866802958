"""Quality, block grid and chroma sampling of an earlier compression, estimated from pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.estimate import estimate
from jpegmend.restoration.scene import PixelScene, Scene
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats

SIDE = 1024
"""Pixels of the middle of the picture that are looked at, each way."""
CONFIDENT = 0.5
"""From here up (0..1) a guess is believed."""
DOUBLED = 0.88
"""Bending inside pairs of chroma samples, as a share of that between them, below which chroma was subsampled."""
FAR_BELOW = 15
"""Steps of quality between the file's table and its pixels from which it counts as compressed twice."""


@dataclass(frozen=True)
class Guess:
    """Quality and block grid, from pixels."""

    quality: int
    """1..100, of libjpeg."""
    offset: tuple[int, int]
    """Row and column of the first block edge, 0..7."""
    confidence: float
    """0..1."""


def look(read: Callable[[Window], Floats], height: int, width: int) -> Guess | None:
    """Judge the middle of a luma plane; None where nothing believable is found, or the picture is too small."""
    window = middle(height, width)
    if window.height < 24 or window.width < 24:
        return None
    quality, offset, confidence = estimate(np.clip(read(window), 0, 1))
    if quality is None or confidence < CONFIDENT:
        return None
    return Guess(int(quality), (int(offset[0]), int(offset[1])), float(confidence))


def look_at(scene: Scene) -> Guess | None:
    """Judge the first plane of a scene, which must be gray or luma; None also for any other colour."""
    if scene.colour not in ("gray", "ycbcr"):
        return None
    plane = scene.planes[0]
    return look(lambda window: scene.read(0, window), plane.rows, plane.columns)


def conflict(stated: int | None, found: Guess | None, *, exact: bool | None = True) -> str | None:
    """In words, that the tables (their nearest quality) promise far more than the pixels show; else None.

    Tables of a camera's own, not ``exact`` ones of libjpeg, are taken for some quality of libjpeg by the guess too,
    up to 20 below: for them the distance must be twice as far.
    """
    far = FAR_BELOW if exact else 2 * FAR_BELOW
    if stated is None or found is None or found.quality > stated - far:
        return None
    return f"the tables say quality {stated}, the pixels {found.quality}"


def middle(height: int, width: int) -> Window:
    """The middle of a plane, its corner at a multiple of 8."""
    top, left = (max(0, (length - SIDE) // 2) // 8 * 8 for length in (height, width))
    return Window(top, min(height, top + SIDE), left, min(width, left + SIDE))


def guess_sampling(values: NDArray[np.generic], offset: tuple[int, int]) -> tuple[int, int]:
    """Luma rows and columns for one chroma sample in RGB pixels [H, W, 3] that were 4:2:0 (or so) once.

    The triangle filter of libjpeg leaves a trace: in the middle of a pair of columns (u0 u1) between their
    neighbours (p, n), u1 - u0 is the mean of u0 - p and n - u1. Where chroma was never subsampled, that holds as
    badly there as between pairs. On LIVE1 and its like it is right in nine of ten pictures; a wrong answer costs
    little, a network being told either.
    """
    if values.ndim == 2:
        return (0, 0)
    chroma = PixelScene(values, 50, (0, 0), (1, 1)).read_together(middle(*values.shape[:2]))[1:]
    return (2 if _doubled(chroma, offset[0]) else 1, 2 if _doubled(chroma.swapaxes(1, 2), offset[1]) else 1)


def _doubled(chroma: Floats, start: int) -> bool:
    """Whether planes [2, H, W] were doubled downwards, blocks beginning at row ``start``."""
    whole = chroma[:, start : start + (chroma.shape[1] - start) // 8 * 8]
    if whole.shape[1] < 16:
        return False
    step = np.diff(whole, axis=1)
    bend = np.square(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2).mean((0, 2))
    # Block edges, between rows 7 and 8, bend as well and are left out.
    place = np.arange(1, step.shape[1] - 1) % 8
    inside, between = bend[np.isin(place, (2, 4))].mean(), bend[np.isin(place, (1, 3, 5))].mean()
    return bool(inside < DOUBLED * between)
