"""Plots of a report as SVG text: gain against quality, gain against cost, gain of each picture.

matplotlib comes with the extra ``evaluation``. pyplot is not used, so nothing is global and threads may draw.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jpegmend.errors import extra_needed
from jpegmend.evaluation.measure.results import Mean, Result, Row
from jpegmend.evaluation.report.markdown import NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "osD^vP*X"
COLOURS = ("#3366a8", "#c8553d", "#4f8f5b", "#8b5fa8", "#b8862b", "#4a9ba8", "#a84f7a", "#5c5c5c")


def panels(count: int, *, width: float = 5.2, height: float = 3.6) -> tuple[Figure, list[Any]]:
    """An empty figure with ``count`` panels side by side, sizes in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with extra_needed("plotting", "evaluation"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(width * count, height), layout="constrained")
    axes = [figure.add_subplot(1, count, number + 1) for number in range(count)]
    for axis in axes:
        axis.grid(True, color="#e4e4e4", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return figure, axes


def svg(figure: Figure) -> str:
    """The figure as SVG text, the same for the same figure."""
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "jpegmend", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def style(number: int) -> dict[str, Any]:
    """Colour and marker of the n-th model, the same in every plot; markers differ, for readers who see no colours."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def _labels(means: Sequence[Mean]) -> list[str]:
    return [label for label in dict.fromkeys(mean.label for mean in means) if label != "jpeg"]


def gain_by_quality(result: Result) -> str:
    """IPSNR against quality, a panel a set, a line a model (as QGCN's fig. 6); SVG."""
    sets = list(dict.fromkeys(mean.data_set for mean in result.means))
    figure, axes = panels(len(sets))
    for axis, data_set in zip(axes, sets, strict=True):
        qualities = list(dict.fromkeys(mean.quality for mean in result.means if mean.data_set == data_set))
        for number, label in enumerate(_labels(result.means)):
            found = {m.quality: m.gain for m in result.means if (m.data_set, m.label) == (data_set, label)}
            here = [quality for quality in qualities if quality in found]
            axis.plot(
                [qualities.index(q) for q in here], [found[q] for q in here], label=label, markersize=4, **style(number)
            )
        axis.axhline(0, color="#5c5c5c", linewidth=0.8)
        axis.set_xticks(range(len(qualities)), qualities)
        axis.set(title=data_set, xlabel="quality", ylabel="gain over the JPEG, dB")
    if axes and _labels(result.means):
        axes[0].legend(frameon=False, fontsize=8)
    return svg(figure)


def frontier(result: Result) -> str:
    """Mean gain against seconds a megapixel and against parameters, a dot a model, names beside the dots; SVG."""
    figure, axes = panels(2)
    costs: tuple[list[float], list[float]] = ([], [])
    for number, label in enumerate(_labels(result.means)):
        found = [mean for mean in result.means if mean.label == label]
        gained = sum(mean.gain for mean in found) / len(found)
        seconds = sum(mean.seconds_per_megapixel for mean in found) / len(found)
        parameters = float(result.models.get(found[0].model, {}).get("parameters") or 0)
        for axis, cost, seen in zip(axes, (seconds, parameters), costs, strict=True):
            if cost > 0:
                seen.append(cost)
                axis.plot([cost], [gained], linestyle="none", **style(number))
                axis.annotate(label, (cost, gained), xytext=(6, 4), textcoords="offset points", fontsize=8)
    for axis, title, seen in zip(axes, ("seconds a megapixel", "parameters"), costs, strict=True):
        axis.set(xscale="log", xlabel=title, ylabel="mean gain over the JPEG, dB")
        axis.margins(y=0.2)
        # From 0 and over whole decades: small differences between models must look small.
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
        if seen:
            axis.set_xlim(10 ** math.floor(math.log10(min(seen))), 10 ** math.ceil(math.log10(max(seen) * 1.5)))
    return svg(figure)


def scatter(rows: Sequence[Row]) -> str:
    """Gain of each picture against the PSNR of its JPEG, a dot a picture, quality and model; SVG."""
    figure, axes = panels(1, width=7.2, height=4.4)
    names = list(dict.fromkeys(row.label for row in rows if row.model != "jpeg"))
    for number, label in enumerate(names):
        found = [row for row in rows if row.label == label]
        axes[0].plot(
            [row.jpeg_psnr for row in found],
            [row.gain for row in found],
            linestyle="none",
            markersize=3.5,
            alpha=0.6,
            label=NAMES.get(label, label),
            **style(number),
        )
    axes[0].axhline(0, color="#5c5c5c", linewidth=0.8)
    axes[0].set(xlabel="PSNR of the JPEG, dB", ylabel="gain, dB")
    if names:
        axes[0].legend(frameon=False, fontsize=8)
    return svg(figure)
