"""Plot of all networks: quality against cost, ours as measured and others as printed.

``benchmarks/gallery.py`` puts it into the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jpegmend import weights
from jpegmend.evaluation.measure.results import Result
from jpegmend.evaluation.papers import comparison
from jpegmend.evaluation.report import distance
from jpegmend.evaluation.report.benchmark_tables import seconds_per_megapixel, timings, widest
from jpegmend.evaluation.report.rivals import RIVALS
from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA_SET, QUALITY = "LIVE1", "10"
PROTOCOL = "papers-gray"
PRINTED = {
    "arcnn": "AR-CNN",
    "dncnn": "DnCNN-3",
    "dcsc-64": "DCSC",
    "cqr": "CQR",
    "rnan": "RNAN",
    "qgcn-gray": "QGCN",
    "mdu": "MDU",
    "dual": "Dual",
}
"""Cards of the printed sizes, with the labels of their dots."""
_PLACES = ((7, 0), (-7, 0), (0, 10), (0, -10), (7, 9), (7, -9), (-7, 9), (-7, -9), (0, 21), (0, -21))
"""Places of a name beside its dot that are tried in turn, in points."""

Point = tuple[str, float, float]
"""Name, cost and PSNR of a dot."""


@dataclass(frozen=True)
class Dot:
    """One network: PSNR in dB, multiply-adds a pixel, and where it was measured seconds a megapixel."""

    name: str
    psnr: float
    multiply_adds: float
    seconds: float | None = None


def measured(stored: Sequence[Result], benchmarks: Sequence[Mapping[str, Any]]) -> list[Dot]:
    """The released networks as measured: gray, projection off, and seconds from the benchmark ``speed``."""
    timed = widest(timings(benchmarks))
    found = [
        Dot(name, mean.scores["psnr"], weights.PACKAGED[name].multiply_adds, seconds_per_megapixel(name, timed))
        for (name, data_set, quality), mean in comparison.measured(PROTOCOL, stored).items()
        if name in weights.PACKAGED and (data_set, quality) == (DATA_SET.lower(), QUALITY)
    ]
    return sorted(found, key=lambda dot: dot.psnr)


def printed() -> list[Dot]:
    """Networks of others with their printed scores, and the multiply-adds of the size that was printed."""
    found = []
    for name, label in PRINTED.items():
        card = weights.PACKAGED[name]
        row = distance.reference(card).rows.get((DATA_SET, QUALITY))
        if row and row.psnr is not None:
            found.append(Dot(label, row.psnr, card.multiply_adds))
    for rival in RIVALS:
        row = rival.rows().get((DATA_SET, QUALITY))
        if rival.multiply_adds and row and row.psnr is not None:
            found.append(Dot(rival.name, row.psnr, rival.multiply_adds))
    return found


def frontier(ours: Sequence[Dot], others: Sequence[Dot]) -> Drawing:
    """PSNR against seconds a megapixel, and against multiply-adds a pixel."""

    timed: list[Point] = [(dot.name, dot.seconds, dot.psnr) for dot in ours if dot.seconds]
    counted: list[list[Point]] = [[(d.name, d.multiply_adds / 1e3, d.psnr) for d in dots] for dots in (ours, others)]

    def draw() -> Figure:
        figure, axes = charts(2, height=420)
        _scatter(axes[0], timed, 0, "o", "ours, measured")
        _scatter(axes[1], counted[0], 0, "o", "ours, measured")
        _scatter(axes[1], counted[1], 1, "D", "others, as printed")
        axes[0].set(xlabel="seconds a megapixel, in colour", ylabel=f"PSNR on {DATA_SET} at quality {QUALITY}, dB")
        axes[1].set(xlabel="thousand multiply-adds a pixel")
        axes[1].legend(loc="lower right")
        for axis, points in zip(axes, (timed, [*counted[0], *counted[1]]), strict=True):
            costs = [cost for _, cost, _ in points]
            # Over less than a decade a logarithmic axis may have no named tick.
            if max(costs, default=1) >= 10 * min(costs, default=1):
                axis.set_xscale("log")
                axis.xaxis.set_minor_formatter("")
            axis.margins(x=0.2, y=0.12)
            _write_names(figure, axis, points)
        return figure

    return Drawing(
        name="frontier",
        title="Quality against cost",
        caption=f"PSNR on {DATA_SET} at quality {QUALITY} by the papers' gray protocol, projection off. Left: our "
        "released networks that have a stored result, with the seconds for a picture in colour "
        "(`benchmarks/speed.py`). Right: ours as measured, and the papers' networks as printed. Their multiply-adds "
        "are those of the printed sizes, counted from our code of each network, for FBCNN and SwinIR from their "
        "descriptions. Networks further up and to the left are better.",
        alt="Two scatter plots: PSNR against seconds a megapixel, and against multiply-adds a pixel.",
        draw=draw,
    )


def _scatter(axis: Axes, points: Sequence[Point], number: int, mark: str, label: str) -> None:
    axis.plot(
        [cost for _, cost, _ in points],
        [score for *_, score in points],
        linestyle="none",
        marker=mark,
        markersize=6,
        color=themes.SERIES[number],
        label=label,
    )


def _write_names(figure: Figure, axis: Axes, points: Sequence[Point]) -> None:
    """Names beside their dots, each at the first place where it covers neither a dot nor another name."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    dots = axis.transData.transform([(cost, score) for _, cost, score in points])
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    for name, cost, score in points:
        for right, up in _PLACES:
            text = axis.annotate(
                name,
                (cost, score),
                xytext=(right, up),
                textcoords="offset points",
                ha="left" if right > 0 else "right" if right < 0 else "center",
                va="center",
                fontsize=8,
                in_layout=False,
            )
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken) or (right, up) == _PLACES[-1]:
                taken.append(box)
                break
            text.remove()
