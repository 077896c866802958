"""An earlier compression on the file's own block grid, by the levels that never occur.

Shape letters: N blocks, R block row, K block column, L levels, S steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.estimate import FREQUENCIES, quality_steps
from jpegmend.blocks.evidence import APART, LEAST_PLACES, ROUNDING, TRIED, Evidence, block_names, make_evidence
from jpegmend.blocks.step_likelihood import OUTLIERS, Array

_BLOCKS = 4000
"""Number of different blocks that are used."""
_HIGHEST, _EARLIER, _LOW = 64, 12, 14
"""The largest level, the largest earlier level, and the number of frequencies counted."""
_SIGMA = float(np.sqrt(ROUNDING))


def find_aligned(levels: NDArray[np.int16], table: NDArray[Any], quality: int) -> Evidence | None:
    """The most likely earlier compression by levels, on the file's own grid; arguments as of ``find_shifted``."""
    blocks = levels.reshape(-1, 8, 8)
    _, first = np.unique(block_names(blocks), return_index=True)
    blocks = np.abs(blocks[np.sort(first)[:: max(1, len(first) // _BLOCKS)]])
    sizes = [blocks[:, u, v][blocks[:, u, v] > 0] for u, v in FREQUENCIES[:_LOW]]
    counts = [np.bincount(np.minimum(each, _HIGHEST + 1), minlength=_HIGHEST + 2)[1:-1] for each in sizes]

    def judge(candidates: NDArray[np.int_]) -> Array:
        found = []
        for index, (u, v) in enumerate(FREQUENCIES[:_LOW]):
            if counts[index].sum() < LEAST_PLACES:
                continue
            steps, place = np.unique(quality_steps(index, candidates), return_inverse=True)
            found.append(_level_gains(counts[index], steps.astype(np.float64), float(table[u, v]))[place])
        return np.array(found)

    candidates = np.array([q for q in TRIED if q <= quality - APART])
    gained = judge(candidates) if len(candidates) else np.empty(0)
    if len(gained) < 2:
        return None
    near = np.unique(np.clip(candidates[gained.sum(0).argmax()] + np.arange(-1, 2), 1, quality - APART))
    gained = judge(near)
    best, counted = int(gained.sum(0).argmax()), int(sum(each.sum() for each in counts))
    return make_evidence(int(near[best]), (0, 0), gained[:, best], counted, counted)


def _level_gains(counts: NDArray[np.int_], first: Array, second: float) -> Array:
    """Log-likelihood ratios [S] of earlier steps [S] for counts of the levels 1, 2, ... of the file's step, in nats."""
    level, earlier = np.arange(1, len(counts) + 1), np.arange(1, _EARLIER + 1)
    ratio = first[:, None] / second
    # Levels fall off geometrically; earlier levels do so too, on their own step.
    falling = max(1 - float(counts.sum() / (counts * level).sum()), 0.01)
    reached = _normal((np.arange(len(counts) + 1) + 0.5 - earlier[:, None] * ratio[..., None]) * second / _SIGMA)
    likelihood = (_geometric(earlier, np.power(falling, ratio))[:, None, :] @ np.diff(reached, axis=-1))[:, 0]
    # Below, rounding between the compressions makes levels of zeros.
    within = (level < (_EARLIER + 0.5) * ratio) & ((level - 0.5) * second > 3.5 * _SIGMA)
    plain = within * _geometric(level, np.float64(falling))
    plain /= np.maximum(plain.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    likelihood *= within
    likelihood /= np.maximum(likelihood.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    likelihood = (1 - OUTLIERS) * likelihood + OUTLIERS * plain
    gained = (counts * np.log(np.where(within, likelihood, 1) / np.where(within, plain, 1))).sum(axis=1)
    # With steps nearly as small as the file's, nearly every level occurs, as without an earlier compression.
    return np.asarray(np.where(ratio[:, 0] <= 1.2, np.minimum(gained, 0), gained))


def _geometric(level: NDArray[np.int_], ratio: Array | np.float64) -> Array:
    """Geometric distributions [..., L] over levels [L], normalised."""
    found = np.power(ratio, level - 1.0)
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def _normal(values: Array) -> Array:
    """The normal distribution function, by a logistic one (within 0.01)."""
    return np.asarray(1 / (1 + np.exp(np.clip(-1.702 * values, -50, 50))))
