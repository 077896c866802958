"""How a network of others can be tiled: a halo at which tiles are exact, or windows, and the memory of a run."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np

from jpegmend.adoption.receptive_field import Run, as_planes, change, compress, decode, draw_discs, far_change
from jpegmend.errors import ModelError
from jpegmend.restoration.tiles import round_up
from jpegmend.runtimes import Floats
from jpegmend.runtimes.memory import grown_bytes
from jpegmend.weights.card import Tiling

TOLERANCE = 2e-6
"""Largest change in 0..1 that a halo may cause for tiles to count as exact: a two-thousandth of a level of 8 bits."""
HALF_TOLERANCE = 2e-3
"""The same for networks that compute in float16, whose last digit is 5e-4."""
HALOS = (8, 16, 24, 32, 48, 64, 96, 128)
"""Halos that are tried, in pixels."""
GRIDS = (1, 16, 7)
"""Multiples that tiles begin at, tried where a network has a grid inside, such as attention in windows of 7."""
WINDOW = 512
"""Side of the window where tiles cannot be exact, in pixels."""
WINDOW_HALO = 32
_QUALITIES = (10, 60)
"""Of the left and the right half of the drawing: fields are largest at low quality, and some layers respond at high
quality only."""
_MIDDLE, _FEW = ((0.5, 0.5),), ((0.5, 0.25), (0.5, 0.5), (0.5, 0.75))
_DEFAULT_BYTES = 2048.0


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """The fields of a card that decide its tiles."""

    tiling: Tiling
    halo: int
    multiple: int
    window: int | None = None
    difference: float | None = None
    """Largest difference to the untiled result, white being 1; None: not measured yet."""


def measure_tiles(
    run: Run,
    channels: int,
    multiple: int,
    *,
    half: bool = False,
    window: int = WINDOW,
) -> Tiles:
    """The smallest halo of :data:`HALOS` at which tiles are exact on a compressed drawing, else windows."""
    for grid in GRIDS:
        whole_grid = lcm(multiple, grid)
        if grid > 1 and whole_grid == multiple:
            continue
        if found := _exact(run, channels, whole_grid, HALF_TOLERANCE if half else TOLERANCE):
            return found
    return windows(multiple, window)


def windows(multiple: int, window: int) -> Tiles:
    """Windows of about that side, blended where they overlap."""
    step = lcm(8, multiple)
    side = max(window // step, 1) * step
    halo = WINDOW_HALO if side > 2 * WINDOW_HALO else side // 4
    return Tiles(tiling="window", halo=halo, multiple=multiple, window=side)


def _exact(run: Run, channels: int, multiple: int, tolerance: float) -> Tiles | None:
    """Exact tiles that begin at multiples of ``multiple``; None where no halo is enough."""
    step = lcm(8, multiple)
    halos = sorted({round_up(halo, step) for halo in HALOS if halo == HALOS[0] or round_up(halo, step) <= HALOS[-1]})
    seen = _drawing(2 * halos[-1] + 2 * step, channels)
    whole = run(seen)
    # The largest first: a network that depends on the whole picture is known after one run.
    if not change(run, seen, whole, halos[-1], step, _MIDDLE) <= tolerance:
        return None
    if not far_change(run, seen, halos[-1], step) <= tolerance:
        return None
    for halo in halos:
        try:
            run(seen[:, : step + halo, : step + halo])  # the smallest tile, in a corner of the picture
            worst = change(run, seen, whole, halo, step, _FEW)
        except ModelError:  # it needs larger pictures, such as one that pads by reflection
            continue
        if worst <= tolerance:
            return Tiles(tiling="exact", halo=halo, multiple=multiple, difference=worst)
    return None


def _drawing(side: int, channels: int) -> Floats:
    """The drawing [channels, side, side], its halves compressed with :data:`_QUALITIES`."""
    low, high = (as_planes(decode(compress(draw_discs(side), quality)), channels) for quality in _QUALITIES)
    low[:, :, side // 2 :] = high[:, :, side // 2 :]
    return low


def measure_bytes(run: Run, channels: int, sides: tuple[int, int]) -> float:
    """Bytes of memory that one run takes, per pixel: the growth of this process on Linux, a usual value elsewhere."""
    grown = grown_bytes(lambda: run(np.full((channels, *sides), 0.5, np.float32)))
    if grown is None:
        return _DEFAULT_BYTES
    # What an earlier run left allocated is used again and does not count: never less than a few planes.
    return max(grown / (sides[0] * sides[1]), 256.0)
