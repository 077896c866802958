"""Evidence for an earlier JPEG compression, and constants of its search.

Shape letters: N blocks, F frequencies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.step_likelihood import Array

LEAST_PLACES = 24
"""Least number of places with detail for which there is evidence."""
ROUNDING = 0.12
"""Variance of the rounding to 8-bit RGB and luma between two compressions, 0..255 scale."""
APART = 8
"""Least difference between the quality of the file's table and that of an earlier compression."""
TRIED = (*range(5, 42), *range(42, 99, 2))
"""Qualities tried first; steps at half a quality are twice as large, so that low qualities are not left out."""
_LARGEST_GAIN = 5.0
"""Magnitude to which gains are clipped, in nats, for the calibration."""


class Evidence(NamedTuple):
    """The most likely earlier compression of a file, and how well it explains the levels."""

    quality: int
    """Its libjpeg quality."""
    offset: tuple[int, int]
    """Row and column of the picture where its first whole block begins, 0..7 each."""
    gain: float
    """Log-likelihood ratio against no earlier compression, in nats for each place, or for each nonzero level."""
    support: float
    """Share of the frequencies whose own ratio is above 0."""
    against: float
    """The part of ``gain`` by frequencies whose own ratio is below 0, at most 0."""
    patterns: int
    """Number of different blocks; on the file's own grid, of nonzero levels."""

    @property
    def features(self) -> tuple[float, float, float, float]:
        """The inputs of the calibration."""
        gain, against = (max(-_LARGEST_GAIN, min(value, _LARGEST_GAIN)) for value in (self.gain, self.against))
        return gain, self.support, against, float(np.log2(self.patterns))


def make_evidence(quality: int, offset: tuple[int, int], by_frequency: Array, places: int, patterns: int) -> Evidence:
    """The evidence of log-likelihood ratios [F], sums over that many places."""
    gain, against = (float(part.sum()) / places for part in (by_frequency, np.minimum(by_frequency, 0)))
    return Evidence(quality, offset, gain, float((by_frequency > 0).mean()), against, patterns)


def block_names(levels: NDArray[np.int16]) -> NDArray[np.int64]:
    """A number for each block [..., 8, 8], equal for equal blocks except for their mean, and hardly for others."""
    weights = np.random.default_rng(0).integers(1, 1 << 40, (8, 8))
    weights[0, 0] = 0
    return np.asarray((levels * weights).sum(axis=(-2, -1)))
