"""Scene: a picture as float planes that are decoded window by window, with quantisation tables and block grid.

The grid of a scene is that of its luma plane (or its largest component); 8x8 blocks begin at multiples of 8. The
picture has an offset on that grid. Windows may extend beyond the data: the edge is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegmend import blocks
from jpegmend.jpeg.tables import standard_chroma, standard_luma
from jpegmend.reading import Opened
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats

CONTEXT = 4
"""Chroma samples read around a window: upsampling needs one, and at least three columns (``blocks.up_fancy``)."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One component of a scene."""

    rows: int
    columns: int
    """True size on the component's own grid, which has the same origin as the scene's grid."""
    vertical: Fraction
    horizontal: Fraction
    """Rows and columns of the scene's grid per row and column of this plane."""
    table: Floats
    """Quantisation steps [8, 8], in the units of the file."""
    levels: NDArray[np.int16] | None = None
    """Quantised DCT levels of the file [R, K, 8, 8]; None for pictures that are no JPEG file."""
    unknown_bits: NDArray[np.uint8] | None = None
    """Low bits [8, 8] of the levels that the file does not give (``Header.unknown_bits``); None: it gives all."""
    assumed: Floats | None = None
    """Table given to networks in place of ``table``: of the caller's ``quality``, or of an earlier compression."""

    @property
    def network_table(self) -> Floats:
        """The table [8, 8] given to networks."""
        return self.table if self.assumed is None else self.assumed

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the data: all blocks of a JPEG file, else the true size."""
        if self.levels is None:
            return self.rows, self.columns
        rows, columns = self.levels.shape[:2]
        return max(self.rows, rows * 8), max(self.columns, columns * 8)


class Scene(Protocol):
    """A picture on its grid."""

    height: int
    width: int
    """Size of the picture."""
    top: int
    left: int
    """Row and column of the grid at which the picture begins."""
    colour: str
    """Colour space of the planes: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``."""
    planes: tuple[Plane, ...]
    sampling: tuple[int, int] | None
    """Luma rows and columns for one chroma sample; None if the planes cannot be read together on the luma grid."""

    def read(self, index: int, window: Window) -> Floats:
        """A window [h, w] of one plane, on its own grid, 0..1, not clipped."""
        ...

    def read_together(self, window: Window) -> Floats:
        """A window [3, h, w] of all planes on the luma grid, chroma upsampled by the triangle filter."""
        ...

    def is_neutral(self, index: int) -> bool:
        """Whether a plane is the chroma of a gray picture that is stored as colour."""
        ...


class JpegScene:
    """Scene of a JPEG file: each window is decoded from the file's levels when it is read."""

    top = 0
    left = 0

    def __init__(self, image: Opened, *, quality: int | None = None) -> None:
        """With ``quality``, networks get libjpeg's tables of that quality in place of the file's."""
        self.height, self.width = image.height, image.width
        self.colour: str = image.colour
        largest_v = max(c.vertical for c in image.components)
        largest_h = max(c.horizontal for c in image.components)
        self.planes = tuple(
            Plane(
                rows=c.rows,
                columns=c.columns,
                vertical=Fraction(largest_v, c.vertical),
                horizontal=Fraction(largest_h, c.horizontal),
                table=c.table.astype(np.float32),
                levels=c.levels,
                assumed=None if quality is None else _standard(quality, index, self.colour),
                unknown_bits=c.unknown_bits,
            )
            for index, c in enumerate(image.components)
        )
        self.sampling = self._find_sampling()

    def _find_sampling(self) -> tuple[int, int] | None:
        if self.colour != "ycbcr":
            return None
        (luma_v, luma_h), (v, h), red = ((p.vertical, p.horizontal) for p in self.planes)
        whole = v.denominator == h.denominator == 1
        return (int(v), int(h)) if luma_v == luma_h == 1 and whole and (v, h) == red else None

    def read(self, index: int, window: Window) -> Floats:
        """A window [h, w] of one plane; outside its blocks the edge is repeated."""
        plane = self.planes[index]
        assert plane.levels is not None
        rows, columns = plane.levels.shape[:2]
        wanted = _nearest_part(window, rows * 8, columns * 8).align(8)
        across, down = slice(wanted.left // 8, wanted.right // 8), slice(wanted.top // 8, wanted.bottom // 8)
        decoded = blocks.decode(plane.levels[down, across], plane.table)
        return crop_or_repeat(decoded, wanted, window)

    def read_together(self, window: Window) -> Floats:
        """A window [3, h, w] on the luma grid."""
        seen = np.empty((3, window.height, window.width), np.float32)
        seen[0] = self.read(0, window)
        for index in (1, 2):
            seen[index] = self._read_up(index, window)
        return seen

    def is_neutral(self, index: int) -> bool:
        """Whether a plane is chroma without any nonzero level."""
        levels = self.planes[index].levels
        return self.colour == "ycbcr" and index > 0 and levels is not None and not levels.any()

    def _read_up(self, index: int, window: Window) -> Floats:
        """A chroma plane on the luma grid, inside the picture exactly as libjpeg upsamples it.

        libjpeg repeats the last true sample; the network and the projection also need the samples beyond it.
        """
        plane = self.planes[index]
        v, h = int(plane.vertical), int(plane.horizontal)
        if v == h == 1:
            return self.read(index, window)
        small = Window(window.top // v, -(-window.bottom // v), window.left // h, -(-window.right // h))
        small = small.grow(CONTEXT).clip(small.bottom + CONTEXT, small.right + CONTEXT)
        near = self.read(index, small)
        full = upsample(near, small, plane, window, limited=False)
        bottom, right = min(window.bottom, plane.rows * v), min(window.right, plane.columns * h)
        inside = Window(window.top, bottom, window.left, right)
        if inside != window and inside.height and inside.width:
            full[inside.inside(window)] = upsample(near, small, plane, inside)
        return full


class PixelScene:
    """Scene of pixels without tables: libjpeg's tables of one quality, and a block grid with any offset."""

    def __init__(
        self,
        values: NDArray[np.generic],
        quality: int,
        offset: tuple[int, int],
        sampling: tuple[int, int],
        tables: Sequence[NDArray[np.uint16]] = (),
    ) -> None:
        """Pixels [H, W] or [H, W, 3] RGB (uint8, uint16, or float 0..1).

        ``offset`` is the row and column of the first block edge in the picture, 0..7 each. ``tables``, one for each
        component, take the place of those of ``quality``.
        """
        self._values = values
        self.height, self.width = values.shape[:2]
        self.top, self.left = -offset[0] % 8, -offset[1] % 8
        gray = values.ndim == 2
        self.colour = "gray" if gray else "ycbcr"
        self.sampling = None if gray else sampling
        one = Fraction(1)
        size = (self.top + self.height, self.left + self.width)
        steps = [table.astype(np.float32) for table in tables]
        steps = steps or [_standard(quality, index, self.colour) for index in range(1 if gray else 3)]
        self.planes = tuple(Plane(*size, one, one, table) for table in steps)

    def read(self, index: int, window: Window) -> Floats:
        """A window [h, w] of one plane."""
        if self.colour == "gray":
            return self._floats(window)
        return np.asarray(self.read_together(window)[index])

    def read_together(self, window: Window) -> Floats:
        """A window [3, h, w], as YCbCr."""
        rgb = np.ascontiguousarray(self._floats(window).transpose(2, 0, 1))
        return np.asarray(blocks.rgb_to_ycbcr(rgb), np.float32)

    def is_neutral(self, index: int) -> bool:
        """Whether a plane is the chroma of pixels whose red, green and blue are equal everywhere."""
        return self.colour == "ycbcr" and index > 0 and self._is_gray

    @cached_property
    def _is_gray(self) -> bool:
        """Whether the channels are equal; of a picture in colour a few rows are enough to see that they are not."""
        return all((row[:, 1:] == row[:, :1]).all() for row in self._values)

    def _floats(self, window: Window) -> Floats:
        on_picture = window.move(-self.top, -self.left)
        wanted = _nearest_part(on_picture, self.height, self.width)
        return crop_or_repeat(to_floats(self._values[wanted.slices]), wanted, on_picture)


def make_scene(opened: Opened) -> Scene:
    """The scene of a picture before any estimate; for pixels without tables, its tables have no meaning."""
    if opened.has_tables:
        return JpegScene(opened)
    assert opened.values is not None
    return PixelScene(opened.values, 50, (0, 0), (1, 1))


def _standard(quality: int, index: int, colour: str) -> Floats:
    chroma = colour in ("ycbcr", "ycck") and index in (1, 2)
    table = standard_chroma(quality) if chroma else standard_luma(quality)
    return np.asarray(table, np.float32)


def to_floats(values: NDArray[Any]) -> Floats:
    """Samples as float32 0..1: integers divided by the largest value of their type, floats unchanged."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    floats: Floats = np.multiply(values, np.float32(1 / np.iinfo(values.dtype).max), dtype=np.float32)
    return floats


def _nearest_part(window: Window, height: int, width: int) -> Window:
    """The part of the window inside a grid; where it is wholly outside, the nearest row or column."""
    top, left = min(max(window.top, 0), height - 1), min(max(window.left, 0), width - 1)
    return Window(top, max(top + 1, min(window.bottom, height)), left, max(left + 1, min(window.right, width)))


def crop_or_repeat(values: Floats, found: Window, wanted: Window) -> Floats:
    """The window ``wanted`` of an array [h, w, ...] that covers the window ``found``; outside, the edge is repeated."""
    if found == wanted:
        return values
    rows = np.clip(np.arange(wanted.top, wanted.bottom) - found.top, 0, found.height - 1)
    columns = np.clip(np.arange(wanted.left, wanted.right) - found.left, 0, found.width - 1)
    inner = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if inner.shape[:2] == (wanted.height, wanted.width):
        return inner
    return values[rows[:, None], columns[None, :]]


def upsample(values: Floats, found: Window, plane: Plane, wanted: Window, *, limited: bool = True) -> Floats:
    """Upsample an array [h, w] that covers the window ``found`` of the plane's grid, to ``wanted`` of the scene's grid.

    ``limited``: samples beyond the plane's true size are replaced by the last true one, as in libjpeg.
    """
    if plane.vertical == plane.horizontal == 1:
        return values[wanted.inside(found)]
    if limited:
        visible = found.clip(plane.rows, plane.columns)
        values, found = values[visible.inside(found)], visible
    if plane.vertical.denominator != 1 or plane.horizontal.denominator != 1:
        return _interpolate(values, found, plane, wanted)
    v, h = int(plane.vertical), int(plane.horizontal)
    up = blocks.up_fancy(values, v, h).astype(np.float32, copy=False)
    return up[wanted.inside(Window(found.top * v, found.bottom * v, found.left * h, found.right * h))]


def _interpolate(values: Floats, found: Window, plane: Plane, wanted: Window) -> Floats:
    """Linear interpolation of centred samples, for factors such as 3 to 2, which libjpeg does not support."""
    rows, below = _neighbours(wanted.top, wanted.bottom, plane.vertical, found.top, found.height)
    columns, beside = _neighbours(wanted.left, wanted.right, plane.horizontal, found.left, found.width)
    down = values[rows[0]] * (1 - below[:, None]) + values[rows[1]] * below[:, None]
    return np.asarray(down[:, columns[0]] * (1 - beside) + down[:, columns[1]] * beside, np.float32)


def _neighbours(start: int, stop: int, factor: Fraction, origin: int, count: int) -> tuple[NDArray[np.intp], Floats]:
    position = (np.arange(start, stop) + 0.5) / float(factor) - 0.5 - origin
    position = np.clip(position, 0, count - 1)
    before = np.floor(position).astype(np.intp)
    return np.stack([before, np.minimum(before + 1, count - 1)]), (position - before).astype(np.float32)
