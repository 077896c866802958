"""Inference of CQR's compression quality ranker by ONNX Runtime: a score for the quality of a compressed picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.runtimes.contract import Floats
from jpegmend.runtimes.onnx import cached_session
from jpegmend.runtimes.processor import thread_count
from jpegmend.weights import Card

SCORE = "score"
"""Name of the graph's output."""
RANKER_ONNX, RANKER_WEIGHTS = "ranker.onnx", "ranker.safetensors"
"""Keys of the graph and of the weights in the files of a card."""


class QualityRanker:
    """CQR's compression quality ranker (section 3.1): of two compressions of a picture the better scores higher.

    Only scores of the same picture can be compared, because they depend on the content too.
    """

    def __init__(self, file: Path, threads: int | None = None) -> None:
        self._session = cached_session(file, thread_count(threads))
        self.channels = int(self._session.get_inputs()[0].shape[1])
        """Planes of a picture: 1, luma."""

    def score(self, planes: Floats) -> float:
        """The score of one picture: planes ``[C, H, W]`` in 0..1, or luma ``[H, W]``.

        Raises:
            InvalidOption: another number of planes than the ranker's.
        """
        planes = planes[None] if planes.ndim == 2 else planes
        if planes.ndim != 3 or len(planes) != self.channels:
            raise InvalidOption(f"planes {planes.shape}; this ranker takes [{self.channels}, H, W]")
        (found,) = self._session.run([SCORE], {"planes": np.asarray(planes, np.float32)[None]})
        return float(np.ravel(found)[0])


def load_ranker(model: str | Path | Card, *, threads: int | None = None) -> QualityRanker:
    """The ranker that was released with a network: ``load_ranker("cqr-c")``.

    Raises:
        UnknownModel: no such name.
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``; a network without a ranker has no such file.
    """
    return QualityRanker(weights.path(weights.find(model), RANKER_ONNX), threads)
