"""Quantisation and dequantisation of DCT coefficients, and decoding of levels to planes.

Levels [R, K, 8, 8] and tables [8, 8] are in natural (row-major) order and in the units of the file:
coefficient = level * step, on the 0..255 sample scale after 128 was subtracted. Planes are 0..1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks.dct import Floats, dct, idct, join_blocks, split_blocks
from jpegmend.errors import InvalidOption

PEAK = 255.0
"""Factor from planes, 0..1, to the scale of the coefficients."""
SHIFT = 128.0
"""The level shift of 8-bit JPEG (ITU-T T.81, A.3.1), on the scale of the coefficients."""


def check_table(table: NDArray[Any]) -> NDArray[np.float32]:
    """The table as float32 [8, 8].

    Raises:
        InvalidOption: another shape, or a step below 1.
    """
    steps = np.asarray(table, np.float32)
    if steps.shape != (8, 8) or not (steps >= 1).all():
        raise InvalidOption(
            f"a quantisation table of shape {steps.shape}, smallest step {steps.min(initial=np.inf):g}; "
            "it must be [8, 8] with steps of at least 1"
        )
    return steps


def dequantise(levels: NDArray[Any], table: NDArray[Any]) -> NDArray[np.float32]:
    """Levels [..., 8, 8] to DCT coefficients [..., 8, 8], float32, on the 0..255 scale."""
    return np.asarray(np.multiply(levels, check_table(table), dtype=np.float32))


def decode(levels: NDArray[np.integer[Any]], table: NDArray[Any]) -> NDArray[np.float32]:
    """The decoded plane [8R, 8K] of levels [R, K, 8, 8]: 0..1, neither clipped nor rounded.

    >>> decode(np.zeros((1, 2, 8, 8), np.int16), np.ones((8, 8))).shape
    (8, 16)
    """
    plane: NDArray[np.float32] = join_blocks(idct(dequantise(levels, table)))
    plane += np.float32(SHIFT)
    plane *= np.float32(1 / PEAK)
    return plane


def coefficients(plane: Floats) -> Floats:
    """DCT coefficients [R, K, 8, 8] of a 0..1 plane [8R, 8K], on the 0..255 scale, after the level shift.

    float64 in, float64 out; everything else is float32.
    """
    kind: Any = np.float64 if plane.dtype == np.float64 else np.float32
    return dct(split_blocks(plane.astype(kind, copy=False) * kind(PEAK) - kind(SHIFT)))


def quantise(plane: Floats, table: NDArray[Any]) -> NDArray[np.int16]:
    """Levels [R, K, 8, 8] of a 0..1 plane [8R, 8K], rounded as libjpeg does: halves away from zero.

    Levels outside the range of int16 (8-bit pictures have none) are clipped to it.

    Raises:
        InvalidOption: a side is no multiple of 8, or the table is no table.

    >>> quantise(np.full((8, 8), 128.5 / 255), np.full((8, 8), 8))[0, 0, 0, 0]
    np.int16(1)
    """
    shares = coefficients(plane) / check_table(table)
    levels = np.trunc(shares + np.copysign(shares.dtype.type(0.5), shares))
    return np.asarray(np.clip(levels, -32768, 32767), np.int16)
