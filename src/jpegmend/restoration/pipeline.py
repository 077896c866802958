"""``restore``: open, plan, tile by tile through the network into the canvas, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from math import lcm
from pathlib import Path

import numpy as np

from jpegmend import reading, weights
from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import InvalidOption
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.reading import Opened, Source
from jpegmend.restoration import guess, metadata, planning
from jpegmend.restoration.canvas import Canvas
from jpegmend.restoration.groups import Group, make_groups
from jpegmend.restoration.inference import Treatment
from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.observe import CONTEXT, Scene, upsample
from jpegmend.restoration.options import Options
from jpegmend.restoration.planning import Plan
from jpegmend.restoration.report import Report
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.tiles import Window, largest_side, plan, round_up
from jpegmend.runtimes import Floats, open_runtime
from jpegmend.weights import Card

TILE_BYTES = 400e6
"""Working memory of one tile where no limit is given."""
BASE_BYTES = 160e6
"""What the process holds before any picture: Python, numpy, the runtime, the network; measured."""
OWN_BYTES_PER_PIXEL = 100.0
"""Decoding, blending, projecting and colour, for each pixel of a tile; measured."""

Progress = Callable[[int, int], None]


def restore(
    source: Source,
    *,
    model: str | Path | Card = weights.DEFAULT,
    strength: float = 1.0,
    consistent: bool | None = None,
    bits: int = 16,
    orientation: str = "apply",
    quality: int | None = None,
    runtime: str = "auto",
    threads: int | None = None,
    memory: int | None = None,
    strict: bool = False,
    max_pixels: int = MAX_PIXELS,
    timeout: float | None = None,
    keep_planes: bool = False,
    traces: Collection[str] = (),
    progress: Progress | None = None,
) -> Restored:
    """Restore a picture that was compressed as JPEG.

    Args:
        source: a path, bytes, a binary file, a Pillow image, or an array [H, W], [H, W, 3] or [H, W, 4]
            (uint8, uint16, or float 0..1). A JPEG file tells its tables; from everything else they are estimated.
        model: a name of ``jpegmend.MODELS``, the path of a card, or a card.
        strength: 0..1; 0 gives the decoded picture, 1 the network's.
        consistent: bring every DCT coefficient back into the cell the file states; None: where that is known
            to be right.
        bits: 8 or 16, depth of what is kept.
        orientation: ``apply`` the EXIF orientation to the pixels and set its tag to 1, or ``keep`` both.
        quality: 1..100, treat the picture as compressed with libjpeg's tables of that quality.
        runtime: ``auto``, ``onnx`` or ``torch``.
        threads: of the network; None for every CPU this process may use.
        memory: bytes the process should stay under.
        strict: a damaged file is an error.
        max_pixels: pixels a file may claim.
        timeout: seconds after which decoding is given up.
        keep_planes: keep the float planes too.
        traces: names of intermediate results of the network to keep in ``Restored.traces``.
        progress: called with the tiles done and the tiles there are, also before the first.

    Raises:
        InputError: the source cannot be read, is no picture, damaged, too large or of a kind that is not read.
        InvalidOption: an argument is out of range, or the memory allowed is too little.
        ModelError: no such model, its weights are missing or damaged, or it failed.
    """
    options = Options(
        model=model,
        strength=strength,
        consistent=consistent,
        bits=bits,
        orientation=orientation,
        quality=quality,
        runtime=runtime,
        threads=threads,
        memory=memory,
        strict=strict,
        max_pixels=max_pixels,
        timeout=timeout,
        keep_planes=keep_planes,
        traces=traces,
    )
    started = time.perf_counter()
    # The decoder starts in its own process while the network is loaded in this one.
    reading.prepare(source)
    card = weights.find(options.model)
    if card.scale != 1:
        raise InvalidOption(f"{card.name!r} enlarges by {card.scale}; use upscale, or a model that restores")
    if options.strength > 0:
        open_runtime(card, runtime=options.runtime, threads=options.threads)
    opened = reading.open_source(source, max_pixels=options.max_pixels, timeout=options.timeout, strict=options.strict)
    chosen = _with_caution(_choose(opened, options), card)
    job = _Job(opened, chosen, card, options)
    restored = job.run(progress or (lambda done, total: None))
    report = replace(restored.report, seconds=round(time.perf_counter() - started, 3))
    return Restored(restored.pixels, restored.metadata, report, restored.planes, restored.traces)


def _choose(opened: Opened, options: Options) -> Plan:
    if not opened.has_tables:
        return planning.plan_pixels(opened, options)
    chosen = planning.plan_jpeg(opened, options)
    if not chosen.shifted:
        return chosen
    plain = replace(options, strength=0.0, keep_planes=False, traces=(), orientation="keep", bits=8, memory=None)
    decode = _Job(opened, replace(chosen, strength=0.0), weights.find(options.model), plain)
    return planning.plan_shifted(chosen, decode.run(lambda done, total: None).pixels)


def _with_caution(chosen: Plan, card: Card) -> Plan:
    """The plan with as much strength as the card allows at the quality the network is told."""
    if not card.caution or not chosen.strength:
        return chosen
    told = chosen.scene.planes[0]
    quality, _ = nearest_quality(np.rint(told.table if told.assumed is None else told.assumed).astype(np.uint16))
    qualities, shares = np.array(card.caution, np.float64).T
    return replace(chosen, strength=chosen.strength * float(np.interp(quality, qualities, shares)))


@dataclass(eq=False)
class _Job:
    """One picture on its way."""

    opened: Opened
    plan: Plan
    card: Card
    options: Options

    def run(self, progress: Progress) -> Restored:
        scene, active = self.plan.scene, self.plan.strength > 0
        network = (
            open_runtime(self.card, runtime=self.options.runtime, threads=self.options.threads) if active else None
        )
        wants_overview = active and "overview" in self.card.inputs
        treatment = Treatment(
            card=self.card,
            runtime=network,
            strength=self.plan.strength,
            consistent=self.plan.consistent,
            overview=_Overviews(scene) if wants_overview else None,
            quality=self.options.quality,
            traces=self.options.traces,
        )
        groups = make_groups(scene, self.card.planes if active else "y", self.card.multiple if active else 1)
        first = groups[0]
        if active:
            treatment.merged[first] = MergedAnswer(first.height, first.width, lcm(8, self.card.multiple))
        estimated = None
        if active and self.card.quality_from == "middle" and self.options.quality is None:
            estimated = treatment.estimate_quality(first)
            treatment = replace(treatment, quality=estimated)
        canvas = self._canvas()
        kept = self._empty_planes(groups)
        tiles = list(self._tiles(groups, canvas.pixels.nbytes, active))
        progress(0, len(tiles))
        for done, tile in enumerate(tiles, 1):
            self._restore_tile(tile, groups, treatment, canvas, kept)
            progress(done, len(tiles))
        report = self._report(canvas, len(tiles), network.name if network else None)
        carried = metadata.adapt(self.opened.metadata, applied=self._applied(), keep_profile=self.plan.profile)
        if not active:
            return Restored(canvas.pixels, carried, report, kept)
        merged = treatment.merged[first]
        quality = merged.quality if estimated is None else estimated
        report = replace(report, quality_by_network=None if quality is None else round(quality, 1))
        return Restored(canvas.pixels, carried, report, kept, merged.traces)

    def _applied(self) -> int:
        """The orientation that is applied to the pixels; 1 is none."""
        return self.opened.metadata.orientation if self.options.orientation == "apply" else 1

    def _canvas(self) -> Canvas:
        scene = self.plan.scene
        channels = 1 if scene.colour == "gray" else 3
        alpha = self.opened.alpha
        if alpha is not None:
            channels = 4
        canvas = Canvas(scene.height, scene.width, channels, self.options.bits, self._applied())
        if alpha is not None:
            canvas.write_alpha(alpha)
        return canvas

    def _empty_planes(self, groups: tuple[Group, ...]) -> tuple[Floats, ...] | None:
        if not self.options.keep_planes:
            return None
        return tuple(np.empty((g.height, g.width), np.float32) for g in groups for _ in g.indices)

    def _tiles(self, groups: tuple[Group, ...], canvas_bytes: int, active: bool) -> Iterator[Window]:
        scene = self.plan.scene
        align = lcm(16, *(lcm(group.align_rows, group.align_columns) for group in groups))
        budget, halo, each = self._tile_budget(canvas_bytes), 0, OWN_BYTES_PER_PIXEL
        limited = self.options.memory is not None
        if active and self.card.window:
            # The network holds one window at a time, however large the tile is.
            budget -= limited * self.card.bytes_per_pixel * self.card.window**2
        elif active:
            halo, each = round_up(self.card.halo, 8), each + self.card.bytes_per_pixel
        side = largest_side(budget, each, halo, align, strict=limited)
        bottom, right = scene.top + scene.height, scene.left + scene.width
        return plan(round_up(bottom, align), round_up(right, align), side=side, halo=halo, align=align)

    def _tile_budget(self, canvas_bytes: int) -> float:
        if self.options.memory is None:
            return TILE_BYTES
        pixels = self.plan.scene.height * self.plan.scene.width
        return (
            self.options.memory
            - BASE_BYTES
            - canvas_bytes
            - self.opened.bytes_held
            - 12 * pixels * self.options.keep_planes
        )

    def _restore_tile(
        self,
        tile: Window,
        groups: tuple[Group, ...],
        treatment: Treatment,
        canvas: Canvas,
        kept: tuple[Floats, ...] | None,
    ) -> None:
        scene = self.plan.scene
        shown = Window(
            max(tile.top, scene.top),
            min(tile.bottom, scene.top + scene.height),
            max(tile.left, scene.left),
            min(tile.right, scene.left + scene.width),
        )
        planes: list[Floats] = []
        for group in groups:
            region = cover(tile, group, scene)
            restored = treatment.restore(group, region)
            for index, values in zip(group.indices, restored, strict=True):
                if kept is not None:
                    kept[index][region.slices] = values
                if len(group.indices) > 1:
                    planes.append(values[shown.inside(region)])
                else:
                    planes.append(upsample(values, region, scene.planes[index], shown))
        canvas.write(shown.move(-scene.top, -scene.left), self.plan.convert(np.stack(planes)))

    def _report(self, canvas: Canvas, tiles: int, runtime: str | None) -> Report:
        read = metadata.describe(self.opened)
        height, width = canvas.pixels.shape[:2]
        found, scene, chosen = self.plan.guess, self.plan.scene, self.plan
        carried = metadata.adapt(self.opened.metadata, applied=self._applied(), keep_profile=chosen.profile)
        return Report(
            **read,
            width=width,
            height=height,
            megapixels=round(height * width / 1e6, 3),
            estimated_quality=found.quality if found else None,
            quality_by_network=None,
            estimated=chosen.estimated,
            grid=(-scene.top % 8, -scene.left % 8),
            metadata=metadata.names(carried),
            model=self.card.name,
            runtime=runtime,
            strength=chosen.strength,
            consistent=chosen.consistent,
            consistent_why=chosen.consistent_why,
            tiles=tiles,
            orientation=self.opened.metadata.orientation,
            orientation_applied=self._applied() != 1,
            bits=self.options.bits,
            seconds=0.0,
            warnings=chosen.warnings,
        )


def cover(tile: Window, group: Group, scene: Scene) -> Window:
    """The part of a group's grid that a tile is made of; at the end of the grid, everything to its end."""
    plane = scene.planes[group.indices[0]]
    v, h = (1, 1) if len(group.indices) > 1 else (plane.vertical, plane.horizontal)
    region = Window(int(tile.top / v), -int(-tile.bottom // v), int(tile.left / h), -int(-tile.right // h))
    if (v, h) != (1, 1):
        # Upsampling looks beyond the tile.
        region = region.grow(CONTEXT)
    bottom = group.height if tile.bottom >= scene.top + scene.height else region.bottom
    right = group.width if tile.right >= scene.left + scene.width else region.right
    region = Window(region.top, bottom, region.left, right).align(group.align_rows, group.align_columns)
    return region.clip(group.height, group.width)


class _Overviews:
    """The small whole picture of each group, made once."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._made: dict[int, Floats] = {}

    def __call__(self, group: Group) -> Floats:
        key = id(group)
        if key not in self._made:
            scene = self._scene
            plane = scene.planes[group.indices[0]]
            height, width = (plane.rows, plane.columns) if plane.levels is not None else (scene.height, scene.width)
            seen = guess.small_picture(lambda window: group.read(window.move(scene.top, scene.left)), height, width)
            self._made[key] = group.pack(seen)
        return self._made[key]
