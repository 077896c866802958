"""Likelihood of quantisation steps, given DCT coefficients: compressed with that step, or not compressed.

Compressed: a coefficient is a multiple of the step plus normal noise. Not compressed: zeros of flat areas plus noise,
else exponentially distributed sizes.

Shape letters: N coefficients, S steps, D deviations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OUTLIERS = 0.03
"""Share of coefficients that are no multiples of a step, because of clipped pixels or retouching."""
_FLAT = np.array([0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98])
"""Shares of coefficients that are zero because the picture is flat there, tried for "no compression"."""


def gains(sizes: Array, steps: NDArray[Any], sigmas: Sequence[Array | float], threshold: float) -> Array:
    """Log-likelihood ratios [D, S] of steps [S] against no compression, in nats, summed over the coefficients.

    ``sizes`` [N] are absolute values on the 0..255 scale; ``sigmas`` are standard deviations of their noise that are
    tried, each one for all or [N]; sizes above ``threshold`` are more than noise, and at least one must be.
    """
    step = steps[:, None].astype(np.float64)
    level = np.round(sizes / step)
    zeros = (level == 0).mean(axis=1, keepdims=True)
    scale = float(sizes[sizes > threshold].mean())
    # Share of the exponential tail that the encoder rounded to this level, of all that did not become zero.
    share = (1 - zeros) * np.exp(-(level - 1) * step / scale) * (1 - np.exp(-step / scale))
    share = np.where(level == 0, 2 * zeros, share)
    share *= 1 - OUTLIERS
    squares = np.square(sizes - level * step)
    outliers = np.maximum(OUTLIERS * np.exp(-sizes / scale) / scale, np.finfo(float).tiny)
    found = []
    for sigma in sigmas:
        likelihood = share * _normal_density(squares, sigma) + outliers
        found.append(np.log(likelihood).sum(axis=1) - _uncompressed(sizes, sigma))
    return np.array(found)


def _uncompressed(sizes: Array, sigma: Array | float) -> float:
    """Log-likelihood of sizes [N] without compression: zeros of flat areas, else exponentially distributed."""
    flat = 2 * _normal_density(np.square(sizes), sigma)
    counts = np.maximum(1, np.rint((1 - _FLAT) * len(sizes)).astype(int))
    means = np.cumsum(np.sort(sizes)[::-1])[counts - 1] / counts
    scale = np.maximum(means, sigma if np.isscalar(sigma) else np.median(sigma))[:, None]
    share = _FLAT[:, None]
    density = share * flat + (1 - share) * np.exp(-sizes / scale) / scale
    # For a few bright dots on a flat area the density underflows to 0.
    return float(np.log(np.maximum(density, np.finfo(float).tiny)).sum(axis=1).max())


def _normal_density(squares: Array, sigma: Array | float) -> Array:
    """The normal density of numbers whose squares are given."""
    return np.asarray(np.exp(-squares / (2 * np.square(sigma))) / (sigma * np.sqrt(2 * np.pi)))
