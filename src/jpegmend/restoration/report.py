"""Report of a restoration: facts of the input and the settings used, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from jpegmend.reading import Opened
from jpegmend.restoration.plan import Plan
from jpegmend.weights import Card


@dataclass(frozen=True, kw_only=True)
class Report:
    """Facts of the input and the settings of one restoration."""

    format: str
    """``jpeg``, ``png``, ..., ``pillow image``, ``array``."""
    width: int
    """Columns of the result, after its orientation was applied."""
    height: int
    """Rows of the result, after its orientation was applied."""
    megapixels: float
    """Millions of pixels of the result."""
    colour: str
    """Colour space of the input: gray, ycbcr, rgb, cmyk or ycck."""
    coding: str | None
    """``baseline``, ``extended``, ``progressive``, with ``, arithmetic`` where it is; None if no JPEG."""
    sampling: str | None
    """``4:2:0`` and the like; None if no JPEG."""
    quality: int | None
    """The libjpeg quality nearest to the file's luma table; None if no JPEG."""
    quality_exact: bool | None
    """Whether the luma table is exactly that quality's."""
    estimated_quality: int | None
    """The libjpeg quality that was estimated: of an earlier compression of a JPEG file, or of a picture without tables.
    None if none was found or none searched."""
    earlier_probability: float | None
    """The probability (0..1) of the most likely earlier compression of a JPEG file, or of a picture that was scaled
    since, whether it was used or not; None if there is nothing to judge by or none was searched."""
    earlier_size: tuple[int, int] | None
    """About the columns and rows at an earlier compression that was undone, if the picture was scaled since."""
    quality_by_network: float | None
    """The network's own estimate of the picture's libjpeg quality, 1..100; None for networks without one."""
    estimated: bool
    """Whether the network's input had tables other than the file's: estimated ones, or those of ``quality``."""
    grid: tuple[int, int]
    """Row and column of the picture where the 8x8 blocks begin, 0..7; not (0, 0) only where it was estimated."""
    turned: bool
    """Whether the picture, without tables, was turned by a quarter since it was compressed. It is restored transposed,
    as it was then, and transposed back; ``Restored.planes`` and ``traces`` stay transposed."""
    metadata: tuple[str, ...]
    """Metadata of the input that the result keeps: of icc, exif, xmp, comments, density."""
    lost: float
    """Share of the picture's blocks that are missing from the file, 0..1."""
    model: str | None
    """Name of the network; None if no network was run."""
    licence: str
    """Licence of the network's weights, as its card states it; empty if it states none, or no network was run."""
    runtime: str | None
    """``onnx cpu``, ``torch cuda``, ...; None if no network was run."""
    passes: int
    """Passes of the network over each place: 1, or the 2 or 4 of ``thorough``; 0 if no network was run."""
    strength: float
    """The strength used; 0 if there was nothing to restore."""
    consistent: bool
    """Whether every coefficient was projected into the file's quantisation cell."""
    consistent_why: str
    """Why it was or was not, in words."""
    contradicted: float | None
    """Share of the 8x8 blocks of luma (or the first component), as far as the network was run on them, in which its
    answer contradicted the file so much that the decoded block took its place, those replaced in part by that part;
    None without the projection."""
    tiles: int
    """Number of tiles in which the picture was restored."""
    orientation: int
    """The EXIF orientation of the input; 1 is upright."""
    orientation_applied: bool
    """Whether the pixels of the result are upright though the input's were not."""
    pages: int
    """Pictures in the file."""
    bits: int
    """Bits a sample of the result, 8 or 16."""
    bits_read: int
    """Bits a sample of the input, 8 or 16."""
    seconds: float
    """Time of reading and restoring, without writing."""
    warnings: tuple[str, ...]
    """What is unusual in the file, left out of the result, or was decided by an estimate: a sentence each."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values only, for JSON."""
        found = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def make_report(
    opened: Opened,
    plan: Plan,
    *,
    size: tuple[int, ...],
    bits: int,
    carried: tuple[str, ...],
    orientation_applied: bool,
    card: Card,
    notes: tuple[str, ...] = (),
    runtime: str | None,
    passes: int,
    quality_by_network: float | None,
    contradicted: float | None = None,
    tiles: int,
    seconds: float,
) -> Report:
    """The report of a picture that was restored as planned; ``size`` is rows and columns of the result.

    ``notes`` are warnings beside those of the plan.
    """
    height, width = size
    scene = plan.scene
    top, left = (scene.left, scene.top) if plan.turned else (scene.top, scene.left)
    return Report(
        format=opened.format,
        width=width,
        height=height,
        megapixels=round(height * width / 1e6, 3),
        colour=opened.colour,
        coding=opened.coding,
        sampling=opened.sampling,
        quality=opened.quality,
        quality_exact=opened.quality_exact,
        estimated_quality=plan.estimated_quality,
        earlier_probability=round(plan.earlier.probability, 4) if plan.earlier else None,
        earlier_size=None if plan.unscaled is None else (plan.scene.width, plan.scene.height),
        quality_by_network=None if quality_by_network is None else round(quality_by_network, 1),
        estimated=plan.estimated,
        grid=(-top % 8, -left % 8),
        turned=plan.turned,
        metadata=carried,
        lost=opened.lost,
        model=card.name if runtime else None,
        licence=card.licence if runtime else "",
        runtime=runtime,
        passes=passes,
        strength=plan.strength,
        consistent=plan.consistent,
        consistent_why=plan.consistent_why,
        contradicted=contradicted,
        tiles=tiles,
        orientation=opened.metadata.orientation,
        orientation_applied=orientation_applied,
        pages=opened.pages,
        bits=bits,
        bits_read=opened.bits,
        seconds=round(seconds, 3),
        warnings=(*plan.warnings, *notes),
    )
