"""Estimate of JPEG quality and block grid from pixels, for pictures with flat areas: text, drawings, screenshots.

In such pictures most blocks are of one colour and tell nothing, and in many others the decoder clipped pixels at black
and white, which moves DCT coefficients off the multiples of the quantisation steps. Here a table is judged by the share
of blocks that it reproduces, within the rounding of pixels, from quantised coefficients. Finer tables reproduce more of
the blocks of a picture that was never compressed; of a compressed one, its own table reproduces more than finer ones.

Shape letters: N blocks, Q qualities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import Floats, dct, idct, split_blocks
from jpegmend.blocks.estimate import NOTHING, SMALLEST, Compression
from jpegmend.blocks.evidence import block_names
from jpegmend.blocks.quantisation import PEAK, SHIFT

Mask = NDArray[np.bool_]

_LEAST_EQUAL = 0.05
"""Least share of runs of eight equal pixels in rows, below which a picture has no flat areas."""
_LEAST_FLAT, _STEP = 0.05, 1.2
"""Least share of flat blocks, on the grid that has the most, and the largest step between neighbours in a flat block,
0..255 scale: rounding to 8-bit RGB moves luma by up to half of that."""
_CONTRAST, _LEAST_INSIDE = 16.0, 16
"""Least range of the pixels of a block that is used, 0..255 scale, and least number of its pixels not clipped."""
_BLOCKS, _FEWER, _FEWEST = 96, 3, 8
"""Number of blocks used; every how many are used to choose the quality; least number."""
_ROUNDS, _ERROR = 6, 0.5
"""Rounds of the search for the values of clipped pixels, and root mean square error of a block that counts as
reproduced, 0..255 scale: that of rounding to 8 bits is 0.29."""
_HIGHEST, _FINER, _COMPARED = 92, 3, 12
"""Highest quality that is estimated, the least distance to the qualities of finer tables that it is compared with, and
the number of these for the final estimate."""
_HALF_CONFIDENT, _LEAST_SURPLUS = 0.12, 8.0
"""Surplus of reproduced blocks over the mean of finer tables at which the confidence is one half: as a share of the
blocks used, and the least number. Of 700 pictures never compressed hardly any has a surplus."""
_SURE = 0.5
"""Confidence from which a picture is not tried turned."""


def has_flat_areas(plane: Floats) -> bool:
    """Whether a plane [H, W], 0..1, has runs of equal pixels; photographs have few."""
    equal = np.abs(np.diff(plane[::8], axis=1)) * 255 < 0.5
    whole = equal[:, : equal.shape[1] // 8 * 8].reshape(len(equal), -1, 8)
    return bool(whole.size and whole.all(axis=2).mean() >= _LEAST_EQUAL)


def estimate_from_flat_areas(plane: Floats, above: Mask, below: Mask, tables: Floats) -> Compression:
    """Quality, up to 92, and block grid of the compression of a luma plane ``[H, W]``, 0..1, that has flat areas.

    ``above`` and ``below`` [H, W] are the pixels of which a colour channel is clipped at its largest or its smallest
    value. ``tables`` [Q, 8, 8] are libjpeg's luma tables of the qualities 1 to 97. The transpose is tried too, as of a
    picture that was turned by a quarter.
    """
    found = _estimate_upright(plane, above, below, tables)
    if found.confidence >= _SURE:
        return found
    turned = _estimate_upright(plane.T, above.T, below.T, tables)
    if turned.confidence <= found.confidence:
        return found
    return turned._replace(offset=turned.offset[::-1], turned=True)


def _estimate_upright(plane: Floats, above: Mask, below: Mask, tables: Floats) -> Compression:
    """The compression found in a plane that was not turned since."""
    if min(plane.shape) < SMALLEST:
        return NOTHING
    share, offset = _flattest_grid(plane)
    blocks = _Blocks.choose(plane, above, below, offset) if share >= _LEAST_FLAT else None
    if blocks is None:
        return NOTHING
    fewer = blocks.every(_FEWER)
    counts = np.array([fewer.count_reproduced(table) for table in tables])
    surpluses = [count - counts[index + _FINER :].mean() for index, count in enumerate(counts[:_HIGHEST])]
    likely = int(np.argmax(surpluses)) + 1
    if surpluses[likely - 1] < 1:
        return NOTHING
    near = range(max(1, likely - 2), min(_HIGHEST, likely + 2) + 1)
    most, quality = max((blocks.count_reproduced(tables[quality - 1]), quality) for quality in near)
    finer = np.unique(np.linspace(near[-1] + _FINER, len(tables), _COMPARED).astype(int))
    surplus = most - float(np.mean([blocks.count_reproduced(tables[other - 1]) for other in finer]))
    half = max(_LEAST_SURPLUS, _HALF_CONFIDENT * len(blocks.pixels))
    return Compression(quality, offset, surplus / (surplus + half)) if surplus > 0 else NOTHING


def _flattest_grid(plane: Floats) -> tuple[float, tuple[int, int]]:
    """The largest share of flat blocks, and its grid: what compression adds ends at the edges of blocks."""
    across, down = (_sums(np.abs(np.diff(plane, axis=axis)) * 255 > _STEP) for axis in (1, 0))
    found = []
    for top, left in np.ndindex(8, 8):
        rows, columns = (np.arange(start, side - 7, 8) for start, side in zip((top, left), plane.shape, strict=True))
        steps = _sums_in_blocks(across, rows, columns, 8, 7) + _sums_in_blocks(down, rows, columns, 7, 8)
        found.append((float((steps == 0).mean()), (top, left)))
    return max(found, key=lambda entry: entry[0])


def _sums(steps: Mask) -> NDArray[np.int32]:
    """Numbers of steps above and left of each corner of the pixels, [H + 1, W + 1]."""
    found = np.zeros((steps.shape[0] + 1, steps.shape[1] + 1), np.int32)
    np.cumsum(steps, axis=0, out=found[1:, 1:])
    np.cumsum(found[1:, 1:], axis=1, out=found[1:, 1:])
    return found


def _sums_in_blocks(
    sums: NDArray[np.int32], rows: NDArray[np.int_], columns: NDArray[np.int_], height: int, width: int
) -> NDArray[np.int32]:
    """Numbers of steps in rectangles of one size that begin at these rows and columns."""
    upper, lower = sums[rows], sums[rows + height]
    return lower[:, columns + width] - lower[:, columns] - upper[:, columns + width] + upper[:, columns]


class _Blocks(NamedTuple):
    """Different blocks with detail, spread over a picture."""

    pixels: Floats
    """[N, 8, 8] luma, 0..255 scale after the level shift."""
    above: Mask
    below: Mask
    """[N, 8, 8]: whether a channel is clipped at its largest or smallest value."""

    @classmethod
    def choose(cls, plane: Floats, above: Mask, below: Mask, offset: tuple[int, int]) -> _Blocks | None:
        """Blocks of a grid; None where there are too few."""
        rows, columns = (slice(s, s + (n - s) // 8 * 8) for s, n in zip(offset, plane.shape, strict=True))
        cut = [split_blocks(each[rows, columns]).reshape(-1, 8, 8) for each in (plane, above, below)]
        inside = (~(cut[1] | cut[2])).sum(axis=(1, 2))
        contrast = (cut[0].max(axis=(1, 2)) - cut[0].min(axis=(1, 2))) * 255
        place = np.flatnonzero((contrast >= _CONTRAST) & (inside >= _LEAST_INSIDE))
        if len(place) < _FEWEST:
            return None
        # Letters and patterns that recur on the grid are counted once.
        names = block_names(np.rint(cut[0][place] * 255).astype(np.int16))
        place = place[np.sort(np.unique(names, return_index=True)[1])]
        place = place[np.linspace(0, len(place) - 1, min(len(place), _BLOCKS)).astype(int)]
        pixels = cut[0][place].astype(np.float32) * np.float32(PEAK) - np.float32(SHIFT)
        return cls(pixels, cut[1][place], cut[2][place]) if len(place) >= _FEWEST else None

    def every(self, step: int) -> _Blocks:
        """Every n-th block."""
        return _Blocks(self.pixels[::step], self.above[::step], self.below[::step])

    def count_reproduced(self, table: Floats) -> int:
        """Number of blocks, different in their levels, that a decoder makes by this table [8, 8], but for rounding.

        A clipped pixel was beyond its value. By turns the levels nearest to the block are taken, and the pixels that
        they decode to where these are beyond the clipped value.
        """
        seen, above, below = self
        limit = _ERROR**2 * (~(above | below)).sum(axis=(1, 2))
        found: dict[int, int] = {}
        before = seen
        for _ in range(_ROUNDS):
            levels = np.rint(dct(before) / table)
            decoded = idct(levels * table)
            before = np.where(above, np.maximum(decoded, seen), np.where(below, np.minimum(decoded, seen), seen))
            right = np.flatnonzero(np.square(before - decoded).sum(axis=(1, 2)) <= limit)
            names = block_names(levels[right].astype(np.int16))
            found.update(zip(right.tolist(), names.tolist(), strict=True))
        # Blocks along one edge of a drawing are alike: any table that has levels for one of them has them for all.
        return len(set(found.values()))
