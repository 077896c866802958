"""Conversion between 8 and 16 bits a sample; pixels are integers, 0..255 or 0..65535."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIP_SAMPLES = 1 << 20


def to_bits(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Convert pixels ``[H, ...]`` (uint8 or uint16) to 8 or 16 bits a sample; the same array if nothing changes.

    255 and 65535 are both white, so 8 bits become 16 by a factor of 257, and 16 become 8 by rounding to the nearest.

    >>> to_bits(np.array([[0, 128, 129, 65535]], np.uint16), 8).tolist()
    [[0, 0, 1, 255]]
    """
    wanted = np.dtype(np.uint8 if bits == 8 else np.uint16)
    if pixels.dtype == wanted:
        return pixels
    converted = np.empty(pixels.shape, wanted)
    rows = max(1, _STRIP_SAMPLES * pixels.shape[0] // max(1, pixels.size))
    for top in range(0, pixels.shape[0], rows):  # in strips: a whole picture in 32 bits would be its largest copy
        strip = pixels[top : top + rows].astype(np.uint32)
        converted[top : top + rows] = (strip + 128) // 257 if bits == 8 else strip * 257
    return converted
