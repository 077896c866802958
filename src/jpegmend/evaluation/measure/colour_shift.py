"""Colour shift (QGCN's fig. 4): CIEDE2000 between low-passed pictures, so that lost detail does not count as colour.

Pictures are uint8 sRGB [H, W, 3]; Lab is for D65, L 0..100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption

Doubles = NDArray[np.float64]

XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
"""Linear sRGB to XYZ (ITU-R BT.709 primaries, D65)."""

WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(rgb: NDArray[Any]) -> Doubles:
    """sRGB of 0..1, [..., 3], to CIE Lab [..., 3] under D65 (IEC 61966-2-1, CIE 15)."""
    values = np.asarray(rgb, np.float64)
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    xyz = linear @ XYZ.T / WHITE
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(first: Doubles, second: Doubles) -> Doubles:
    """Colour difference of two Lab arrays [..., 3]: CIEDE2000 with all weights 1.

    Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
    mathematical observations" (2005), eq. 2 to 22. 1 is about what can just be seen.
    """
    l1, l2 = first[..., 0], second[..., 0]
    chroma = (np.hypot(first[..., 1], first[..., 2]) + np.hypot(second[..., 1], second[..., 2])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(_seventh(chroma))  # eq. 4: 1 + G
    a1, a2 = stretch * first[..., 1], stretch * second[..., 1]
    c1, c2 = np.hypot(a1, first[..., 2]), np.hypot(a2, second[..., 2])
    h1, h2 = _hue(a1, first[..., 2]), _hue(a2, second[..., 2])
    gray = c1 * c2 == 0
    turn = np.where(gray, 0.0, (h2 - h1 + 180) % 360 - 180)  # eq. 10
    # 180 apart is ambiguous; eq. 10 takes +180 when h2 lies above h1.
    turn = np.where((turn == -180) & (h2 > h1), 180.0, turn)
    delta_l, delta_c = l2 - l1, c2 - c1
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))  # eq. 11
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(gray, h1 + h2, _mean_hue(h1, h2))  # eq. 14
    weight = (
        1
        - 0.17 * _cos(mean_h - 30)
        + 0.24 * _cos(2 * mean_h)
        + 0.32 * _cos(3 * mean_h + 6)
        - 0.20 * _cos(4 * mean_h - 63)
    )
    lightness = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    terms_l, terms_c = delta_l / lightness, delta_c / (1 + 0.045 * mean_c)
    terms_h = delta_h / (1 + 0.015 * mean_c * weight)
    turned = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))  # eq. 16, doubled
    rotation = -2 * np.sqrt(_seventh(mean_c)) * np.sin(np.radians(turned))
    # Rounding can bring the sum of equal colours just below 0.
    return np.asarray(np.sqrt(np.maximum(terms_l**2 + terms_c**2 + terms_h**2 + rotation * terms_c * terms_h, 0)))


def _seventh(chroma: Doubles) -> Doubles:
    power = chroma**7
    return np.asarray(power / (power + 25.0**7))


def _hue(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(np.degrees(np.arctan2(b, a)) % 360)


def _mean_hue(h1: Doubles, h2: Doubles) -> Doubles:
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    return np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2


def _cos(degrees: Doubles) -> Doubles:
    return np.asarray(np.cos(np.radians(degrees)))


def low_pass(picture: NDArray[Any], sigma: float) -> Doubles:
    """A picture [H, W, 3] blurred by a Gaussian of ``sigma`` pixels, edges replicated; float64 in the same units."""
    radius = max(1, round(4 * sigma))
    offsets = np.arange(-radius, radius + 1)
    taps = np.exp(-(offsets**2) / (2 * sigma * sigma))
    taps /= taps.sum()
    values = np.asarray(picture, np.float64)
    for axis in (0, 1):
        padded = np.pad(values, [(radius, radius) if a == axis else (0, 0) for a in range(3)], mode="edge")
        length = values.shape[axis]
        parts = (np.take(padded, range(start, start + length), axis) * tap for start, tap in enumerate(taps))
        values = np.asarray(sum(parts))
    return values


@dataclass(frozen=True)
class Shift:
    """CIEDE2000 between two low-passed pictures."""

    mean: float
    percentile95: float


def colour_shift(truth: NDArray[np.uint8], judged: NDArray[np.uint8], *, sigma: float = 4.0) -> Shift:
    """How far the colours of a picture lie from the original's, at a coarse scale of ``sigma`` pixels.

    Raises:
        InvalidOption: not two uint8 pictures [H, W, 3] of one shape, or ``sigma`` not positive.
    """
    alike = truth.shape == judged.shape and truth.ndim == 3 and truth.shape[2] == 3
    if not alike or truth.dtype != np.uint8 or judged.dtype != np.uint8:
        raise InvalidOption(
            f"{truth.dtype} {truth.shape} and {judged.dtype} {judged.shape}; give two uint8 pictures [H, W, 3] alike"
        )
    if not sigma > 0:
        raise InvalidOption(f"sigma {sigma}; it must be above 0 pixels")
    found = ciede2000(lab(low_pass(truth, sigma) / 255), lab(low_pass(judged, sigma) / 255))
    return Shift(float(found.mean()), float(np.percentile(found, 95)))
