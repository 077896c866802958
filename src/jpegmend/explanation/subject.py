"""The picture that is explained: decoded, restored with and without the projection, and the clear reference.

Planes are float32 in 0..1. All pictures and planes have the orientation of the file: EXIF's is not applied. Those of a
picture that was turned by a quarter since it was compressed are transposed, as the network sees them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import blocks, metrics, weights
from jpegmend.errors import InputError, InvalidOption
from jpegmend.reading import Opened, Source
from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.opening import open_picture
from jpegmend.restoration.options import Options
from jpegmend.restoration.output_array import OutputArray, as_stored
from jpegmend.restoration.pipeline import restore
from jpegmend.restoration.plan import Plan, make_plan
from jpegmend.restoration.plane_groups import Group, make_groups
from jpegmend.restoration.restored import Restored
from jpegmend.restoration.tile_loop import TileLoop
from jpegmend.restoration.tile_sizes import choose_tiles
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Floats
from jpegmend.weights import Card

REGION = 256
"""Default side in pixels of the square on which a network's inside is shown."""
_SMALLEST = 16
"""Least side in pixels: a whole block and the step to the next one, wherever the blocks begin."""
_LUMA = ("gray", "ycbcr")
"""Colour spaces whose first plane is luma; that of YCCK is of the ink, without the black."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """One picture and what one model makes of it."""

    name: str
    """Name of the file, or the kind of the source."""
    card: Card
    opened: Opened
    options: Options
    """Of the restoration."""
    plan: Plan
    """Of the restoration with the projection, by which the network's input can be made again."""
    decoded: Restored
    """The picture as decoded."""
    free: Restored
    """Restored without the projection."""
    final: Restored
    """Restored as ``restore`` does: with the projection where it is on."""
    reference: NDArray[np.uint8] | None = None
    """The clear original, [H, W] or [H, W, 3]."""
    side: int = REGION
    """Side in pixels of the square region, at least 16."""

    @property
    def colour(self) -> str:
        """Colour space of the planes."""
        return self.opened.colour if self.opened.has_tables else "gray" if self.final.pixels.ndim == 2 else "ycbcr"

    @property
    def component(self) -> str:
        """Name of the first plane, on which maps and traces are shown."""
        return "luma" if self.colour in _LUMA else "the first component"

    def luma(self, restored: Restored) -> Floats:
        """The first plane [H, W] of one of the three, cut to the picture."""
        assert restored.planes is not None
        top, left = (-edge % 8 for edge in restored.report.grid)
        plane = restored.planes[0][top:, left:]
        return plane[: self.opened.height, : self.opened.width]

    @cached_property
    def change(self) -> Floats:
        """Restored minus decoded first plane, [H, W], in gray levels of 0..255."""
        return np.float32(255) * (self.luma(self.final) - self.luma(self.decoded))

    @cached_property
    def clear(self) -> Floats | None:
        """The first plane [H, W] of the reference; None without one, and for colour spaces that are not Y or YCbCr."""
        if self.reference is None or self.colour not in _LUMA:
            return None
        pixels = self.reference.astype(np.float32) / np.float32(255)
        if pixels.ndim == 2:
            return pixels
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        return np.asarray(blocks.rgb_to_ycbcr(planes)[0], np.float32)

    @property
    def on_grid(self) -> bool:
        """Whether the planes lie on the block grid of a JPEG file, so that coefficients can be compared with it."""
        return self.opened.has_tables and self.final.report.grid == (0, 0)

    @cached_property
    def region(self) -> Window:
        """The square of ``side`` with the largest change, at multiples of 16 pixels; a small picture as a whole."""
        return self.strongest(1, self.side)[0]

    def strongest(self, count: int, side: int) -> list[Window]:
        """At most ``count`` squares of ``side`` pixels that do not overlap, those with the largest change first.

        They begin at multiples of 16 and lie inside the picture; a picture that is smaller than ``side`` has one.
        """
        return strongest(self.change, count, side)


def strongest(change: Floats, count: int, side: int) -> list[Window]:
    """The squares of :meth:`Subject.strongest`, of any map [H, W] of a change."""
    energy = np.square(change)
    height, width = energy.shape
    rows, columns = min(side, height), min(side, width)
    total = np.pad(energy.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = np.arange(0, height - rows + 1, 16), np.arange(0, width - columns + 1, 16)
    corner = total[np.ix_(tops + rows, lefts + columns)] - total[np.ix_(tops, lefts + columns)]
    sums = corner - total[np.ix_(tops + rows, lefts)] + total[np.ix_(tops, lefts)]
    found: list[Window] = []
    for flat in np.argsort(sums, axis=None)[::-1]:
        row, column = np.unravel_index(flat, sums.shape)
        top, left = int(tops[row]), int(lefts[column])
        window = Window(top, top + rows, left, left + columns)
        if not any(window.intersect(other).height and window.intersect(other).width for other in found):
            found.append(window)
        if len(found) == count:
            break
    return found


def shown(restored: Restored) -> Floats:
    """The picture for a panel: [H, W] or [H, W, 3] in 0..1, without its transparency."""
    pixels = restored.to_array(8).astype(np.float32) / np.float32(255)
    return pixels[..., :3] if pixels.ndim == 3 else pixels


def psnr(seen: Floats, clear: Floats) -> float:
    """PSNR in dB of a plane, limited to 0..1, to the clear one."""
    return metrics.psnr(np.clip(seen, 0, 1), clear, peak=1.0)


def prepare(
    source: Source,
    options: Options,
    reference: Source | None = None,
    *,
    side: int = REGION,
    name: str | None = None,
) -> Subject:
    """Restore a picture, and keep it as decoded, without the projection, and with it.

    A picture that was scaled since an earlier compression is restored at its own scale, by the tables of the file.

    Raises:
        InputError: the source or the reference cannot be read.
        InvalidOption: there is nothing to restore, it is too small, ``side`` is, or the reference has another size.
        ModelError: see :func:`jpegmend.restore`.
    """
    if side < _SMALLEST:
        raise InvalidOption(f"side={side}; figures of blocks need {_SMALLEST} pixels or more")
    given: Any = source.read() if hasattr(source, "read") else source
    card = weights.find(options.model)
    options = replace(options, model=card, orientation="keep", keep_planes=True, strength=1.0)
    free = _restore(given, replace(options, consistent=False))
    orientation = free.report.orientation
    if free.report.turned:
        given, orientation = _transpose(open_picture(given, options)), (orientation + 3) % 8 + 1  # EXIF 2.3, tag 0x0112
        free = _restore(given, replace(options, consistent=False))
    scaled = free.report.earlier_size is not None
    if scaled:
        # Its planes would have another size than the picture.
        options = replace(options, earlier=False)
        free = _restore(given, replace(options, consistent=False))
    if min(free.height, free.width) < _SMALLEST:
        raise InvalidOption(
            f"a picture of {free.width}x{free.height} pixels; figures of blocks and spectra need {_SMALLEST} a side"
        )
    if not free.report.strength:
        unscaled = (
            "it was scaled since it was compressed, and figures are of its own scale; give quality= to restore it so"
        )
        why = unscaled if scaled else "; ".join(free.report.warnings)
        raise InvalidOption(f"nothing was restored, so there is nothing to explain: {why}")
    opened = open_picture(given, options)
    plan = make_plan(opened, card, options)
    final = _project(free, plan, card)
    return Subject(
        name=name or _name(source),
        card=card,
        opened=opened,
        options=options,
        plan=plan,
        decoded=_restore(given, replace(options, strength=0.0)),
        free=free,
        final=final,
        reference=None if reference is None else _read_reference(reference, final, options, orientation),
        side=side,
    )


def _transpose(opened: Opened) -> NDArray[Any]:
    """The samples [W, H, ...] of a picture without tables, transposed."""
    assert opened.values is not None
    values = opened.values if opened.alpha is None else np.dstack([opened.values, opened.alpha])
    return np.ascontiguousarray(values.swapaxes(0, 1))


def _restore(source: Source, options: Options) -> Restored:
    return restore(source, **{field.name: getattr(options, field.name) for field in fields(options)})


@dataclass(frozen=True, eq=False)
class _Projected:
    """Planes that were restored before, projected region by region where that is on."""

    planes: tuple[Floats, ...]
    consistent: bool
    first: Group
    """The group whose contradictions are kept in ``merged``."""
    merged: MergedAnswer

    def restore(self, group: Group, region: Window) -> Floats:
        values = np.stack([self.planes[index][region.slices] for index in group.indices])
        if self.consistent:
            kept = group.project(values, group.read(region), region)
            if group is self.first and kept is not None:
                self.merged.add_kept(kept)
        return values


def _project(free: Restored, plan: Plan, card: Card) -> Restored:
    """What ``restore`` gives with the projection, from the planes that it gave without: the network runs once."""
    assert free.planes is not None
    groups = make_groups(plan.scene, card.planes, card.multiple)
    channels = 1 if plan.scene.colour == "gray" else 3
    output = OutputArray(plan.scene.height, plan.scene.width, channels, bits=16)
    planes = tuple(np.empty_like(plane) for plane in free.planes)
    merged = MergedAnswer(groups[0].height, groups[0].width, 8)
    loop = TileLoop(
        scene=plan.scene,
        groups=groups,
        runner=_Projected(free.planes, plan.consistent, groups[0], merged),
        convert=plan.convert,
        output=output,
        planes=planes,
    )
    loop.run(choose_tiles(plan.scene, groups, card))
    report = replace(
        free.report,
        consistent=plan.consistent,
        consistent_why=plan.consistent_why,
        contradicted=merged.contradicted,
    )
    return Restored(output.pixels, free.metadata, report, planes)


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    return "the picture"


def _read_reference(source: Source, final: Restored, options: Options, orientation: int) -> NDArray[np.uint8]:
    """The reference in the ``orientation`` of what is explained, 8 bits, gray where that is gray."""
    try:
        decoded = restore(source, strength=0.0, bits=8, max_pixels=options.max_pixels, timeout=options.timeout)
    except InputError as error:
        raise type(error)(f"the reference: {error}") from error
    upright = decoded.to_array(8)
    pixels = as_stored(np.asarray(upright[..., :3] if upright.ndim == 3 else upright), orientation)
    if pixels.shape[:2] != final.pixels.shape[:2]:
        raise InvalidOption(
            f"a reference of {pixels.shape[1]}x{pixels.shape[0]} pixels for a picture of {final.width}x{final.height}; "
            "give the original in the same size, neither cropped nor scaled"
        )
    if pixels.ndim == 3 and final.pixels.ndim == 2:
        pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114], np.float32))
    return np.ascontiguousarray(pixels, np.uint8)
