"""Merging of a network's quality estimates, traces and contradictions from tiles into those of the whole picture.

Shape letters: K channels, H W pixels of the group's grid, h w those of one tile.
"""

from __future__ import annotations

import numpy as np

from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Answer, Floats


class MergedAnswer:
    """The merged quality, traces and contradictions of one group of planes.

    The quality is the mean over all tiles, weighted by pixels. A trace on the grid of the planes, or on one that is
    coarser by a factor that divides the alignment of tiles, becomes an array of the whole grid, [K, H/s, W/s]. Of any
    other trace (a vector, a scalar) the value for the first tile is kept.
    """

    def __init__(self, height: int, width: int, align: int) -> None:
        self._size = (height, width)
        self._align = align
        self._quality = self._pixels = 0.0
        self._replaced = self._blocks = 0.0
        self._traces: dict[str, tuple[_Grid | Floats, ...]] = {}

    @property
    def quality(self) -> float | None:
        """The network's estimate of the picture's libjpeg quality, 1..100; None for networks without one."""
        return self._quality / self._pixels if self._pixels else None

    @property
    def contradicted(self) -> float | None:
        """Share of the blocks whose answer contradicted the file and was replaced, 0..1; None if none was projected."""
        return round(self._replaced / self._blocks, 4) if self._blocks else None

    @property
    def traces(self) -> dict[str, tuple[Floats, ...]]:
        """The traces by name."""
        return {
            name: tuple(part.mean() if isinstance(part, _Grid) else part for part in parts)
            for name, parts in self._traces.items()
        }

    def add_kept(self, share: Floats) -> None:
        """Add how much of each block of a tile's answer was kept, 0..1."""
        self._replaced += float((1 - share).sum())
        self._blocks += share.size

    def add(self, answer: Answer, window: Window, part: Window, share: Floats | None = None) -> None:
        """Add the answer for ``window``; only its ``part`` is used, weighted by ``share`` of that size or by 1."""
        if answer.quality is None and not answer.traces:
            return
        if share is None:
            share = np.ones((part.height, part.width), np.float32)
        if answer.quality is not None:
            weight = float(share.sum())
            self._quality += answer.quality * weight
            self._pixels += weight
        for name, arrays in answer.traces.items():
            if name not in self._traces:
                self._traces[name] = tuple(self._begin(array, window) for array in arrays)
            for kept, array in zip(self._traces[name], arrays, strict=True):
                if isinstance(kept, _Grid):
                    kept.add(array, window, part, share)

    def _begin(self, array: Floats, window: Window) -> _Grid | Floats:
        scale = self._scale(array, window)
        return _Grid(array.shape[0], *self._size, scale) if scale else array

    def _scale(self, array: Floats, window: Window) -> int | None:
        """Pixels per sample of the trace on each axis; None if it does not lie on the grid."""
        if array.ndim != 3 or not array.size or window.height % array.shape[1]:
            return None
        scale = window.height // array.shape[1]
        on_grid = array.shape[2] * scale == window.width and self._align % scale == 0
        return scale if on_grid else None


class _Grid:
    """A weighted mean over tiles of an array [K, H/scale, W/scale]."""

    def __init__(self, channels: int, height: int, width: int, scale: int) -> None:
        self._scale = scale
        self._total = np.zeros((channels, height // scale, width // scale), np.float32)
        self._weight = np.zeros(self._total.shape[1:], np.float32)

    def add(self, array: Floats, window: Window, part: Window, share: Floats) -> None:
        window, part = (
            Window(*(edge // self._scale for edge in (w.top, w.bottom, w.left, w.right))) for w in (window, part)
        )
        if self._scale > 1:
            rows, columns = part.height, part.width
            share = share.reshape(rows, self._scale, columns, self._scale).mean((1, 3))
        self._total[(slice(None), *part.slices)] += array[(slice(None), *part.inside(window))] * share
        self._weight[part.slices] += share

    def mean(self) -> Floats:
        return np.asarray(self._total / np.maximum(self._weight, 1e-12), np.float32)
