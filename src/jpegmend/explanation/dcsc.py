"""Figures of DCSC: features by dilation (fig. 2), codes (fig. 3), their change over the iterations (fig. 4), H."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, charts, mosaic, signed, upward
from jpegmend.explanation.traced_run import TracedRun, plane
from jpegmend.models.layers import unfold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEATURES = 4
"""Feature maps shown of each dilation, as in fig. 2."""
_CODES = 6
"""Codes shown in a row, as in fig. 3."""
_LEAST_ACTIVE = 0.03
"""Share of places at which a code must be nonzero to be shown."""
_ITERATIONS = 6
"""Iterations shown of a code."""


def drawings(traced: TracedRun) -> Iterator[Drawing]:
    """All figures of DCSC, in the order of the paper."""
    yield features(traced)
    yield codes(traced)
    yield iterations(traced)
    yield convergence(traced)
    yield correction(traced)


def maps(tensor: Tensor) -> NDArray[Any]:
    """Channels [K, H, W] of a tensor [1, K, H, W]."""
    return np.asarray(tensor[0].float().numpy())


def grid_ratio(code: NDArray[Any], period: int) -> float:
    """How much of a map [H, W] lies on block edges: its mean in the cells beside an edge over that inside blocks.

    ``period`` is the side of a block in cells of the map: 8, or 4 on a grid folded by 2.
    """
    rows, columns = (np.arange(size) % period for size in code.shape)
    edge = np.isin(rows, (0, period - 1))[:, None] | np.isin(columns, (0, period - 1))[None]
    inside = float(code[~edge].mean())
    return float(code[edge].mean()) / inside if inside > 0 else 0.0


def features(traced: TracedRun) -> Drawing:
    """Four feature maps of each dilation, those that vary most."""
    found = [maps(X) for X in traced.traces["X"]]
    dilations = traced.config["dilations"]
    rows = [maps_of[np.argsort(-maps_of.std((1, 2)))[:_FEATURES]] for maps_of in found]

    def draw() -> Figure:
        panels = [
            Panel(values, f"dilation {dilation}, map {number + 1}", signed(values, "value"))
            for dilation, row in zip(dilations, rows, strict=True)
            for number, values in enumerate(row)
        ]
        return mosaic(panels, _FEATURES)

    return Drawing(
        name="dcsc-features",
        title="Features by dilation (fig. 2)",
        caption=f"The features X of {traced.where}: for each dilation the {_FEATURES} maps that vary most. The "
        "larger the dilation, the larger the structures a map answers to.",
        alt="Rows of feature maps, one row for each dilation.",
        draw=draw,
        photographic=True,
    )


def codes(traced: TracedRun) -> Drawing:
    """Codes of the last iteration: those that lie on block edges most, and those that do least."""
    U = maps(traced.traces["U"][-1])
    period = max(2, 8 // traced.config["fold"])
    active = [number for number in range(len(U)) if (U[number] > 0).mean() > _LEAST_ACTIVE]
    # After a failed training all codes may be zero everywhere.
    ranked = sorted(active or range(len(U)), key=lambda number: -grid_ratio(U[number], period))
    count = min(_CODES, len(ranked) // 2) or len(ranked)
    rows = [*ranked[:count], *ranked[-count:]] if len(ranked) > 1 else ranked
    ratios = [grid_ratio(U[number], period) for number in rows]

    def draw() -> Figure:
        panels = [
            Panel(U[number], f"code {number}: {ratio:.1f}", upward(U[number], "activation"))
            for number, ratio in zip(rows, ratios, strict=True)
        ]
        return mosaic(panels, max(1, count))

    return Drawing(
        name="dcsc-codes",
        title="Sparse codes U_R: artifacts and structure (fig. 3)",
        caption=f"Codes of the last iteration in {traced.where}. Top row: those that lie on the edges of the 8x8 "
        "blocks most, the separated blocking artifacts; bottom row: those that do least, structure of the picture. "
        f"The number is the mean activation beside block edges over that inside blocks. {len(U) - len(active)} of "
        f"{len(U)} codes are nonzero at fewer than 3 % of the places.",
        alt="Two rows of maps: codes that follow the block grid, and codes that follow the picture.",
        draw=draw,
        photographic=True,
    )


def iterations(traced: TracedRun) -> Drawing:
    """Two codes during the iterations."""
    by_iteration = [maps(U) for U in traced.traces["U"]]
    last = by_iteration[-1]
    period = max(2, 8 // traced.config["fold"])
    strongest = np.argsort(-last.mean((1, 2)))[:12]
    ranked = sorted(strongest, key=lambda number: -grid_ratio(last[number], period))
    chosen = [int(ranked[0]), int(ranked[-1])]
    shown = chosen_iterations(len(by_iteration) - 1)
    changes = [100 * _change(*(U[0, number] for U in traced.traces["U"][-2:])) for number in chosen if shown[1:]]
    found = " Here the last iteration changes them by {:.0f} % and {:.0f} %.".format(*changes) if changes else ""

    def draw() -> Figure:
        panels = []
        for number in chosen:
            scale = upward(last[number], "activation")
            panels += [Panel(by_iteration[r][number], f"code {number}, iteration {r}", scale) for r in shown]
        return mosaic(panels, len(shown))

    return Drawing(
        name="dcsc-iterations",
        title="Two codes during the iterations (fig. 4)",
        caption="Each row is one code, on one scale from the first iteration to the last. In the paper the codes "
        f"become stable.{found}",
        alt="Two rows of maps, one code a row, from the first iteration to the last.",
        draw=draw,
        photographic=True,
    )


def chosen_iterations(last: int) -> list[int]:
    """Iterations to show: 0, the last, and between them at growing distances.

    >>> chosen_iterations(40)
    [0, 1, 3, 6, 16, 40]
    """
    if last < _ITERATIONS:
        return list(range(last + 1))
    found = {0, *(round(last ** (step / (_ITERATIONS - 2))) for step in range(_ITERATIONS - 1))}
    return sorted(found)


def convergence(traced: TracedRun) -> Drawing:
    """Convergence of the codes: share of zeros, change by step, and PSNR where there is a reference."""
    U = traced.traces["U"]
    zeros = [100 * float((code == 0).float().mean()) for code in U]
    changes = [math.nan, *(_change(a, b) for a, b in zip(U, U[1:], strict=False))]
    scores = _scores(traced)

    def draw() -> Figure:
        lines: list[tuple[Sequence[float], str]] = [
            (zeros, "share of zeros, %"),
            (changes, "relative change by step"),
        ]
        if scores:
            lines.append((scores, "PSNR of the answer, dB"))
        figure, axes = charts(len(lines), columns=len(lines), height=270)
        for number, (axis, (values, words)) in enumerate(zip(axes, lines, strict=True)):
            axis.plot(range(len(values)), values, marker="o", markersize=3, color=themes.SERIES[number])
            axis.set(xlabel="iteration r", ylabel=words)
        return figure

    gained = f" PSNR goes from {scores[0]:.2f} to {scores[-1]:.2f} dB." if scores else ""
    return Drawing(
        name="dcsc-course",
        title="How the codes settle",
        caption=f"Over {len(U) - 1} iterations: the share of the codes' elements that are zero ends at "
        f"{zeros[-1]:.0f} %, the change of the last step, |U_r − U_(r−1)| / |U_r|, is {changes[-1]:.3f}.{gained}",
        alt="Line charts over the iterations: zeros, change by step, and PSNR.",
        draw=draw,
    )


def _change(before: Tensor, after: Tensor) -> float:
    """Norm of the change of a code in an iteration over the norm of the code after it."""
    return float((after - before).norm() / after.norm().clamp(min=1e-12))


def _scores(traced: TracedRun) -> list[float]:
    """PSNR in dB of the answer that W_R reads off each U_r; empty without a reference."""
    if traced.clear is None:
        return []
    found = []
    for U in traced.traces["U"]:
        H = unfold(traced.network.W_R(U), traced.config["fold"], *traced.decoded.shape)  # type: ignore[operator]
        found.append(traced.psnr(traced.decoded + plane(H.detach())))
    return found


def correction(traced: TracedRun) -> Drawing:
    """H, which is added to the picture, beside input and output."""
    H = 255 * plane(traced.traces["H"][0])
    output = plane(traced.estimate.planes)

    def draw() -> Figure:
        panels = [
            Panel(traced.decoded, f"J, the input{traced.score(traced.decoded)}"),
            Panel(H, "H, the correction", signed(H, "gray levels")),
            Panel(output, f"O = J + H{traced.score(output)}"),
        ]
        return mosaic(panels, 3)

    return Drawing(
        name="dcsc-correction",
        title="The correction H",
        caption=f"What the last code is decoded to, in {traced.where}: the negative artifacts, which are added to "
        f"the input. Root mean square {float(np.sqrt(np.square(H).mean())):.2f} gray levels.",
        alt="Three panels: the input, the correction, and their sum.",
        draw=draw,
        photographic=True,
    )
