"""PSNR, and the checks that all metrics share. Arrays of any real type; computed in float64."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption

Doubles = NDArray[np.float64]


def pair(a: NDArray[Any], b: NDArray[Any], peak: float) -> tuple[Doubles, Doubles]:
    """Both pictures as float64 arrays of one shape.

    Raises:
        InvalidOption: shapes differ, a picture is empty, or ``peak`` is no positive number.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or not first.size:
        raise InvalidOption(f"pictures of shape {first.shape} and {second.shape}; they must be alike and not empty")
    if not (math.isfinite(peak) and peak > 0):
        raise InvalidOption(f"peak {peak}; it must be positive: 255 for 8-bit pictures, 1 for planes of 0..1")
    return first, second


def decibels(mean_square: float, peak: float) -> float:
    """10 log10(peak^2 / mean square): ``inf`` where the mean square is 0, ``-inf`` where it is infinite."""
    if math.isinf(mean_square):
        return -math.inf
    return math.inf if mean_square == 0 else 10 * math.log10(peak * peak / mean_square)


def psnr(a: NDArray[Any], b: NDArray[Any], *, peak: float) -> float:
    """Peak signal-to-noise ratio in dB over all values of two arrays of one shape; ``inf`` if they are equal.

    ``peak`` is the value of white: 255 for uint8, 1 for planes of 0..1. It has no default.

    Raises:
        InvalidOption: shapes differ, a picture is empty, or ``peak`` is no positive number.

    >>> round(psnr(np.zeros((2, 2)), np.ones((2, 2)), peak=255), 2)
    48.13
    """
    first, second = pair(a, b, peak)
    return decibels(float(np.square(first - second).mean()), peak)
