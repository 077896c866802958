"""Rectangular windows of a sample grid, and division of a grid into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


def tile_pixels(budget: float, bytes_per_pixel: float, halo: int, align: int, *, strict: bool = True) -> int:
    """How many pixels a tile with its halo may have within the budget (bytes).

    Without ``strict`` the budget may be exceeded: at least those of a tile whose side is a quarter of the halo, because
    with smaller tiles nearly all computation would be spent on the halo.

    Raises:
        InvalidOption: ``strict``, and the smallest tile, of side ``align``, does not fit.
    """
    pixels = int(max(0.0, budget) / bytes_per_pixel)
    least = (align + 2 * halo) ** 2
    if not strict:
        return max(pixels, (round_up(max(halo // 4, 1), align) + 2 * halo) ** 2)
    if pixels < least:
        missing = least * bytes_per_pixel - budget
        raise InvalidOption(f"the memory allowed is {missing / 1e6:.0f} MB too little for the smallest tile; raise it")
    return pixels


def cut(height: int, width: int, *, pixels: int, halo: int, align: int) -> Iterator[Window]:
    """Divide a grid into tiles of about equal size, row by row, such that the fewest samples are computed in all.

    A tile with its halo, as far as it lies in the grid, has at most ``pixels`` samples, which must be enough for one of
    side ``align`` inside the grid. Edges of tiles inside the grid are multiples of ``align``.
    """
    rows, columns = _steps(height, width, pixels, halo, align)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Window(top, min(top + rows, height), left, min(left + columns, width))


def _steps(height: int, width: int, pixels: int, halo: int, align: int) -> tuple[int, int]:
    """Height and width of the tiles; of those with equal cost the fewest tiles, then the widest."""
    best: tuple[tuple[int, int, int], tuple[int, int]] | None = None
    for parts in range(1, -(-height // align) + 1):
        rows = _even_step(height, parts, align)
        columns = _widest_step(width, pixels // _extent(height, rows, halo), halo, align)
        if columns:
            down, across = -(-height // rows), -(-width // columns)
            computed = (height + 2 * halo * (down - 1)) * (width + 2 * halo * (across - 1))
            found = (computed, down * across, across), (rows, columns)
            best = found if best is None else min(best, found)
    assert best is not None, f"{pixels} pixels are too few for a tile of {align} with a halo of {halo}"
    return best[1]


def _even_step(length: int, parts: int, align: int) -> int:
    """Tile length, a multiple of ``align``: divides ``length`` into at most so many nearly equal parts."""
    return round_up(-(-length // parts), align)


def _extent(length: int, step: int, halo: int) -> int:
    """The largest length of a tile with its halo, as far as it lies in the grid."""
    inner_sides = min(-(-length // step) - 1, 2)
    return min(length, step + inner_sides * halo)


def _widest_step(length: int, allowed: int, halo: int, align: int) -> int:
    """The length of the fewest equal tiles that with their halos are no longer than allowed; 0 if there is none."""
    if length <= allowed:
        return round_up(length, align)
    if (step := _even_step(length, 2, align)) + halo <= allowed:
        return step
    largest = (allowed - 2 * halo) // align * align
    return _even_step(length, -(-length // largest), align) if largest > 0 else 0


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
