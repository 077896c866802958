"""Choice of the tile size by the memory that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, lcm

from jpegmend.decoding.memory import physical_memory
from jpegmend.restoration.plane_groups import Group
from jpegmend.restoration.scene import Scene
from jpegmend.restoration.tiles import Window, cut, round_up, tile_pixels
from jpegmend.weights import Card

TILE_BYTES = 640e6
"""Working memory of one tile in bytes if no limit is given, except on small machines. In a picture of 4000x3000 the
halos add 14 % to the pixels that ``mend-s`` computes, 32 % for ``mend-m`` and 54 % for ``mend-q``."""
_MACHINE_SHARE = 0.25
"""Largest share of the machine's memory for a tile; a whole restoration may use half (``decoding/limits.py``)."""
BASE_BYTES = 160e6
"""Measured memory in bytes of the process without a picture: Python, numpy, the runtime, the network."""
OWN_BYTES_PER_PIXEL = 100.0
"""Measured memory of decoding, blending, projection and colour conversion, in bytes per pixel of a tile."""


def choose_tiles(
    scene: Scene, groups: Sequence[Group], card: Card | None, *, memory: int | None = None, held: int = 0
) -> list[Window]:
    """Tiles of the scene's grid, aligned to the blocks of every group.

    ``card``: that of the network; None if the picture is only decoded. ``memory``: limit for the whole process in
    bytes; None for tiles of ``TILE_BYTES``, or of a quarter of the machine's memory where that is less. ``held``: bytes
    of the picture and its result, independent of the tiles.

    Raises:
        InvalidOption: ``memory`` is too little for the smallest tile.
    """
    align = lcm(16, *(lcm(group.align_rows, group.align_columns) for group in groups))
    usual = min(TILE_BYTES, _MACHINE_SHARE * (physical_memory() or inf))
    budget, halo = usual if memory is None else memory - BASE_BYTES - held, 0
    each = OWN_BYTES_PER_PIXEL * (card.scale**2 if card else 1)
    if card is not None and card.window:
        # The network runs one window at a time, independent of the tile.
        budget -= card.bytes_per_pixel * card.window**2 if memory is not None else 0
    elif card is not None:
        halo, each = round_up(card.halo, align), each + card.bytes_per_pixel
    pixels = tile_pixels(budget, each, halo, align, strict=memory is not None)
    bottom, right = scene.top + scene.height, scene.left + scene.width
    return list(cut(round_up(bottom, align), round_up(right, align), pixels=pixels, halo=halo, align=align))
