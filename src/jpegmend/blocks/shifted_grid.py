"""An earlier compression on a shifted block grid, by the likelihood of quantisation steps.

The file's own quantisation error is known: a coefficient of level 0 errs as the part of a Laplacian distribution
inside the interval of 0, any other by up to half a step, uniformly. Decoded pixels hold the earlier picture plus this
error. On the earlier block grid a DCT coefficient is therefore a multiple of the earlier step plus noise whose variance
follows from the file's tables and levels; on any other grid it is Laplacian.

Shape letters: N places, R block row, K block column, O offsets 0..7, F frequencies, Q qualities.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import BASIS, idct
from jpegmend.blocks.estimate import FREQUENCIES, quality_steps
from jpegmend.blocks.evidence import APART, LEAST_PLACES, ROUNDING, TRIED, Evidence, block_names, make_evidence
from jpegmend.blocks.step_likelihood import Array, gains

_PLACES, _FEW = 1000, 250
"""Number of places used for the final estimate, and for choosing grid and quality."""
_LEAST_PATTERNS = 100
"""Least number of different blocks; fewer come from drawings of equal squares, whose coefficients look quantised."""
_CLASSES = 4
"""Classes of blocks by their number of nonzero levels; the error of level 0 is estimated in each."""
_LEAST_COUNT = 8
"""Number of coefficients clearly above the noise that a frequency needs to be used."""
_RESOLVED = 3.0
"""Least ratio of a step to the noise's standard deviation at which the frequency is evidence for the step."""


def find_shifted(levels: NDArray[np.int16], table: NDArray[Any], quality: int) -> Evidence | None:
    """The most likely earlier compression by pixels, on a shifted grid; None where there is too little detail.

    ``levels`` [R, K, 8, 8] and ``table`` [8, 8] are those of luma, ``quality`` is the libjpeg quality of the table.
    """
    candidates = np.array([q for q in TRIED if q <= quality - APART])
    places = _Places.choose(levels, np.asarray(table, np.float64))
    if places is None or not len(candidates):
        return None
    few = places.every(_FEW)
    tried = [(few.judge(offset, candidates), offset) for offset in few.sparsest()]
    (totals, _), offset = max(tried, key=lambda entry: entry[0][0].max())
    near = np.unique(np.clip(candidates[totals.argmax()] + np.arange(-2, 3), 1, quality - APART))
    totals, by_frequency = places.judge(offset, near)
    best = int(totals.argmax())
    if (patterns := places.count_patterns(offset, int(near[best]))) < _LEAST_PATTERNS:
        return None
    return make_evidence(int(near[best]), offset, by_frequency[:, best], len(places.pixels), patterns)


class _Places:
    """Squares of 16 pixels, each over four blocks of the file, spread over the picture."""

    def __init__(self, pixels: NDArray[np.float32], errors: Array) -> None:
        self.pixels = pixels
        """[N, 16, 16], 0..255 scale."""
        self.errors = errors
        """[N, 2, 2, 8, 8]: variances of the quantisation error of their four blocks' coefficients."""

    @classmethod
    def choose(cls, levels: NDArray[np.int16], table: Array) -> _Places | None:
        if min(levels.shape[:2]) < 2:
            return None
        detail = (levels != 0).sum(axis=(2, 3)) - (levels[:, :, 0, 0] != 0)
        around = detail[:-1, :-1] + detail[1:, :-1] + detail[:-1, 1:] + detail[1:, 1:]
        row, column = np.nonzero(around >= 4)
        # Repeated patterns of drawings are counted once.
        names = block_names(levels)
        name = sum(names[row + i, column + j] * (3 * i + 5 * j + 1) for i, j in np.ndindex(2, 2))
        _, first = np.unique(name, return_index=True)
        if len(first) < LEAST_PLACES:
            return None
        first = np.sort(first)[:: max(1, len(first) // _PLACES)]
        row, column = row[first], column[first]
        blocks = idct((levels * table).astype(np.float32))
        errors = error_variances(levels.reshape(-1, 8, 8), table).reshape(levels.shape)
        pixels = np.empty((len(first), 16, 16), np.float32)
        variances = np.empty((len(first), 2, 2, 8, 8))
        for i, j in np.ndindex(2, 2):
            pixels[:, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8] = blocks[row + i, column + j]
            variances[:, i, j] = errors[row + i, column + j]
        return cls(pixels, variances)

    def every(self, most: int) -> _Places:
        """Every n-th place, so that about ``most`` are left."""
        step = max(1, len(self.pixels) // most)
        return _Places(self.pixels[::step], self.errors[::step])

    def sparsest(self) -> list[tuple[int, int]]:
        """The two shifted grids on which the fewest coefficients exceed the noise."""
        windows, overlaps = _windows(), _overlaps()
        mean = self.errors.mean(0)
        rows, columns = zip(*((u, v) for u, v in np.ndindex(8, 8) if 3 <= u + v <= 8), strict=True)
        found = []
        for top in range(8):
            half = windows[top] @ self.pixels
            for left in range(8):
                values = (half @ windows[left].T)[:, rows, columns]
                noise = np.einsum("iux,ijxy,jvy->uv", overlaps[top], mean, overlaps[left])[rows, columns] + ROUNDING
                found.append((float(np.log1p(np.square(values) / noise).mean()), (top, left)))
        return [offset for _, offset in sorted(found) if offset != (0, 0)][:2]

    def judge(self, offset: tuple[int, int], qualities: NDArray[np.int_]) -> tuple[Array, Array]:
        """Log-likelihood ratios of qualities on a grid: their sums [Q], and by frequency [F, Q]."""
        values = np.abs(self._coefficients(offset))
        over_rows, over_columns = (_overlaps()[part] for part in offset)
        errors = np.einsum("iux,nijxy,jvy->nuv", over_rows, self.errors, over_columns, optimize=True)
        sigmas = np.sqrt(errors + ROUNDING)
        found = np.zeros((len(FREQUENCIES), len(qualities)))
        for index, (u, v) in enumerate(FREQUENCIES):
            sizes, sigma = values[:, u, v], sigmas[:, u, v]
            typical = float(np.median(sigma))
            if (sizes > 2 * np.maximum(sigma, typical)).sum() < _LEAST_COUNT:
                continue
            steps, place = np.unique(quality_steps(index, qualities), return_inverse=True)
            gained = gains(sizes, steps, [sigma], 2 * typical)[0]
            found[index] = np.where(steps < _RESOLVED * typical, np.minimum(gained, 0), gained)[place]
        return found.sum(axis=0), found

    def count_patterns(self, offset: tuple[int, int], quality: int) -> int:
        """Number of different blocks, but for their mean, that an earlier compression would have made."""
        values = self._coefficients(offset)
        levels = np.zeros(values.shape, np.int16)
        for index, (u, v) in enumerate(FREQUENCIES):
            levels[:, u, v] = np.round(values[:, u, v] / quality_steps(index, np.array([quality]))[0])
        return len(np.unique(block_names(levels)))

    def _coefficients(self, offset: tuple[int, int]) -> Array:
        """DCT coefficients [N, 8, 8] of the blocks at an offset."""
        down, across = (_windows()[part] for part in offset)
        return np.asarray(down @ self.pixels @ across.T, np.float64)


def error_variances(levels: NDArray[np.int16], table: Array) -> Array:
    """Variances [N, 8, 8] of the quantisation error of the coefficients of blocks [N, 8, 8], 0..255 scale."""
    detail = (levels != 0).sum(axis=(1, 2))
    rank = np.argsort(np.argsort(detail, kind="stable"), kind="stable") * _CLASSES // len(levels)
    found = np.empty(levels.shape)
    for each in range(_CLASSES):
        members = levels[rank == each]
        if not len(members):
            continue
        zero = members == 0
        share = np.clip(zero.mean(axis=0), 0.5 / len(members), 1 - 0.5 / len(members))
        # A Laplacian of scale b has the share 1 - exp(-step / 2b) inside the interval of level 0.
        ratio = np.minimum(-np.log(1 - share), 50.0)
        scale = table / 2 / ratio
        inside = scale**2 * (2 - (ratio**2 + 2 * ratio + 2) * np.exp(-ratio)) / (1 - np.exp(-ratio))
        found[rank == each] = np.where(zero, inside, table**2 / 12)
    return found


@lru_cache(maxsize=1)
def _windows() -> NDArray[np.float32]:
    """[O, 8, 16]: the DCT's cosines beginning at an offset of a row of 16 samples."""
    found = np.zeros((8, 8, 16), np.float32)
    for offset in range(8):
        found[offset, :, offset : offset + 8] = BASIS
    return found


@lru_cache(maxsize=1)
def _overlaps() -> Array:
    """[O, 2, 8, 8]: squared products of the cosines at an offset with those of the two blocks below them."""
    halves = _windows().astype(np.float64).reshape(8, 8, 2, 8).swapaxes(1, 2)
    return np.square(halves @ BASIS.T)
