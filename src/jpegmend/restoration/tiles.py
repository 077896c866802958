"""Rectangular windows of a sample grid, and division of a grid into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from jpegmend.errors import InvalidOption


@dataclass(frozen=True)
class Window:
    """A rectangle of a grid, in samples; ``bottom`` and ``right`` are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows; 0 if the window is empty."""
        return max(0, self.bottom - self.top)

    @property
    def width(self) -> int:
        """Columns; 0 if the window is empty."""
        return max(0, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, as an index into the whole grid."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grow(self, pixels: int) -> Window:
        """The window enlarged by that many samples on every side, not clipped to the grid."""
        return Window(self.top - pixels, self.bottom + pixels, self.left - pixels, self.right + pixels)

    def clip(self, height: int, width: int) -> Window:
        """The part inside a grid of that size."""
        return Window(max(0, self.top), min(self.bottom, height), max(0, self.left), min(self.right, width))

    def intersect(self, other: Window) -> Window:
        """The intersection of both windows."""
        return Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def around(self, other: Window) -> Window:
        """The smallest window that covers both."""
        return Window(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def move(self, rows: int, columns: int) -> Window:
        """The window shifted down and to the right."""
        return Window(self.top + rows, self.bottom + rows, self.left + columns, self.right + columns)

    def align(self, rows: int, columns: int | None = None) -> Window:
        """The smallest window around this one whose edges are multiples of ``rows`` and ``columns``."""
        columns = rows if columns is None else columns
        return Window(
            self.top // rows * rows,
            -(-self.bottom // rows) * rows,
            self.left // columns * columns,
            -(-self.right // columns) * columns,
        )

    def inside(self, outer: Window) -> tuple[slice, slice]:
        """Rows and columns of this window as an index into an array that covers the outer one."""
        rows = slice(self.top - outer.top, self.bottom - outer.top)
        return rows, slice(self.left - outer.left, self.right - outer.left)


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple that is not below the value.

    >>> round_up(17, 8)
    24
    """
    return -(-value // multiple) * multiple


def largest_side(budget: float, bytes_per_pixel: float, halo: int, align: int, *, strict: bool = True) -> int:
    """Side of the largest square tile, a multiple of ``align``, that fits with its halo into the budget (bytes).

    Without ``strict`` the budget may be exceeded: the side is at least a quarter of the halo, because with smaller
    tiles nearly all computation would be spent on the halo.

    Raises:
        InvalidOption: ``strict``, and the smallest tile does not fit.
    """
    pixels = int(max(0.0, budget) / bytes_per_pixel)
    side = (isqrt(pixels) - 2 * halo) // align * align
    if not strict:
        return max(side, round_up(max(halo // 4, 1), align))
    if side < align:
        least = (align + 2 * halo) ** 2 * bytes_per_pixel - budget
        raise InvalidOption(f"the memory allowed is {least / 1e6:.0f} MB too little for the smallest tile; raise it")
    return side


def cut(height: int, width: int, *, side: int, halo: int, align: int) -> Iterator[Window]:
    """Divide a grid into tiles of about equal size, at most ``side`` on each axis, row by row.

    It is one tile if the whole grid has no more samples than a tile of ``side`` with its halo. Edges inside the grid
    are multiples of ``align``.
    """
    if height * width <= (side + 2 * halo) ** 2:
        yield Window(0, height, 0, width)
        return
    rows, columns = (_even_step(length, side, align) for length in (height, width))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Window(top, min(top + rows, height), left, min(left + columns, width))


def _even_step(length: int, side: int, align: int) -> int:
    """Tile length, a multiple of ``align``: divides ``length`` into the fewest, nearly equal parts up to ``side``."""
    parts = -(-length // side)
    return round_up(-(-length // parts), align)


def ramp(start: int, stop: int, extent: int, overlap: int) -> list[float]:
    """Blending weights along one axis: linear ramps over the overlap, except at the ends of the grid.

    >>> ramp(0, 4, 8, 2)
    [1.0, 1.0, 0.75, 0.25]
    """
    weights = [1.0] * (stop - start)
    for step in range(min(overlap, stop - start)):
        share = (step + 0.5) / overlap
        if start > 0:
            weights[step] = min(weights[step], share)
        if stop < extent:
            weights[-1 - step] = min(weights[-1 - step], share)
    return weights


def lattice(extent: int, side: int, overlap: int) -> list[int]:
    """Start positions of windows along one axis, such that neighbours overlap by at least ``overlap``.

    >>> lattice(100, 40, 8), lattice(30, 40, 8)
    ([0, 32, 60], [0])
    """
    if extent <= side:
        return [0]
    return [*range(0, extent - side, side - overlap), extent - side]
