"""How a network of others can be tiled: a halo at which tiles are exact, or windows, and the memory of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lcm
from pathlib import Path

import numpy as np

from jpegmend.adoption.receptive_field import Run, as_planes, change, compress, decode, draw_leaves
from jpegmend.restoration.tiles import round_up
from jpegmend.weights.card import Tiling

TOLERANCE = 2e-6
"""Largest change in 0..1 that a halo may cause for tiles to count as exact: a two-thousandth of a level of 8 bits."""
HALF_TOLERANCE = 2e-3
"""The same for networks that compute in float16, whose last digit is 5e-4."""
HALOS = (8, 16, 24, 32, 48, 64, 96, 128)
"""Halos that are tried, in pixels."""
GRIDS = (1, 16, 64, 7)
"""Multiples that tiles begin at, tried where a network has a grid inside, such as attention in windows of 7."""
WINDOW = 512
"""Side of the window where tiles cannot be exact, in pixels."""
WINDOW_HALO = 32
_QUALITIES = (10, 60)
_FEW = ((0.35, 0.65), (0.5, 0.5), (0.65, 0.35))
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


def measure_tiles(run: Run, channels: int, multiple: int, *, half: bool = False, window: int = WINDOW) -> Tiles:
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
    halos = sorted({round_up(halo, step) for halo in HALOS})
    side = 2 * halos[-1] + 2 * step
    clean, needed, worst = draw_leaves(side), 0, 0.0
    for quality in _QUALITIES:
        seen = as_planes(decode(compress(clean, quality)), channels)
        whole = run(seen)
        # The largest first: most networks that depend on the whole picture are known after one run.
        if change(run, seen, whole, halos[-1], step, _FEW[1:2]) > tolerance:
            return None
        for halo in (halo for halo in halos if halo >= needed):
            worst = change(run, seen, whole, halo, step, _FEW)
            if worst <= tolerance:
                needed = halo
                break
        else:
            return None
    return Tiles(tiling="exact", halo=needed, multiple=multiple, difference=worst)


def measure_bytes(run: Run, channels: int, sides: tuple[int, int]) -> float:
    """Bytes of memory that a run takes a pixel: those that the process grows by, on Linux; else a usual number."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the peak begins anew
        before = _kilobytes(status, "VmRSS")
        run(np.full((channels, *sides), 0.5, np.float32))
        grown = 1024.0 * (_kilobytes(status, "VmHWM") - before)
    except (OSError, ValueError):
        return _DEFAULT_BYTES
    # What an earlier run left allocated is used again and does not count: never less than a few planes.
    return max(grown / (sides[0] * sides[1]), 256.0)


def _kilobytes(status: Path, name: str) -> int:
    for line in status.read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(name)


Say = Callable[[str], None]
