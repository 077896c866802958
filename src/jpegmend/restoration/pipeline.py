"""``restore``: open the source, plan, run the network tile by tile, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import lcm

import numpy as np

from jpegmend import reading, weights
from jpegmend.errors import InvalidOption
from jpegmend.reading import Opened, Source
from jpegmend.restoration import metadata
from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.opening import announce, applied_orientation, make_output, open_network, open_picture
from jpegmend.restoration.options import Options, options_as_keywords
from jpegmend.restoration.overview import Overviews
from jpegmend.restoration.plan import Plan, make_plan
from jpegmend.restoration.plane_groups import Group, make_groups
from jpegmend.restoration.report import make_report
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.tile_loop import TileLoop
from jpegmend.restoration.tile_runner import TileRunner
from jpegmend.restoration.tile_sizes import choose_tiles
from jpegmend.runtimes import Floats, MeanOfFlips, Runtime
from jpegmend.weights import Card

NOTED = 0.05
"""Share of contradicted blocks from which a note tells of them."""


@options_as_keywords(Options)
def restore(source: Source, options: Options) -> Restored:
    """Restore a picture that was compressed as JPEG.

    ``source`` is a path, bytes, a binary file, a Pillow image, or an array [H, W], [H, W, 3] or [H, W, 4] (uint8,
    uint16, or float 0..1). A JPEG file has its quantisation tables; for any other source they are estimated. The
    keyword arguments are the fields of ``jpegmend.Options`` and documented there.

    Raises:
        InputError: the source cannot be read, is no picture, damaged, too large or of an unsupported kind.
        InvalidOption: an argument is out of range, or the memory allowed is too little.
        ModelError: no such model, its weights are missing or damaged, or it failed.
    """
    started = time.perf_counter()
    # The decoding process starts while the network is loaded in this one.
    reading.prepare(source)
    card = weights.find(options.model)
    check_restores(card)
    network = open_network(card, options) if options.strength > 0 else None
    opened = open_picture(source, options)
    announce(opened, card, network, options)
    if network is not None and options.thorough > 1:
        network = MeanOfFlips(network, options.thorough)
    plan = make_plan(opened, card, options)
    return Restoration(opened, plan, card, network if plan.strength > 0 else None, options).run(started)


def check_restores(card: Card) -> None:
    """Refuse a network that enlarges; raises ``InvalidOption``."""
    if card.scale != 1:
        raise InvalidOption(f"{card.name!r} enlarges by {card.scale}; use upscale, or a model that restores")


@dataclass(frozen=True, eq=False)
class Restoration:
    """The restoration of one picture that was opened and planned."""

    opened: Opened
    plan: Plan
    card: Card
    network: Runtime | None
    """None: the picture is only decoded."""
    options: Options

    def run(self, started: float) -> Restored:
        """Restore it; ``started`` is the ``time.perf_counter()`` from which the report's seconds count."""
        groups, unscaled = self._groups(), self.plan.unscaled
        runner = self._runner(groups[0]) if self.network else None
        output = make_output(self.opened, self.plan.scene, self.options, self.opened.alpha)
        planes, orientation = self._planes(groups), applied_orientation(self.opened, self.options)
        held = self.opened.bytes_held + output.pixels.nbytes + sum(plane.nbytes for plane in planes or ())
        # A picture that was scaled since its compression is restored in an array of its own, at its first scale.
        restored = unscaled.empty_output() if unscaled else output.transposed() if self.plan.turned else output
        if unscaled is not None:
            held += unscaled.bytes_held + restored.pixels.nbytes
        card = self.card if runner else None
        tiles = choose_tiles(self.plan.scene, groups, card, memory=self.options.memory_bytes, held=held)
        loop = TileLoop(
            scene=self.plan.scene,
            groups=groups,
            runner=runner,
            convert=self.plan.convert,
            output=restored,
            planes=planes,
        )
        loop.run(tiles, self.options.progress)
        if unscaled is not None:
            unscaled.write(restored.pixels, output)
        carried = metadata.adapt(self.opened.metadata, applied=orientation, keep_profile=self.plan.keeps_profile)
        report = make_report(
            self.opened,
            self.plan,
            size=output.pixels.shape[:2],
            bits=output.pixels.itemsize * 8,
            carried=metadata.names(carried),
            orientation_applied=orientation != 1,
            card=self.card,
            notes=(*self._window_notes(groups), *self._contradiction_notes(runner)) if runner else (),
            runtime=self.network.name if self.network else None,
            passes=self.options.thorough if self.network else 0,
            quality_by_network=self._quality_by_network(runner),
            contradicted=runner.merged.contradicted if runner else None,
            tiles=len(tiles),
            seconds=time.perf_counter() - started,
        )
        return Restored(output.pixels, carried, report, planes, runner.merged.traces if runner else {})

    def _window_notes(self, groups: tuple[Group, ...]) -> tuple[str, ...]:
        """A note where a network of others did not see the whole picture at once, on which its answer depends."""
        side, foreign = self.card.window, self.card.foreign
        if side is None or foreign is None or max(max(group.height, group.width) for group in groups) <= side:
            return ()
        measured = "" if foreign.difference is None else f", which changed a drawing by up to {foreign.difference:.2g}"
        return (
            f"the network {self.card.name} was run in windows of {side} pixels, blended where they overlap{measured}",
        )

    def _contradiction_notes(self, runner: TileRunner) -> tuple[str, ...]:
        """A note where the network's answer contradicted much of the file: it knows little of such files."""
        share = runner.merged.contradicted
        if share is None or share < NOTED:
            return ()
        return (
            f"the network {self.card.name} contradicts the file in {share:.0%} of its blocks, which stay as decoded: "
            "it has not learnt such a picture (dithering, patterns of single pixels) or such a quality",
        )

    def _groups(self) -> tuple[Group, ...]:
        if self.network is None:
            return make_groups(self.plan.scene, "y", 1)
        return make_groups(self.plan.scene, self.card.planes, self.card.multiple)

    def _runner(self, first: Group) -> TileRunner:
        assert self.network is not None
        runner = TileRunner(
            card=self.card,
            runtime=self.network,
            strength=self.plan.strength,
            asked=self.options.strength,
            consistent=self.plan.consistent,
            overview=Overviews(self.plan.scene) if "overview" in self.card.inputs else None,
            quality=self.options.quality,
            traces=self.options.traces,
            skips_empty=self.opened.lost > 0,
            reported=first,
            merged=MergedAnswer(first.height, first.width, lcm(8, self.card.multiple)),
        )
        return replace(runner, quality=runner.estimate_quality()) if self._estimates_once() else runner

    def _estimates_once(self) -> bool:
        """Whether the quality is estimated once, from the middle of the picture, for all tiles."""
        return self.card.quality_from == "middle" and self.options.quality is None

    def _quality_by_network(self, runner: TileRunner | None) -> float | None:
        if runner is None:
            return None
        return runner.quality if self._estimates_once() and runner.quality is not None else runner.merged.quality

    def _planes(self, groups: tuple[Group, ...]) -> tuple[Floats, ...] | None:
        """Empty arrays for the float planes, with ``keep_planes``; else None."""
        if not self.options.keep_planes:
            return None
        return tuple(np.empty((group.height, group.width), np.float32) for group in groups for _ in group.indices)
