"""Figures of the file's DCT coefficients: how far each moved inside its quantisation cell, and the projection.

Shape letters: R block row, K block column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import blocks
from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, Scale, charts, mosaic, upward, write_numbers
from jpegmend.explanation.subject import Subject
from jpegmend.restoration.restored import Restored
from jpegmend.runtimes import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {"gray": ("luma",), "ycbcr": ("luma", "Cb", "Cr")}
_OUTSIDE = 1e-3
"""Distance to the cell's edge, as a share of its half, from which a coefficient counts as outside it."""


@dataclass(frozen=True, eq=False)
class Movement:
    """Coefficients of one component, each [R, K, 8, 8]; positions are in halves of a cell from its centre, -1..1."""

    name: str
    free: NDArray[Any]
    """Position before the projection; outside -1..1 it left its cell."""
    final: NDArray[Any]
    """Position in the result."""
    half: NDArray[Any]
    """Half of each quantisation step, [8, 8], in the units of the coefficients."""

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Coefficients that were outside their cell before the projection."""
        return np.asarray(np.abs(self.free) > 1 + _OUTSIDE)


def movements(subject: Subject) -> list[Movement]:
    """The movement of luma and Cb; none where there is no grid of a file to compare with."""
    if not subject.on_grid:
        return []
    names = _NAMES.get(subject.colour, ("the first component",))[:2]
    return [_movement(subject, number, name) for number, name in enumerate(names)]


def _movement(subject: Subject, number: int, name: str) -> Movement:
    part = subject.opened.components[number]
    half = part.table.astype(np.float32) / 2
    centre = blocks.dequantise(part.levels, part.table)
    free, final = (
        (blocks.coefficients(_own_grid(restored, number, part.levels.shape)) - centre) / half
        for restored in (subject.free, subject.final)
    )
    return Movement(name, np.asarray(free, np.float32), np.asarray(final, np.float32), half)


def _own_grid(restored: Restored, number: int, count: tuple[int, ...]) -> Floats:
    """A plane on the component's own grid, whole blocks: chroma at the size of luma is averaged, as encoders do."""
    assert restored.planes is not None
    plane = restored.planes[number]
    v, h = (max(1, size // (8 * blocks_along)) for size, blocks_along in zip(plane.shape, count, strict=False))
    plane = plane[: 8 * count[0] * v, : 8 * count[1] * h]
    return np.asarray(plane if v == h == 1 else blocks.down_box(plane, v, h), np.float32)


def coefficient_drawings(subject: Subject) -> Iterator[Drawing]:
    """The maps of coefficients, and where the projection acted if it was on; nothing without a file's grid."""
    found = movements(subject)
    if not found:
        return
    yield heat_maps(found)
    if subject.final.report.consistent:
        yield projection(subject, found[0])


def heat_maps(found: list[Movement]) -> Drawing:
    """8x8 maps of how far coefficients moved, and how many left their cells."""
    luma = found[0]
    distance = np.abs(luma.final).mean((0, 1))

    def draw() -> Figure:
        figure, axes = charts(3 * len(found), columns=3, height=320)
        for row, moved in enumerate(found):
            _draw_maps(figure, axes[3 * row : 3 * row + 3], moved)
        return figure

    return Drawing(
        name="coefficients",
        title="Which DCT coefficients moved, and how far within their cells",
        caption="One number for each of the 64 frequencies of a block, over all blocks. Left: mean distance of the "
        "restored coefficient from the centre of its quantisation cell, where a plain decoder leaves it; 100 % is "
        f"the edge of the cell. Over all frequencies of {luma.name} it is {100 * distance.mean():.0f} %. Middle: "
        "root mean square of the movement in the units of the coefficients (gray levels times 8 for the mean of a "
        "block). Right: share that the network alone would have moved out of the cell, which contradicts the file.",
        alt="Heat maps of eight by eight frequencies: distance from the cell's centre, movement, and share outside.",
        draw=draw,
        photographic=True,
    )


def _draw_maps(figure: Figure, axes: Sequence[Any], moved: Movement) -> None:
    """The three maps of one component, the number of each frequency in its cell."""
    share, amount, outside = _maps(moved)
    parts = (
        ("distance from the centre", share, ".0f", Scale(themes.AMOUNT, 0, max(50.0, share.max()), "% of half a cell")),
        ("movement", amount, ".1f", upward(amount, "DCT units, root mean square", limit=float(amount.max()))),
        ("left the cell", outside, ".1f", Scale(themes.AMOUNT, 0, max(1.0, outside.max()), "% before the projection")),
    )
    for axis, (title, values, digits, scale) in zip(axes, parts, strict=True):
        image = write_numbers(axis, values, scale, digits)
        axis.set(title=f"{moved.name}: {title}", xlabel="horizontal frequency", ylabel="vertical frequency")
        axis.set_xticks(range(8))
        axis.set_yticks(range(8))
        figure.colorbar(image, ax=axis, label=scale.words, orientation="horizontal", aspect=28, pad=0.02)


def _maps(moved: Movement) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    share = 100 * np.abs(moved.final).mean((0, 1), np.float64)
    amount = np.sqrt(np.square(moved.final * moved.half).mean((0, 1), np.float64))
    return share, amount, 100 * moved.outside.mean((0, 1), np.float64)


def projection(subject: Subject, luma: Movement) -> Drawing:
    """Where the projection moved coefficients back, by block and by pixel."""
    height, width = subject.opened.height, subject.opened.width
    back = np.abs(luma.free - luma.final) > _OUTSIDE
    outside = back.sum((2, 3)).astype(np.float32)
    by_block = outside.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    moved = 255 * np.abs(subject.luma(subject.final) - subject.luma(subject.free))
    share = 100 * float(back.mean())

    def draw() -> Figure:
        counts = upward(by_block, "coefficients of 64", themes.AMOUNT, max(1.0, float(outside.max())))
        panels = [
            Panel(subject.luma(subject.final), f"output, {luma.name}"),
            Panel(by_block, "moved back, by block", counts),
            Panel(moved, "change by the projection", upward(moved, "gray levels")),
        ]
        return mosaic(panels, 3)

    return Drawing(
        name="projection",
        title="Where the projection acted",
        caption="The projection moves every coefficient that left its cell back to its edge, a hundredth of the "
        f"step inside. Middle: how many of the 64 coefficients of each block of {luma.name} it moved; {share:.2f} % "
        f"of all. Right: what that changed in the picture, {float(np.sqrt(np.square(moved).mean())):.3f} gray levels "
        "in the root mean square.",
        alt="Three maps: the output, the number of corrected coefficients by block, and the change of each pixel.",
        draw=draw,
        photographic=True,
    )
