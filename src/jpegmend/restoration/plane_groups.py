"""Groups of planes that form one input of a network: reading, packing, unpacking and projection."""

from __future__ import annotations

from math import lcm

import numpy as np

from jpegmend import blocks
from jpegmend.blocks import fidelity
from jpegmend.restoration.scene import Plane, Scene
from jpegmend.restoration.tiles import Window, round_up
from jpegmend.runtimes import Floats
from jpegmend.weights.card import PlaneKind


class Group:
    """One or three planes of a scene, on one grid.

    ``height`` and ``width`` are the size of that grid: all blocks of the file, rounded up to the network's multiple.
    Windows are clipped to it, so that a tiled and an untiled run have the same edge.
    """

    def __init__(self, scene: Scene, indices: tuple[int, ...], kind: PlaneKind, multiple: int) -> None:
        self._scene = scene
        self.indices = indices
        self._kind = kind
        self._together = len(indices) > 1
        self._planes = [scene.planes[index] for index in indices]
        steps = [self._step(plane) for plane in self._planes]
        self.align_rows = lcm(multiple, *(8 * v for v, _ in steps))
        self.align_columns = lcm(multiple, *(8 * h for _, h in steps))
        sizes = [plane.extent for plane in self._planes]
        self.height = round_up(max(r * v for (r, _), (v, _) in zip(sizes, steps, strict=True)), self.align_rows)
        self.width = round_up(max(k * h for (_, k), (_, h) in zip(sizes, steps, strict=True)), self.align_columns)
        self.tables = self._pack_tables()
        self._neutral = [place for place, index in enumerate(indices) if scene.is_neutral(index)]
        self.sampling = (scene.sampling or (0, 0)) if self._together else (0, 0)

    def _step(self, plane: Plane) -> tuple[int, int]:
        return (int(plane.vertical), int(plane.horizontal)) if self._together else (1, 1)

    def _pack_tables(self) -> Floats:
        tables = [plane.network_table for plane in self._planes]
        if len(tables) == 1 and self._kind == "ycbcr":
            tables += [np.ones((8, 8), np.float32)] * 2
        elif len(tables) == 1 and self._kind == "rgb":
            tables *= 3
        return np.stack(tables).astype(np.float32)

    def surround(self, region: Window, halo: int) -> Window:
        """A region with ``halo`` pixels on each side and more up to the grid, as far as the planes reach."""
        return region.grow(halo).align(self.align_rows, self.align_columns).clip(self.height, self.width)

    def read(self, window: Window) -> Floats:
        """The decoded planes, [n, h, w] for n planes."""
        if self._together:
            return self._scene.read_together(window)
        return self._scene.read(self.indices[0], window)[None]

    def filled_part(self, window: Window) -> Window | None:
        """The smallest part of a window, in whole blocks, outside of which every level is zero.

        ``window`` is aligned to blocks. None: all levels are zero. Planes without levels count as filled.
        """
        found = None
        for plane in self._planes:
            if plane.levels is None:
                return window
            v, h = self._step(plane)
            top, left = window.top // (8 * v), window.left // (8 * h)
            levels = plane.levels[top : -(-window.bottom // (8 * v)), left : -(-window.right // (8 * h))]
            rows, columns = (np.flatnonzero(levels.any(axis)) for axis in ((1, 2, 3), (0, 2, 3)))
            if rows.size:
                rows, columns = (rows + top) * 8 * v, (columns + left) * 8 * h
                part = Window(int(rows[0]), int(rows[-1]) + 8 * v, int(columns[0]), int(columns[-1]) + 8 * h)
                found = part if found is None else found.around(part)
        return found

    def pack(self, seen: Floats) -> Floats:
        """Planes [n, h, w] as the network's input [C, h, w]."""
        if self._together:
            return seen if self._kind == "ycbcr" else np.asarray(blocks.ycbcr_to_rgb(seen), np.float32)
        if self._kind == "y":
            return seen
        packed = np.full((3, *seen.shape[1:]), blocks.GRAY_CHROMA, np.float32)
        packed[: 1 if self._kind == "ycbcr" else 3] = seen
        return packed

    def unpack(self, answer: Floats) -> Floats:
        """The network's output [C, h, w] as planes [n, h, w]; gray from RGB is their mean.

        The chroma of a gray picture that is stored as colour stays neutral.
        """
        if self._together:
            planes = answer if self._kind == "ycbcr" else np.asarray(blocks.rgb_to_ycbcr(answer), np.float32)
        else:
            planes = answer.mean(0, keepdims=True) if self._kind == "rgb" else answer[:1]
        if self._neutral:
            planes = planes.copy()
            planes[self._neutral] = blocks.NEUTRAL
        return planes

    def project(self, planes: Floats, decoded: Floats, window: Window, strength: float = 1.0) -> Floats | None:
        """Project planes [n, h, w] of a window, aligned to blocks, onto the cells of the file; in place.

        Blocks that contradict the file are drawn towards the ``decoded`` planes first, except those of chroma that was
        upsampled: at quality 98 the network's chroma at full resolution is nearer to the original than an interpolated
        one even there. ``strength``: see :func:`fidelity.project_answer`. Returns how much of each block of the first
        plane was kept, 0..1, for the blocks of the file in the window; None where it has none.
        """
        first = None
        for place, (plane, values, before) in enumerate(zip(self._planes, planes, decoded, strict=True)):
            if plane.levels is None:
                continue
            v, h = self._step(plane)
            rows, columns = plane.levels.shape[:2]
            part = window.clip(rows * 8 * v, columns * 8 * h)
            if not part.height or not part.width:
                continue
            cells = Window(part.top // (8 * v), part.bottom // (8 * v), part.left // (8 * h), part.right // (8 * h))
            here, levels, bits = part.inside(window), plane.levels[cells.slices], plane.unknown_bits
            if v == h == 1:
                values[here], share = fidelity.project_answer(
                    values[here], before[here], levels, plane.table, strength, unknown_bits=bits
                )
                first = share if place == 0 else first
            else:
                values[here] = fidelity.project(values[here], levels, plane.table, v, h, unknown_bits=bits)
        return first


def make_groups(scene: Scene, kind: PlaneKind, multiple: int) -> tuple[Group, ...]:
    """The groups of a scene for a network: one of three planes if both allow it, else one per plane."""
    if kind != "y" and scene.sampling is not None:
        return (Group(scene, (0, 1, 2), kind, multiple),)
    return tuple(Group(scene, (index,), kind, multiple) for index in range(len(scene.planes)))
