"""One network on one group of planes, in windows: halo, blending, strength, projection."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import lcm

import numpy as np

from jpegmend.restoration.groups import Group
from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.tiles import Window, lattice, ramp, round_up
from jpegmend.runtimes import Answer, Floats, PictureFacts, Runtime
from jpegmend.weights import Card

MIDDLE = 256
"""Pixels each way in the middle of the picture, for cards with ``quality_from="middle"``."""


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
    quality: float | None = None
    """The libjpeg quality that the network is told, 1..100."""
    traces: Collection[str] = ()
    """Names of the intermediate results to keep."""
    merged: dict[Group, MergedAnswer] = field(default_factory=dict)
    """Qualities and traces of the groups that are to be reported."""

    def estimate_quality(self, group: Group) -> float | None:
        """The network's estimate of the libjpeg quality from the middle of the picture, 1..100, if it makes one."""
        middle = Window(group.height // 2, group.height // 2, group.width // 2, group.width // 2)
        window = middle.grow(MIDDLE // 2).align(group.align_rows, group.align_columns).clip(group.height, group.width)
        return self._ask(group, group.read(window)).quality

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
        if group in self.merged:
            self.merged[group].add(answer, window, region)
        return seen[here], np.ascontiguousarray(answer.planes[here])

    def _ask(self, group: Group, seen: Floats) -> Answer:
        assert self.runtime is not None
        overview = self.overview(group) if self.overview else None
        facts = PictureFacts(sampling=group.sampling, overview=overview, quality=self.quality)
        traces = self.traces if group in self.merged else ()
        answer = self.runtime(group.pack(seen), group.tables, facts, traces=traces)
        return answer._replace(planes=group.unpack(answer.planes))

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
                if group in self.merged:
                    self.merged[group].add(answer, window, shared, share)
                here = (slice(None), *shared.inside(window))
                total[(slice(None), *shared.inside(region))] += answer.planes[here] * share
                weight[shared.inside(region)] += share
        total /= weight
        return total


def _weights(window: Window, group: Group, overlap: int) -> Floats:
    down = ramp(window.top, window.bottom, group.height, overlap)
    across = ramp(window.left, window.right, group.width, overlap)
    return np.outer(down, across).astype(np.float32)
