"""Quantisation tables of libjpeg's qualities, and the nearest quality of a given table.

Tables are uint16 [8, 8], row-major in natural order (row = vertical frequency), in the units of the file:
a step of 1 is one grey level of 0..255 times the orthonormal 8x8 DCT.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption

Table = NDArray[np.uint16]

# fmt: off
ZIGZAG: NDArray[np.intp] = np.array([
     0,  1,  8, 16,  9,  2,  3, 10,
    17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34,
    27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36,
    29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46,
    53, 60, 61, 54, 47, 55, 62, 63,
], dtype=np.intp)
"""ZIGZAG[i] is the natural (row-major) index of the i-th coefficient in file order (T.81, figure 5)."""

# T.81, tables K.1 and K.2; libjpeg writes them at quality 50.
_LUMA_50 = np.array([
    [16,  11,  10,  16,  24,  40,  51,  61],
    [12,  12,  14,  19,  26,  58,  60,  55],
    [14,  13,  16,  24,  40,  57,  69,  56],
    [14,  17,  22,  29,  51,  87,  80,  62],
    [18,  22,  37,  56,  68, 109, 103,  77],
    [24,  35,  55,  64,  81, 104, 113,  92],
    [49,  64,  78,  87, 103, 121, 120, 101],
    [72,  92,  95,  98, 112, 100, 103,  99],
])
_CHROMA_50 = np.array([
    [17,  18,  24,  47,  99,  99,  99,  99],
    [18,  21,  26,  66,  99,  99,  99,  99],
    [24,  26,  56,  99,  99,  99,  99,  99],
    [47,  66,  99,  99,  99,  99,  99,  99],
    [99,  99,  99,  99,  99,  99,  99,  99],
    [99,  99,  99,  99,  99,  99,  99,  99],
    [99,  99,  99,  99,  99,  99,  99,  99],
    [99,  99,  99,  99,  99,  99,  99,  99],
])
# fmt: on
_BASELINE_MAX = 255
_EXTENDED_MAX = 32767


def standard_luma(quality: int) -> Table:
    """Luma table that libjpeg writes at ``quality`` (1..100), uint16 [8, 8], steps 1..255.

    Raises ``InvalidOption`` for any other quality.

    >>> standard_luma(75)[0, :4].tolist()
    [8, 6, 5, 8]
    """
    return _scaled(_LUMA_50, quality, _BASELINE_MAX)


def standard_chroma(quality: int) -> Table:
    """Chroma table that libjpeg writes at ``quality`` (1..100), uint16 [8, 8], steps 1..255.

    Raises ``InvalidOption`` for any other quality.

    >>> standard_chroma(50)[0, :4].tolist()
    [17, 18, 24, 47]
    """
    return _scaled(_CHROMA_50, quality, _BASELINE_MAX)


def nearest_quality(table: NDArray[np.integer], chroma: bool = False) -> tuple[int, bool]:
    """Quality (1..100) of the standard table nearest to ``table`` [8, 8], and whether the two are equal.

    The distance is the mean absolute difference of the logarithms of the steps, so that a ratio of two steps counts
    alike at every frequency. Tables of libjpeg without its baseline limit of 255 count as equal too. If several
    qualities have the same table (all steps 1), the highest is returned.

    >>> nearest_quality(standard_luma(30))
    (30, True)
    """
    found = np.asarray(table).astype(np.int64).reshape(64)
    limited, unlimited = _all_qualities(chroma)
    for known in (limited, unlimited):
        same = np.flatnonzero((known == found).all(axis=1))
        if same.size:
            return int(same[-1]) + 1, True
    distance = np.abs(np.log(limited) - np.log(np.maximum(found, 1))).mean(axis=1)
    return int(np.argmin(distance)) + 1, False


LOST_STEP = 255
"""Step given to a frequency of which nothing is known: the coarsest of a baseline table."""


def replace_zeros(table: NDArray[np.uint16]) -> tuple[Table, NDArray[np.bool_]]:
    """The table [8, 8] with ``LOST_STEP`` in place of steps of zero, and where they were.

    libjpeg decodes such a frequency as zero, whatever its levels are.
    """
    zero = table == 0
    return np.where(zero, np.uint16(LOST_STEP), table).astype(np.uint16), zero


def _scaled(base: NDArray[np.integer], quality: int, largest: int) -> Table:
    if not 1 <= quality <= 100:
        raise InvalidOption(f"quality {quality}; JPEG qualities go from 1 to 100")
    # libjpeg's jpeg_quality_scaling, in whole numbers as there.
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table: Table = np.clip((base * percent + 50) // 100, 1, largest).astype(np.uint16)
    return table


@cache
def _all_qualities(chroma: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    base = _CHROMA_50 if chroma else _LUMA_50
    limited, unlimited = (
        np.stack([_scaled(base, q, largest).reshape(64).astype(np.int64) for q in range(1, 101)])
        for largest in (_BASELINE_MAX, _EXTENDED_MAX)
    )
    return limited, unlimited
