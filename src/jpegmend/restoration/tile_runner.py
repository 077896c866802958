"""A network run on windows of a group of planes: halo, blending, strength, projection."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import lcm

import numpy as np

from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.plane_groups import Group
from jpegmend.restoration.tiles import Window, lattice, ramp, round_up
from jpegmend.runtimes import Answer, Floats, PictureFacts, Runtime
from jpegmend.weights import Card

MIDDLE = 256
"""Pixels each way in the middle of the picture, for cards with ``quality_from="middle"``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TileRunner:
    """Runs one network on any window of a group."""

    card: Card
    runtime: Runtime
    strength: float
    """Above 0, to 1: share of the network's answer, the rest is the decoded picture."""
    consistent: bool
    """Whether the answer is projected into the file's quantisation cells."""
    overview: Callable[[Group], Floats] | None = None
    """Makes the small whole picture; None for networks that take none."""
    quality: float | None = None
    """The libjpeg quality that the network is told, 1..100."""
    traces: Collection[str] = ()
    """Names of the intermediate results to keep."""
    reported: Group
    """The group whose quality and traces are kept in ``merged``."""
    merged: MergedAnswer

    def estimate_quality(self) -> float | None:
        """The network's estimate of the libjpeg quality from the middle of the picture, 1..100, if it makes one."""
        group = self.reported
        middle = Window(group.height // 2, group.height // 2, group.width // 2, group.width // 2)
        window = middle.grow(MIDDLE // 2).align(group.align_rows, group.align_columns).clip(group.height, group.width)
        return self._ask(group, group.read(window)).quality

    def restore(self, group: Group, region: Window) -> Floats:
        """Planes [n, h, w] of a region, whose edges are multiples of the group's alignment."""
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
        if group is self.reported:
            self.merged.add(answer, window, region)
        return seen[here], np.ascontiguousarray(answer.planes[here])

    def _ask(self, group: Group, seen: Floats) -> Answer:
        overview = self.overview(group) if self.overview else None
        facts = PictureFacts(sampling=group.sampling, overview=overview, quality=self.quality)
        traces = self.traces if group is self.reported else ()
        answer = self.runtime(group.pack(seen), group.tables, facts, traces=traces)
        return answer._replace(planes=group.unpack(answer.planes))

    def _blend(self, group: Group, region: Window) -> Floats:
        """The answer from windows at fixed places, blended where they overlap: the same however it is tiled."""
        assert self.card.window is not None
        side, grid = self.card.window, lcm(8, self.card.multiple)
        # Windows begin at corners of blocks: tables belong to whole blocks.
        overlap = min(round_up(2 * self.card.halo, grid), side - grid)
        total = np.zeros((len(group.indices), region.height, region.width), np.float32)
        weight = np.zeros((region.height, region.width), np.float32)
        for top in lattice(group.height, side, overlap):
            for left in lattice(group.width, side, overlap):
                window = Window(top, top + side, left, left + side).clip(group.height, group.width)
                shared = window.intersect(region)
                if not shared.height or not shared.width:
                    continue
                share = _weights(window, group, overlap)[shared.inside(window)]
                answer = self._ask(group, group.read(window))
                if group is self.reported:
                    self.merged.add(answer, window, shared, share)
                here = (slice(None), *shared.inside(window))
                total[(slice(None), *shared.inside(region))] += answer.planes[here] * share
                weight[shared.inside(region)] += share
        total /= weight
        return total


def _weights(window: Window, group: Group, overlap: int) -> Floats:
    down = ramp(window.top, window.bottom, group.height, overlap)
    across = ramp(window.left, window.right, group.width, overlap)
    return np.outer(down, across).astype(np.float32)
