"""Figures of CQR: the ranker's activations at several qualities (fig. 4), and its score against quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from jpegmend import weights
from jpegmend.evaluation.measure.degrade_and_score import decode, encode
from jpegmend.evaluation.measure.ranking import count_right
from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, charts, mosaic, upward
from jpegmend.explanation.traced_run import TracedRun
from jpegmend.models.cqr import Ranker
from jpegmend.models.ranker_file import load_ranker
from jpegmend.runtimes import Floats
from jpegmend.runtimes.ranker import RANKER_WEIGHTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LAYERS = (3, 4)
"""Numbers of the layers shown, from 1: at a half and a quarter of the resolution."""
_FIGURE_4 = (10, 20, 30)
QUALITIES = tuple(range(5, 100, 5))
DIFFERENCES = (5, 10, 20, 40)


def drawings(traced: TracedRun) -> Iterator[Drawing]:
    """The figures of the ranker; nothing where none was released with the network."""
    if RANKER_WEIGHTS not in traced.subject.card.files:
        return
    ranker, _ = load_ranker(weights.path(traced.subject.card, RANKER_WEIGHTS))
    base, name = _base(traced)
    yield activations(traced, ranker, base, name)
    yield scores(traced, ranker, base, name)


def _base(traced: TracedRun) -> tuple[Floats, str]:
    """The luma that is compressed again, and its name: the reference, or the restored picture where there is none."""
    if traced.clear is not None:
        return traced.clear, "reference"
    subject = traced.subject
    return subject.luma(subject.final)[subject.region.slices], "restored picture"


def compressed(picture: Floats, quality: int) -> Floats:
    """A plane [H, W] after JPEG at that libjpeg quality."""
    levels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return decode(encode(levels, quality, "4:4:4")).astype(np.float32) / np.float32(255)


@torch.no_grad()
def features(ranker: Ranker, picture: Floats) -> list[NDArray[Any]]:
    """Activations [K, H, W] of the layers shown."""
    found = ranker(torch.from_numpy(np.ascontiguousarray(picture))[None, None]).features
    return [found[number - 1][0].numpy() for number in _LAYERS if number <= len(found)]


@torch.no_grad()
def score(ranker: Ranker, picture: Floats) -> float:
    """The ranker's score of a plane [H, W]."""
    return float(ranker(torch.from_numpy(np.ascontiguousarray(picture))[None, None]).score)


def activations(traced: TracedRun, ranker: Ranker, base: Floats, name: str) -> Drawing:
    """One feature map a layer for five pictures: the map that differs most between the clear picture and quality 10."""
    pictures: dict[str, Floats] = {name: base, "this file": traced.decoded}
    pictures |= {f"quality {quality}": compressed(base, quality) for quality in _FIGURE_4}
    found = {title: features(ranker, picture) for title, picture in pictures.items()}
    worse = found[f"quality {_FIGURE_4[0]}"]
    chosen = [_most_changed_channel(*pair) for pair in zip(found[name], worse, strict=True)]
    means = {title: float(np.abs(layers[-1][chosen[-1]]).mean()) for title, layers in found.items()}
    by_quality = ", ".join(f"{means[f'quality {quality}']:.2f} at quality {quality}" for quality in _FIGURE_4)

    def draw() -> Figure:
        panels = [Panel(picture, title) for title, picture in pictures.items()]
        for place, channel in enumerate(chosen):
            maps = [np.abs(layers[place][channel]) for layers in found.values()]
            scale = upward(np.concatenate([values.ravel() for values in maps]), "absolute activation")
            panels += [Panel(values, f"layer {_LAYERS[place]}, mean {values.mean():.2f}", scale) for values in maps]
        return mosaic(panels, len(pictures))

    return Drawing(
        name="cqr-activations",
        title="Activations of the ranker (fig. 4)",
        caption=f"Top row: the {name} in {traced.where}, the file, and the {name} compressed at three qualities. "
        "Below: of two layers of the ranker the feature map that differs most between the first picture and quality "
        "10, all on one scale. In the paper the response to a clear picture is low and that to a compressed one high. "
        f"Here the mean of the last row is {means[name]:.2f} for the {name}, {by_quality}.",
        alt="A row of five pictures, and below them the activations of two layers for each.",
        draw=draw,
        photographic=True,
    )


def _most_changed_channel(clear: NDArray[Any], worse: NDArray[Any]) -> int:
    """The channel of [K, H, W] whose mean absolute activation rises by the largest share."""
    before, after = (np.abs(maps).mean((1, 2)) for maps in (clear, worse))
    return int(((after - before) / (before + 0.1 * before.mean() + 1e-6)).argmax())


def scores(traced: TracedRun, ranker: Ranker, base: Floats, name: str) -> Drawing:
    """Score against quality with the file marked, and the share of pairs that are ranked correctly."""
    by_quality = {quality: score(ranker, compressed(base, quality)) for quality in QUALITIES}
    own, best = score(ranker, traced.decoded), score(ranker, base)
    right = accuracy(by_quality)
    place = " (diamond, at the quality that its tables state)" if traced.subject.opened.quality else ""

    def draw() -> Figure:
        figure, axes = charts(2, height=290)
        axes[0].plot(list(by_quality), list(by_quality.values()), marker="o", label=f"{name}, compressed")
        axes[0].axhline(best, color=themes.SERIES[2], linestyle="--", label=f"{name} itself")
        axes[0].axhline(own, color=themes.SERIES[1], linestyle=":", label="this file")
        if traced.subject.opened.quality:
            axes[0].plot([traced.subject.opened.quality], [own], marker="D", markersize=8, color=themes.SERIES[1])
        axes[0].set(xlabel="libjpeg quality", ylabel="score, higher is better")
        axes[0].margins(y=0.12)
        axes[0].legend(loc="lower right")
        places = range(len(right))
        axes[1].bar(places, [100 * share for share in right.values()], color=themes.SERIES[0], width=0.6)
        for place, share in zip(places, right.values(), strict=True):
            axes[1].text(place, 100 * share + 1.5, f"{100 * share:.0f}", ha="center")
        axes[1].set_xticks(places, [str(difference) for difference in right])
        axes[1].set(xlabel="difference of the two qualities", ylabel="pairs in the right order, %", ylim=(0, 112))
        axes[1].set_yticks(range(0, 101, 25))
        return figure

    return Drawing(
        name="cqr-score",
        title="Score against quality, and ranking accuracy",
        caption=f"Left: the ranker's score of the {name} compressed at qualities 5 to 95; this file has {own:.2f}"
        f"{place}. Only scores of the same picture can be compared. Right: of all pairs of these qualities the share "
        "in which the better one has the higher score, by their difference.",
        alt="Left: line chart of score against quality with this file marked. Right: bars of ranking accuracy.",
        draw=draw,
    )


def accuracy(by_quality: Mapping[int, float]) -> dict[int, float]:
    """The share of pairs in the right order, by the difference of their qualities."""
    found = {}
    for difference in DIFFERENCES:
        lows = [quality for quality in by_quality if quality + difference in by_quality]
        found[difference] = count_right(by_quality, lows, difference) / len(lows)
    return found
