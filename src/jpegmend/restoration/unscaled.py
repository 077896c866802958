"""A picture that was compressed, then scaled: restored at its first scale, the change scaled and added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.blocks import Scaling
from jpegmend.restoration.output_array import OutputArray
from jpegmend.restoration.scene import PixelScene, to_floats
from jpegmend.restoration.tiles import Window

_SAMPLING = (2, 2)
"""Chroma subsampling of the first compression: scaling leaves no trace of it, and 4:2:0 is the most common."""
_BYTES_PER_PIXEL = 45
"""Bytes for each pixel of the first scale: RGB in float32 three times, while it is made, and the result."""


def fits(scaling: Scaling, memory: int | None) -> bool:
    """Whether a picture may be restored at its first scale within half of ``memory`` bytes; None: no limit."""
    return memory is None or scaling.rows.original * scaling.columns.original * _BYTES_PER_PIXEL <= memory / 2


class Unscaled:
    """The picture at the scale at which it was first compressed, and the way back."""

    def __init__(self, values: NDArray[Any], scaling: Scaling, quality: int) -> None:
        """``values`` [H, W] or [H, W, 3] RGB: the picture as it is (uint8, uint16, or float 0..1)."""
        self._values, self._scaling = values, scaling
        planes = [scaling.undo(to_floats(plane)) for plane in _channels(values)]
        self._original = np.clip(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1), 0, 1)
        self.scene = PixelScene(self._original, quality, (0, 0), _SAMPLING)
        """The scene that is restored."""

    @property
    def bytes_held(self) -> int:
        """Bytes of both pictures."""
        return int(self._values.nbytes + self._original.nbytes)

    def empty_output(self) -> OutputArray:
        """An array of the scene's size for its restored pixels."""
        channels = 1 if self.scene.colour == "gray" else 3
        return OutputArray(self.scene.height, self.scene.width, channels, bits=16)

    def write(self, restored: NDArray[Any], output: OutputArray) -> None:
        """Add the change from the scene to ``restored`` [h, w] or [h, w, 3] to the picture, and write the sum.

        What the scaling to the first scale and back would lose is thus kept.
        """
        pairs = zip(_channels(restored), _channels(self._original), _channels(self._values), strict=True)
        planes = [
            to_floats(before) + self._scaling.redo(to_floats(after) - original) for after, original, before in pairs
        ]
        height, width = self._values.shape[:2]
        output.write(Window(0, height, 0, width), np.stack(planes))


def _channels(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The channels [H, W] of an array [H, W] or [H, W, C], as they are."""
    if values.ndim == 2:
        yield values
        return
    for channel in range(values.shape[2]):
        yield values[..., channel]
