"""Overview: the whole picture downscaled, for networks with a global branch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jpegmend import blocks
from jpegmend.restoration.plane_groups import Group
from jpegmend.restoration.scene import Scene
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats

SIDE = 112
"""Height and width in pixels, the input size of QGCN's global branch."""
_BAND_ROWS = 32


class Overviews:
    """The overview of each group of planes, made when it is first asked for."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._made: dict[Group, Floats] = {}

    def __call__(self, group: Group) -> Floats:
        """The group's planes packed as the network's input, [C, 112, 112]."""
        if group not in self._made:
            top, left = self._scene.top, self._scene.left
            plane = self._scene.planes[group.indices[0]]
            seen = shrink(lambda window: group.read(window.move(top, left)), plane.rows - top, plane.columns - left)
            self._made[group] = group.pack(seen)
        return self._made[group]


def shrink(read: Callable[[Window], Floats], height: int, width: int, side: int = SIDE) -> Floats:
    """Downscale planes to [n, side, side]: box means in bands, then antialiased bicubic.

    ``read`` returns windows [n, h, w]. Only one band of rows is in memory at a time.
    """
    from PIL import Image

    factor = max(1, min(height, width) // (4 * side))
    rows, columns = height // factor, width // factor
    bands = []
    for top in range(0, rows, _BAND_ROWS):
        band = read(Window(top * factor, min(top + _BAND_ROWS, rows) * factor, 0, columns * factor))
        bands.append(np.stack([blocks.down_box(plane, factor, factor) for plane in band]))
    reduced = np.concatenate(bands, axis=1)
    small = [Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC) for plane in reduced]
    return np.stack([np.asarray(plane, np.float32) for plane in small])
