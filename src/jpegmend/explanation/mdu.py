"""Figures of MDU: artifact layers (fig. 7), O and H by stage (fig. 8), learned steps (fig. 9), the dictionary W."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, Scale, charts, mosaic, signed
from jpegmend.explanation.traced_run import TracedRun, plane
from jpegmend.models.layers import unfold
from jpegmend.models.mdu import MDU

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STAGES = 5
"""Most stages shown side by side."""
_ATOMS = 24
"""Most atoms shown of each dilation."""


def drawings(traced: TracedRun) -> Iterator[Drawing]:
    """All figures of MDU, in the order of the paper."""
    yield layers(traced)
    yield stages(traced)
    if traced.clear is not None:
        yield scores(traced)
    yield steps(traced)
    yield dictionary(traced)


def layers(traced: TracedRun) -> Drawing:
    """The artifact layer of each dilation at the last stage, and their sum."""
    found = [255 * plane(layer) for layer in traced.traces["H_by_dilation"]]
    total = 255 * plane(traced.traces["H"][-1])
    dilations = traced.config["dilations"]
    energy = [float(np.sqrt(np.square(layer).mean())) for layer in found]

    def draw() -> Figure:
        panels = [
            Panel(layer, f"dilation {dilation}", signed(layer, "gray levels"))
            for dilation, layer in zip(dilations, found, strict=True)
        ]
        panels.append(Panel(total, "H, their sum", signed(total, "gray levels")))
        return mosaic(panels, 2 if len(panels) == 4 else 3)

    sizes = ", ".join(f"{value:.1f} at dilation {dilation}" for dilation, value in zip(dilations, energy, strict=True))
    return Drawing(
        name="mdu-layers",
        title="Artifact layers by dilation (fig. 7)",
        caption=f"The artifacts H of the last stage in {traced.where}, apart by dilation of the dictionary. With the "
        f"dilation the structures become larger. Root mean square in gray levels: {sizes}.",
        alt="Maps of the artifact layers, one for each dilation, and of their sum.",
        draw=draw,
        photographic=True,
    )


def chosen_stages(last: int) -> list[int]:
    """Numbers of the stages to show, 0 to ``last``, evenly spread.

    >>> chosen_stages(10)
    [0, 2, 5, 8, 10]
    """
    return sorted({int(stage) for stage in np.rint(np.linspace(0, last, _STAGES))})


def stages(traced: TracedRun) -> Drawing:
    """O and H by stage."""
    O, H = traced.traces["O"], traced.traces["H"]  # noqa: E741 - the paper's letters
    shown = chosen_stages(len(H))
    pictures = [plane(O[t]) for t in shown]
    artifacts = [255 * plane(H[t - 1]) for t in shown if t]

    def draw() -> Figure:
        panels = [Panel(O, f"O, stage {t}{traced.score(O)}") for t, O in zip(shown, pictures, strict=True)]  # noqa: E741
        scale = signed(artifacts[-1], "gray levels")
        later = (t for t in shown if t)
        panels.append(Panel(np.zeros_like(pictures[0]), "H, stage 0: none yet", scale))
        panels += [Panel(H, f"H, stage {t}", scale) for t, H in zip(later, artifacts, strict=True)]
        return mosaic(panels, len(shown))

    return Drawing(
        name="mdu-stages",
        title="Picture O and artifacts H by stage (fig. 8)",
        caption=f"Top row: the picture O after each stage in {traced.where}; stage 0 is the convolution with which "
        "it starts. Bottom row: the artifacts H, on one scale. J = O + H holds only approximately.",
        alt="Two rows of panels: the picture by stage above, the artifacts by stage below.",
        draw=draw,
        photographic=True,
    )


def scores(traced: TracedRun) -> Drawing:
    """PSNR of O by stage, and of J - H."""
    O, H = traced.traces["O"], traced.traces["H"]  # noqa: E741 - the paper's letters
    of_O = [traced.psnr(plane(picture)) for picture in O]
    of_H = [traced.psnr(traced.decoded - plane(layer)) for layer in H]
    before = traced.psnr(traced.decoded)

    def draw() -> Figure:
        figure, (axis,) = charts(1, height=270, width=620)
        axis.plot(range(len(of_O)), of_O, marker="o", label="O")
        axis.plot(range(1, len(of_H) + 1), of_H, marker="s", label="J − H")
        axis.axhline(before, color=themes.SERIES[5], linestyle="--", label="J, the input")
        axis.set_xticks(range(len(of_O)))
        axis.set(xlabel="stage t", ylabel="PSNR, dB")
        axis.legend()
        return figure

    return Drawing(
        name="mdu-scores",
        title="PSNR by stage",
        caption=f"PSNR to the reference in {traced.where}: of O, and of the input less the artifacts H. The last O "
        f"has {of_O[-1]:.2f} dB, the input {before:.2f} dB.",
        alt="Line chart of PSNR against the stage.",
        draw=draw,
    )


def steps(traced: TracedRun) -> Drawing:
    """The learned steps of every stage."""
    eta_1, eta_2 = (np.array([float(value.detach()) for value in traced.traces[name]]) for name in ("eta_1", "eta_2"))
    start = traced.config["steps"]

    def draw() -> Figure:
        figure, axes = charts(2, height=260)
        parts = ((eta_1, start[0], "η₁, step of M"), (eta_2, start[1], "η₂, step of O"))
        for number, (axis, (values, first, words)) in enumerate(zip(axes, parts, strict=True)):
            axis.plot(range(1, len(values) + 1), values, marker="o", color=themes.SERIES[number], label="learned")
            axis.axhline(first, color=themes.SERIES[5], linestyle="--", label="initial value")
            axis.set_xticks(range(1, len(values) + 1))
            axis.set(xlabel="stage t", ylabel=words)
            axis.margins(y=0.25)
            axis.legend(loc="best")
        return figure

    return Drawing(
        name="mdu-steps",
        title="Learned steps (fig. 9)",
        caption="The step sizes of the gradient steps in M (eq. 19) and in O (eq. 22), one a stage, and the values "
        "from which they were learned.",
        alt="Two line charts: the learned steps of both updates by stage.",
        draw=draw,
    )


def dictionary(traced: TracedRun) -> Drawing:
    """The atoms of the dictionary as tiles, a row of tiles a dilation."""
    assert isinstance(traced.network, MDU)
    kernels = traced.network.W.W.detach()
    dilations, fold = traced.config["dilations"], traced.config["fold"]
    tiles = {
        dilation: [atom_tile(atom, fold) for atom in part.unbind(1)][:_ATOMS]
        for dilation, part in zip(dilations, kernels.chunk(len(dilations), 1), strict=True)
    }
    limit = max(float(np.abs(tile).max()) for row in tiles.values() for tile in row)

    def draw() -> Figure:
        panels = [
            Panel(sheet(row), f"dilation {dilation}", Scale(themes.SIGNED, -limit, limit, "weight"))
            for dilation, row in tiles.items()
        ]
        return mosaic(panels, len(panels))

    side = next(iter(tiles.values()))[0].shape[0]
    pixels = f"{side} by {side} pixels" if fold > 1 else "3 by 3 pixels"
    return Drawing(
        name="mdu-dictionary",
        title="The dictionary W as tiles",
        caption=f"The atoms with which the artifacts are composed, {pixels} each, for every dilation; at dilation d "
        "the "
        + ("squares of pixels" if fold > 1 else "pixels")
        + " of an atom lie d apart in the picture. Red is positive, blue negative.",
        alt="Sheets of small square kernels, one sheet for each dilation.",
        draw=draw,
    )


def atom_tile(atom: Tensor, fold: int) -> NDArray[Any]:
    """An atom [C, 3, 3] in pixels, the first plane: [3 fold, 3 fold]."""
    # The convolution is a correlation: one coefficient of M draws the kernel turned by half a circle.
    return np.asarray(unfold(atom[None].flip(2, 3), fold, 3 * fold, 3 * fold)[0, 0].numpy())


def sheet(tiles: list[NDArray[Any]], columns: int = 6) -> NDArray[Any]:
    """Tiles of one size in rows, one empty pixel between them; NaN where there is none."""
    side = tiles[0].shape[0]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    found = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1), np.nan, np.float32)
    for number, tile in enumerate(tiles):
        top, left = (side + 1) * (number // columns), (side + 1) * (number % columns)
        found[top : top + side, left : left + side] = tile
    return found
