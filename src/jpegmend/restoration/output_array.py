"""Pixel array of the result, written tile by tile, with orientation and bit depth applied."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats

_BAND = 1 << 22


class OutputArray:
    """The pixel array of the result: windows of the stored picture are written, ``pixels`` is upright."""

    def __init__(self, height: int, width: int, channels: int, *, bits: int, orientation: int = 1) -> None:
        """Height and width in pixels as stored in the file; the EXIF ``orientation`` 1..8 is applied."""
        size = (width, height) if orientation >= 5 else (height, width)
        kind = np.uint8 if bits == 8 else np.uint16
        self.pixels: NDArray[Any] = np.empty(size if channels == 1 else (*size, channels), kind)
        """[H, W] or [H, W, channels], upright."""
        self._view = as_stored(self.pixels, orientation)
        self._peak = np.float32(2**bits - 1)

    def write(self, window: Window, planes: Floats) -> None:
        """Write planes [1 or 3, h, w] into a window, clipped to 0..1 and rounded. Overwrites ``planes``."""
        planes *= self._peak
        planes += np.float32(0.5)
        np.clip(planes, 0, self._peak, out=planes)
        target = self._view[window.slices]
        if target.ndim == 2:
            target[...] = planes[0]
            return
        for channel, plane in enumerate(planes):
            target[..., channel] = plane

    def transposed(self) -> OutputArray:
        """The same pixels for windows of the transpose of the stored picture."""
        other = copy(self)
        other._view = self._view.swapaxes(0, 1)
        return other

    def write_alpha(self, alpha: NDArray[Any]) -> None:
        """Copy alpha [H, W] (uint8, uint16 or float 0..1) into the last channel."""
        rows = max(1, _BAND // max(1, alpha.shape[1]))
        for top in range(0, len(alpha), rows):
            band = alpha[top : top + rows]
            self._view[top : top + rows, :, -1] = self._to_depth(band)

    def _to_depth(self, alpha: NDArray[Any]) -> NDArray[Any]:
        if alpha.dtype == self.pixels.dtype:
            return alpha
        most = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
        return np.floor(alpha * (float(self._peak) / most) + 0.5)


def as_stored(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The upright array as a view with the rows and columns of the file (EXIF 2.3, tag 0x0112)."""
    turned = upright[_reversals(orientation)]
    return turned.swapaxes(0, 1) if orientation >= 5 else turned


def as_shown(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An array with the rows and columns of the file as an upright view: the inverse of :func:`as_stored`."""
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    return turned[_reversals(orientation)]


def _reversals(orientation: int) -> tuple[slice, slice]:
    """The index that reverses those axes of the upright array that run backwards in the file."""
    rows, columns = (slice(None, None, -1 if orientation in each else 1) for each in ((3, 4, 7, 8), (2, 3, 6, 7)))
    return rows, columns
