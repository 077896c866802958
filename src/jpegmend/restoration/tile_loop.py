"""Loop over the tiles of a picture: decode, restore, upsample chroma, convert to RGB, write into the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jpegmend.restoration.colour import Converter
from jpegmend.restoration.options import Progress
from jpegmend.restoration.output_array import OutputArray
from jpegmend.restoration.plane_groups import Group, make_groups
from jpegmend.restoration.scene import CONTEXT, Scene, upsample
from jpegmend.restoration.tile_sizes import choose_tiles
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats


class Restorer(Protocol):
    """Gives the restored planes of any region of a group, as the tile runner does by a network."""

    def restore(self, group: Group, region: Window) -> Floats:
        """The planes [n, h, w] of a region, whose edges are multiples of the group's alignment."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class TileLoop:
    """Restores the tiles of one picture; its fields are the same for all tiles."""

    scene: Scene
    groups: Sequence[Group]
    runner: Restorer | None
    """Runs the network; None where the picture is only decoded."""
    convert: Converter
    output: OutputArray
    planes: Sequence[Floats] | None = None
    """Arrays that the restored planes are copied to, one per plane of the scene; None if they are not kept."""

    def run(self, tiles: Sequence[Window], progress: Progress | None = None) -> None:
        """Restore every tile, in order."""
        report = progress or (lambda done, total: None)
        report(0, len(tiles))
        for done, tile in enumerate(tiles, 1):
            self._restore(tile)
            report(done, len(tiles))

    def _restore(self, tile: Window) -> None:
        scene = self.scene
        shown = visible_part(tile, scene)
        full_size: list[Floats] = []
        for group in self.groups:
            region = cover_tile(tile, group, scene)
            restored = self.runner.restore(group, region) if self.runner else group.read(region)
            for index, values in zip(group.indices, restored, strict=True):
                if self.planes is not None:
                    self.planes[index][region.slices] = values
                if len(group.indices) > 1:
                    full_size.append(values[shown.inside(region)])
                else:
                    full_size.append(upsample(values, region, scene.planes[index], shown))
        self.output.write(shown.move(-scene.top, -scene.left), self.convert(np.stack(full_size)))


def decode(scene: Scene, convert: Converter) -> NDArray[np.uint8]:
    """Decode a scene without a network: uint8 [H, W] or [H, W, 3], without its orientation."""
    groups = make_groups(scene, "y", 1)
    output = OutputArray(scene.height, scene.width, 1 if scene.colour == "gray" else 3, bits=8)
    loop = TileLoop(scene=scene, groups=groups, runner=None, convert=convert, output=output)
    loop.run(choose_tiles(scene, groups, None))
    return output.pixels


def visible_part(tile: Window, scene: Scene) -> Window:
    """The part of a tile that lies on the picture, which may begin inside its first block and end inside its last."""
    return tile.intersect(Window(scene.top, scene.top + scene.height, scene.left, scene.left + scene.width))


def cover_tile(tile: Window, group: Group, scene: Scene) -> Window:
    """The window of a group's grid that covers a tile; at the end of the grid it extends to the end."""
    plane = scene.planes[group.indices[0]]
    v, h = (1, 1) if len(group.indices) > 1 else (plane.vertical, plane.horizontal)
    region = Window(int(tile.top / v), -int(-tile.bottom // v), int(tile.left / h), -int(-tile.right // h))
    if (v, h) != (1, 1):
        # Upsampling needs samples beyond the tile.
        region = region.grow(CONTEXT)
    bottom = group.height if tile.bottom >= scene.top + scene.height else region.bottom
    right = group.width if tile.right >= scene.left + scene.width else region.right
    region = Window(region.top, bottom, region.left, right).align(group.align_rows, group.align_columns)
    return region.clip(group.height, group.width)
