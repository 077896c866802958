"""Search for an earlier JPEG compression in a file that was compressed again: its quality and block grid.

On the file's own grid (``own_grid``) some levels of the file never occur. On shifted grids (``shifted_grid``) DCT
coefficients of the decoded pixels are multiples of the earlier steps, plus noise of known variance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.evidence import Evidence
from jpegmend.blocks.own_grid import find_aligned
from jpegmend.blocks.scaling import Scaling
from jpegmend.blocks.shifted_grid import find_shifted

_CALIBRATION = {"shifted": (-12.202, 3.783, 4.914, 2.091, 1.735), "aligned": (2.782, 6.788, 11.294, 1.36, -0.64)}
"""Logistic regression of the probability on ``Evidence.features``: constant, then weights.

Fitted on three small samples of CID22, CLIC and photographs, by the method of ``python benchmarks/earlier.py fit``."""
_LEAST_GAIN = {"shifted": -np.inf, "aligned": 0.2}
"""Gain below which the probability is 0: on the own grid, levels that never occur are then those of a drawing."""


class Earlier(NamedTuple):
    """An earlier, stronger compression of a file."""

    quality: int
    """libjpeg quality, 1..100."""
    offset: tuple[int, int]
    """Row and column of the picture where its first whole block begins, 0..7 each; (0, 0) is the file's own grid."""
    probability: float
    """0..1."""
    scaling: Scaling | None = None
    """From the picture as it was compressed then to this one, if it was scaled since; ``offset`` is then (0, 0)."""


def find_earlier(levels: NDArray[np.int16], table: NDArray[Any], quality: int) -> Earlier | None:
    """The most likely earlier compression of a JPEG file; None where there is too little detail to say anything.

    ``levels`` [R, K, 8, 8] and ``table`` [8, 8] are those of luma or gray, ``quality`` is the libjpeg quality nearest
    to the table. Earlier compressions are found down from 8 below it; finer ones leave no trace.
    """
    found = [
        Earlier(evidence.quality, evidence.offset, _probability(evidence, kind))
        for kind, evidence in find_evidence(levels, table, quality).items()
    ]
    return max(found, key=lambda earlier: earlier.probability, default=None)


def find_evidence(levels: NDArray[np.int16], table: NDArray[Any], quality: int) -> dict[str, Evidence]:
    """The evidence for ``find_earlier``: of ``shifted`` and ``aligned`` grids, where there is any."""
    found = {"shifted": find_shifted(levels, table, quality), "aligned": find_aligned(levels, table, quality)}
    return {kind: evidence for kind, evidence in found.items() if evidence is not None}


def _probability(evidence: Evidence, kind: str) -> float:
    constant, *slopes = _CALIBRATION[kind]
    score = constant + float(np.dot(slopes, evidence.features))
    return float(1 / (1 + np.exp(-np.clip(score, -50, 50)))) if evidence.gain >= _LEAST_GAIN[kind] else 0.0
