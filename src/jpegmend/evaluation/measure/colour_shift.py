"""Colour shift (QGCN, fig. 4): mean CIEDE2000 of two low-passed pictures, so that lost detail does not count as colour.

scikit-image computes Lab (D65) and CIEDE2000; it comes with the extra ``evaluation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jpegmend.errors import InvalidOption, extra_needed
from jpegmend.evaluation.measure.degrade_and_score import Picture


@dataclass(frozen=True)
class Shift:
    """CIEDE2000 over the pixels of two low-passed pictures."""

    mean: float
    percentile95: float


def colour_shift(truth: Picture, judged: Picture, *, sigma: float = 4.0) -> Shift:
    """CIEDE2000 between two uint8 sRGB pictures [H, W, 3], each blurred by a Gaussian of ``sigma`` pixels.

    Raises:
        InvalidOption: not two uint8 pictures [H, W, 3] of one shape, or ``sigma`` not positive.
        MissingExtra: scikit-image is not installed.
    """
    alike = truth.shape == judged.shape and truth.ndim == 3 and truth.shape[2] == 3
    if not alike or truth.dtype != np.uint8 or judged.dtype != np.uint8:
        raise InvalidOption(
            f"{truth.dtype} {truth.shape} and {judged.dtype} {judged.shape}; give two uint8 pictures [H, W, 3] alike"
        )
    if not sigma > 0:
        raise InvalidOption(f"sigma {sigma}; it must be above 0 pixels")
    with extra_needed("colour shift", "evaluation"):
        from skimage import color
    untyped: Any = color
    deltas = untyped.deltaE_ciede2000(_low_passed_lab(truth, sigma), _low_passed_lab(judged, sigma))
    return Shift(float(deltas.mean()), float(np.percentile(deltas, 95)))


def _low_passed_lab(picture: Picture, sigma: float) -> Any:
    from skimage import color, filters

    untyped: Any = filters
    soft = untyped.gaussian(picture / 255, sigma, mode="nearest", channel_axis=2)
    return color.rgb2lab(soft)
