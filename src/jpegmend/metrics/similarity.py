"""SSIM: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment" (IEEE TIP 2004), eq. 13."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.metrics.peak import Doubles, pair


def ssim(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    peak: float,
    window: Literal["gaussian", "uniform"] = "gaussian",
    size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    sample_covariance: bool = False,
) -> float:
    """Mean structural similarity of two pictures [H, W], at most 1; 1 if they are equal.

    The defaults are those of the authors' MATLAB code (``ssim_index.m``): a Gaussian window of 11x11, sigma 1.5, at
    positions wholly inside the picture. Values of different variants are not comparable.

    Args:
        a: one picture, values 0..peak.
        b: the other.
        peak: the value of white, 255 or 1.
        window: weights of the window; "uniform" ignores ``sigma``.
        size: side of the window in pixels, odd or even.
        sigma: width of the Gaussian in pixels.
        k1: stabilising constant of the luminance term, a share of the peak.
        k2: stabilising constant of the contrast and structure terms, a share of the peak.
        sample_covariance: divide by N - 1 instead of N (the default of scikit-image).

    Raises:
        InvalidOption: not two pictures [H, W] of one shape, a side below ``size``, or an option out of range.

    >>> ssim(np.eye(16), np.eye(16), peak=1)
    1.0
    """
    first, second = pair(a, b, peak)
    weights = _weights(window, size, sigma)
    if first.ndim != 2 or min(first.shape) < size:
        raise InvalidOption(
            f"pictures of shape {first.shape} under a window of {size}x{size}; "
            "SSIM needs [H, W] with sides of at least the window's: take a smaller one and name it"
        )
    mean_a, mean_b = _filter(first, weights), _filter(second, weights)
    scale = size * size / (size * size - 1) if sample_covariance else 1.0
    variance_a = scale * (_filter(first * first, weights) - mean_a * mean_a)
    variance_b = scale * (_filter(second * second, weights) - mean_b * mean_b)
    covariance = scale * (_filter(first * second, weights) - mean_a * mean_b)
    c1, c2 = (k1 * peak) ** 2, (k2 * peak) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    return float((above / below).mean())


def _weights(window: str, size: int, sigma: float) -> Doubles:
    """Weights of the separable window along one axis, [size], with sum 1."""
    if size < 2 or size != int(size):
        raise InvalidOption(f"window size {size}; it must be a whole number from 2 up (11 is MATLAB's)")
    if window == "uniform":
        return np.full(size, 1 / size)
    if window != "gaussian" or not sigma > 0:
        raise InvalidOption(
            f"window {window!r} with sigma {sigma}; there are 'gaussian' with a positive sigma, and 'uniform'"
        )
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-np.square(offsets) / (2 * sigma * sigma))
    return np.asarray(weights / weights.sum())


def _filter(picture: Doubles, weights: Doubles) -> Doubles:
    """Weighted means [H - n + 1, W - n + 1] of a picture [H, W], at every position with the window inside."""
    taps = len(weights)
    height, width = picture.shape[0] - taps + 1, picture.shape[1] - taps + 1
    rows = sum(weight * picture[i : i + height] for i, weight in enumerate(weights))
    return np.asarray(sum(weight * rows[:, i : i + width] for i, weight in enumerate(weights)))
