"""Inference on windows of a group of planes: halo, blending, strength, projection."""

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
"""Side in pixels of the central square for cards with ``quality_from="middle"``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TileRunner:
    """Runs one network on any window of a group."""

    card: Card
    runtime: Runtime
    strength: float
    """Weight of the network's output, above 0 and up to 1; the rest is the decoded picture."""
    asked: float = 1.0
    """The part of ``strength`` that the user chose; the other factor is the caution of the card."""
    consistent: bool
    """Whether the answer is projected into the file's quantisation cells."""
    skips_empty: bool = False
    """Whether what lies further than the halo from any nonzero level is left as decoded: for files that lack a part."""
    overview: Callable[[Group], Floats] | None = None
    """Makes the overview of a group; None for networks without that input."""
    quality: float | None = None
    """The network's input ``quality``, 1..100."""
    traces: Collection[str] = ()
    """Names of the intermediate results to keep."""
    reported: Group
    """The group whose quality, traces and contradictions are kept in ``merged``."""
    merged: MergedAnswer

    def estimate_quality(self) -> float | None:
        """The network's estimate of the libjpeg quality, 1..100, from the middle of the picture; None without one."""
        group = self.reported
        middle = Window(group.height // 2, group.height // 2, group.width // 2, group.width // 2)
        window = group.surround(middle, MIDDLE // 2)
        return self._ask(group, group.read(window)).quality

    def restore(self, group: Group, region: Window) -> Floats:
        """Restore the planes [n, h, w] of a region, whose edges are multiples of the group's alignment."""
        if not self.skips_empty:
            return self._restore(group, region)
        planes = group.read(region)
        halo = round_up(self.card.halo, 8)
        if filled := group.filled_part(region.grow(halo).clip(group.height, group.width)):
            part = filled.grow(halo).align(group.align_rows, group.align_columns).intersect(region)
            if part.height and part.width:
                planes[(slice(None), *part.inside(region))] = self._restore(group, part)
        return planes

    def _restore(self, group: Group, region: Window) -> Floats:
        if self.card.tiling == "window":
            decoded, answer = group.read(region), self._blend(group, region)
        else:
            decoded, answer = self._run(group, region)
        if self.strength < 1:
            # decoded + strength * (answer - decoded), in place.
            answer -= decoded
            answer *= np.float32(self.strength)
            answer += decoded
        if self.consistent:
            kept = group.project(answer, decoded, region, self.asked)
            if group is self.reported and kept is not None:
                self.merged.add_kept(kept)
        return answer

    def _run(self, group: Group, region: Window) -> tuple[Floats, Floats]:
        halo = round_up(self.card.halo, 8)
        window = group.surround(region, halo)
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
        """Blend the outputs of windows at fixed positions; the result does not depend on the tiles."""
        assert self.card.window is not None
        side, grid = self.card.window, lcm(8, self.card.multiple)
        # Windows begin at block corners, because tables hold for whole blocks.
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
