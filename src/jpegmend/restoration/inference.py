"""One network on one group of planes, in windows: halo, blending, strength, projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lcm

import numpy as np

from jpegmend.restoration.groups import Group
from jpegmend.restoration.tiles import Window, lattice, ramp, round_up
from jpegmend.runtimes import Floats, Runtime
from jpegmend.weights import Card


@dataclass(frozen=True, eq=False)
class Treatment:
    """What is done to every window of a group."""

    card: Card
    runtime: Runtime | None
    """None: nothing but decoding."""
    strength: float
    consistent: bool
    overview: Callable[[Group], Floats] | None = None
    """Makes the small whole picture for networks that want it."""

    def restore(self, group: Group, region: Window) -> Floats:
        """Planes [n, h, w] of a region, whose edges are multiples of the group's alignment."""
        if self.runtime is None or self.strength == 0:
            return group.read(region)
        if self.card.tiling == "window":
            decoded, answer = group.read(region), self._blend(group, region)
        else:
            decoded, answer = self._run(group, region)
        if self.strength < 1:
            # decoded + strength * (answer - decoded), without a third array.
            answer -= decoded
            answer *= np.float32(self.strength)
            answer += decoded
        if self.consistent:
            group.project(answer, region)
        return answer

    def _run(self, group: Group, region: Window) -> tuple[Floats, Floats]:
        halo = round_up(self.card.halo, 8)
        window = region.grow(halo).align(group.align_rows, group.align_columns).clip(group.height, group.width)
        seen = group.read(window)
        here = (slice(None), *region.inside(window))
        answer = self._ask(group, seen)
        return seen[here], np.ascontiguousarray(answer[here])

    def _ask(self, group: Group, seen: Floats) -> Floats:
        assert self.runtime is not None
        overview = self.overview(group) if self.overview else None
        return group.unpack(self.runtime(group.pack(seen), group.tables, group.sampling, overview))

    def _blend(self, group: Group, region: Window) -> Floats:
        """The answer from windows at fixed places, blended where they overlap: the same however it is tiled."""
        assert self.card.window is not None
        side, grid = self.card.window, lcm(8, self.card.multiple)
        # Windows begin at corners of blocks, or tables would not fit the pixels.
        overlap = min(round_up(2 * self.card.halo, grid), side - grid)
        total = np.zeros((len(group.indices), region.height, region.width), np.float32)
        weight = np.zeros((region.height, region.width), np.float32)
        for top in lattice(group.height, side, overlap):
            for left in lattice(group.width, side, overlap):
                window = Window(top, top + side, left, left + side).clip(group.height, group.width)
                shared = Window(
                    max(window.top, region.top),
                    min(window.bottom, region.bottom),
                    max(window.left, region.left),
                    min(window.right, region.right),
                )
                if not shared.height or not shared.width:
                    continue
                share = _weights(window, group, overlap)[shared.inside(window)]
                answer = self._ask(group, group.read(window))
                total[(slice(None), *shared.inside(region))] += answer[(slice(None), *shared.inside(window))] * share
                weight[shared.inside(region)] += share
        total /= weight
        return total


def _weights(window: Window, group: Group, overlap: int) -> Floats:
    down = ramp(window.top, window.bottom, group.height, overlap)
    across = ramp(window.left, window.right, group.width, overlap)
    return np.outer(down, across).astype(np.float32)
