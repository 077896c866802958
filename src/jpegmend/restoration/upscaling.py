"""``upscale``: super-resolution of a picture by a network, tile by tile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import reading, weights
from jpegmend.errors import InvalidOption, TooLarge
from jpegmend.reading import Opened, Source
from jpegmend.restoration import colour, metadata
from jpegmend.restoration.opening import announce, applied_orientation, make_output, open_network, open_picture
from jpegmend.restoration.options import Check, SharedOptions, options_as_keywords
from jpegmend.restoration.plan import Plan
from jpegmend.restoration.plane_groups import Group, make_groups
from jpegmend.restoration.report import make_report
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.restoring_first import restore_first
from jpegmend.restoration.scene import Scene, make_scene, to_floats, upsample
from jpegmend.restoration.tile_loop import cover_tile, visible_part
from jpegmend.restoration.tile_sizes import choose_tiles
from jpegmend.restoration.tiles import Window, round_up
from jpegmend.runtimes import Floats, PictureFacts, Runtime
from jpegmend.weights import Card

MODEL = "mdu-sr-x3"
"""The default network."""


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions(SharedOptions):
    """Options of ``upscale``: those that it shares with ``restore``, with another network.

    Raises:
        InvalidOption: a value is outside its range.
    """

    model: str | Path | Card = MODEL
    """The network, whose card has a ``scale`` above 1: a name of ``jpegmend.MODELS``, the path of a card, or a card."""
    restore_first: bool | None = None
    """Whether the default network of ``restore`` restores the picture before it is enlarged. None: with the default
    network of ``upscale``, where the picture's quality is 40 or below, by its tables, by an earlier compression that
    was found, or as estimated from pixels without tables."""

    def _checks(self) -> tuple[Check, ...]:
        value = self.restore_first
        allowed = value is None or isinstance(value, bool)
        return *super()._checks(), (allowed, f"restore_first {value!r}; allowed: True, False, None")


@options_as_keywords(UpscaleOptions)
def upscale(source: Source, options: UpscaleOptions) -> Restored:
    """Enlarge a picture by a super-resolution network (MDU eq. 25, 26), which also removes its JPEG artifacts.

    A picture of low quality is restored first (``restore_first``). Every plane is enlarged on its own grid; chroma is
    then upsampled to the size of luma. The keyword arguments are the fields of :class:`UpscaleOptions`; ``max_pixels``
    holds for the result too, and ``progress`` counts the tiles of a restoration and those of the enlargement apart.
    Metadata is that of the source, with the picture sizes of the result in EXIF and XMP.

    Raises:
        InputError: the source cannot be read, or it or the result is larger than ``max_pixels``.
        InvalidOption: an argument is out of range, the model does not enlarge, or the memory allowed is too little.
        ModelError: no such model, its weights are missing or damaged, or it failed.
    """
    started = time.perf_counter()
    reading.prepare(source)
    card = weights.find(options.model)
    check_enlarges(card)
    network = open_network(card, options)
    opened = open_picture(source, options)
    if opened.height * opened.width * card.scale**2 > options.max_pixels:
        raise TooLarge(
            f"{opened.width}x{opened.height} enlarged by {card.scale} has more pixels than max_pixels allows, "
            f"{options.max_pixels}; raise it"
        )
    announce(opened, card, network, options)
    plan, samples = _make_plan(opened), None
    if options.restore_first or (options.restore_first is None and card.name == MODEL):
        plan, samples = restore_first(opened, plan, options, always=bool(options.restore_first))
    if opened.pages > 1 and options.page is None:
        note = f"page 1 of {opened.pages} is enlarged; page= selects another"
        plan = replace(plan, warnings=(*plan.warnings, note))
    return _Enlargement(opened, samples, plan, card, network, options).run(started)


def check_enlarges(card: Card) -> None:
    """Refuse a network that keeps the size; raises ``InvalidOption``."""
    if card.scale == 1:
        raise InvalidOption(f"{card.name!r} keeps the size; use restore, or a model that enlarges such as {MODEL!r}")


def _make_plan(opened: Opened) -> Plan:
    """The plan for a picture that is enlarged as it is stored."""
    scene = make_scene(opened)
    convert, note = colour.choose_for(opened, scene.colour)
    return Plan(
        scene=scene,
        convert=convert,
        strength=1.0,
        consistent=False,
        consistent_why="off: the result is larger than the file",
        keeps_profile=not note,
        warnings=(*opened.warnings, *([note] if note else [])),
    )


@dataclass(frozen=True, eq=False)
class _Enlargement:
    """The enlargement of one picture."""

    opened: Opened
    samples: NDArray[Any] | None
    """Restored samples [H, W] or [H, W, 3] that are enlarged in place of the stored ones."""
    plan: Plan
    card: Card
    network: Runtime
    options: UpscaleOptions

    @cached_property
    def scene(self) -> Scene:
        """The picture that is enlarged."""
        if self.samples is None:
            return make_scene(self.opened)
        return make_scene(reading.open_source(self.samples, max_pixels=self.options.max_pixels))

    def run(self, started: float) -> Restored:
        groups = make_groups(self.scene, self.card.planes, self.card.multiple)
        alpha = None if self.opened.alpha is None else _bicubic(self.opened.alpha, self.card.scale)
        output = make_output(self.opened, self.scene, self.options, alpha, self.card.scale)
        orientation = applied_orientation(self.opened, self.options)
        held = output.pixels.nbytes + self.opened.bytes_held
        held += 0 if self.samples is None else self.samples.nbytes
        held += 0 if self.plan.unscaled is None else self.plan.unscaled.bytes_held
        tiles = choose_tiles(self.scene, groups, self.card, memory=self.options.memory_bytes, held=held)
        progress = self.options.progress or (lambda done, total: None)
        progress(0, len(tiles))
        for done, tile in enumerate(tiles, 1):
            shown = visible_part(tile, self.scene)
            planes = [plane for group in groups for plane in self._enlarge(group, tile, shown)]
            target = _larger(shown.move(-self.scene.top, -self.scene.left), self.card.scale)
            output.write(target, self.plan.convert(np.stack(planes)))
            progress(done, len(tiles))
        carried = metadata.adapt(
            self.opened.metadata, applied=orientation, keep_profile=self.plan.keeps_profile, scale=self.card.scale
        )
        report = make_report(
            self.opened,
            self.plan,
            size=output.pixels.shape[:2],
            bits=output.pixels.itemsize * 8,
            carried=metadata.names(carried),
            orientation_applied=orientation != 1,
            card=self.card,
            runtime=self.network.name,
            passes=1,
            quality_by_network=None,
            tiles=len(tiles),
            seconds=time.perf_counter() - started,
        )
        return Restored(output.pixels, carried, report)

    def _enlarge(self, group: Group, tile: Window, shown: Window) -> Iterator[Floats]:
        """Each plane of a group on the enlarged luma grid, [s h, s w] for the window ``shown`` [h, w]."""
        s = self.card.scale
        region = cover_tile(tile, group, self.scene)
        answer, region, shown = self._answer(group, region), _larger(region, s), _larger(shown, s)
        for index, values in zip(group.indices, answer, strict=True):
            if len(group.indices) > 1:
                yield values[shown.inside(region)]
                continue
            plane = self.scene.planes[index]
            larger = replace(plane, rows=plane.rows * s, columns=plane.columns * s, levels=None)
            yield upsample(values, region, larger, shown)

    def _answer(self, group: Group, region: Window) -> Floats:
        """The network's output for a region of the group's grid, [n, s h, s w]."""
        halo, s = round_up(self.card.halo, 8), self.card.scale
        window = group.surround(region, halo)
        facts = PictureFacts(sampling=group.sampling)
        planes = group.unpack(self.network(group.pack(group.read(window)), group.tables, facts).planes)
        return planes[(slice(None), *_larger(region, s).inside(_larger(window, s)))]


def _larger(window: Window, scale: int) -> Window:
    """The same window of the enlarged grid."""
    return Window(window.top * scale, window.bottom * scale, window.left * scale, window.right * scale)


def _bicubic(plane: NDArray[Any], scale: int) -> Floats:
    """A plane [H, W] enlarged by bicubic interpolation, 0..1: [s H, s W]."""
    from PIL import Image

    image = Image.fromarray(to_floats(plane))
    height, width = plane.shape
    larger = image.resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(larger, np.float32), 0, 1)
