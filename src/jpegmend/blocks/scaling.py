"""Scaling of planes by any factor, with an origin between samples, and back."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from jpegmend.blocks.dct import Floats

_LANCZOS = 3
"""Samples on either side that a Lanczos filter reads, of a picture that is not reduced."""


class Axis(NamedTuple):
    """The scaling of rows or of columns."""

    scale: float
    """Samples of the scaled picture for one of the original; above 1 it was enlarged."""
    origin: float
    """Where the original begins in the scaled picture, in samples of that, at most 0."""
    original: int
    """Length of the original that covers the scaled picture."""
    scaled: int
    """Length of the scaled picture."""

    @classmethod
    def from_blocks(cls, length: int, scale: float, edge: float) -> Axis:
        """The scaling of an axis on which blocks of ``8 * scale`` samples begin at ``edge``."""
        period = 8 * scale
        origin = edge % period - period
        if period + origin < 1e-6:
            origin = 0.0
        return cls(scale, origin, math.ceil(round((length - origin) / scale, 6)), length)

    @property
    def whole_blocks(self) -> tuple[int, int]:
        """Number of the first block that lies inside the scaled picture, and of how many do."""
        first = 0 if self.origin == 0 else 1
        return first, math.floor((self.scaled - self.origin) / (8 * self.scale) + 1e-6) - first

    def edges(self, first: int, count: int) -> tuple[float, float]:
        """Where blocks begin and end in the scaled picture: ``count`` of them, from number ``first``."""
        start = self.origin + 8 * self.scale * first
        return start, start + 8 * self.scale * count

    def move(self, start: float, end: float) -> Axis:
        """The axis with its ends moved by samples of the original."""
        scale = self.scale * (1 + (end - start) / self.original)
        return Axis.from_blocks(self.scaled, scale, self.origin + start * self.scale)


class Scaling(NamedTuple):
    """The scaling of a picture: of its rows and of its columns."""

    rows: Axis
    columns: Axis

    @classmethod
    def from_blocks(cls, shape: tuple[int, ...], scales: tuple[float, float], edges: tuple[float, float]) -> Scaling:
        """The scaling of a picture [H, W] in which blocks of ``8 * scale`` samples begin at ``edges``."""
        rows, columns = (Axis.from_blocks(*each) for each in zip(shape, scales, edges, strict=True))
        return cls(rows, columns)

    def replace(self, number: int, axis: Axis) -> Scaling:
        """The scaling with other rows (0) or columns (1)."""
        return self._replace(rows=axis) if number == 0 else self._replace(columns=axis)

    def undo(self, plane: Floats) -> Floats:
        """A scaled plane [H, W] at the original's size, its edge repeated; blocks begin at its corner."""
        before, after = zip(*(_missing(axis) for axis in self), strict=True)
        padded = np.pad(plane, tuple(zip(before, after, strict=True)), mode="edge")
        starts = [first + axis.origin for first, axis in zip(before, self, strict=True)]
        box = [(start, start + axis.original * axis.scale) for start, axis in zip(starts, self, strict=True)]
        return _resize(padded, (self.rows.original, self.columns.original), box)

    def undo_blocks(self, plane: Floats, number: int) -> Floats:
        """The whole blocks [8, 8K] of one row of blocks, by its number, of a scaled plane [H, W] scaled back."""
        left, right = self.columns.edges(*self.columns.whole_blocks)
        top, bottom = self.rows.edges(number, 1)
        reach = math.ceil(_LANCZOS * max(1.0, self.rows.scale)) + 1
        start = max(0, math.floor(top) - reach)
        band = plane[start : math.ceil(bottom) + reach]
        return _resize(band, (8, 8 * self.columns.whole_blocks[1]), [(top - start, bottom - start), (left, right)])

    def redo(self, plane: Floats) -> Floats:
        """A plane of the original's size at the scaled picture's, [H, W]."""
        box = [(-axis.origin / axis.scale, (axis.scaled - axis.origin) / axis.scale) for axis in self]
        return _resize(plane, (self.rows.scaled, self.columns.scaled), box)


def _missing(axis: Axis) -> tuple[int, int]:
    """Samples to add before and after the scaled picture, so that it covers the original."""
    end = axis.origin + axis.original * axis.scale
    return math.ceil(-axis.origin), max(0, math.ceil(round(end - axis.scaled, 6)))


def _resize(plane: Floats, size: tuple[int, int], box: list[tuple[float, float]]) -> Floats:
    """Lanczos resampling of a part of a plane: rows and columns from ``box``, to ``size`` rows and columns."""
    from PIL import Image

    (top, bottom), (left, right) = box
    limits = (left, top, min(right, plane.shape[1]), min(bottom, plane.shape[0]))
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS, box=limits))
