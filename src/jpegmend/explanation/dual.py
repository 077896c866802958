"""Figures of Dual: histograms (fig. 1), u, g and x by stage, the classifier (fig. 5, 6), the effect of f_s (fig. 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, Scale, charts, mosaic, signed, upward
from jpegmend.explanation.subject import strongest
from jpegmend.explanation.traced_run import TracedRun, plane
from jpegmend.models.dual import Dual, gradient, without_semantic
from jpegmend.runtimes import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CROP = 96
"""Side in pixels of the crop with and without f_s."""


def drawings(traced: TracedRun) -> Iterator[Drawing]:
    """All figures of Dual, in the order of the paper; those of the classifier where the network has one."""
    yield histograms(traced)
    yield stages(traced)
    if traced.clear is not None:
        yield scores(traced)
    if traced.config["semantic"]:
        yield derivative(traced)
        yield activations(traced)
        yield without_classifier(traced)


def _clear_or_output(traced: TracedRun) -> tuple[Floats, str]:
    """The picture to compare the input with, and its name."""
    if traced.clear is not None:
        return traced.clear, "reference"
    return plane(traced.estimate.planes), "output"


def _gradient(picture: Floats) -> Tensor:
    return gradient(torch.from_numpy(np.ascontiguousarray(picture))[None, None])


def histograms(traced: TracedRun) -> Drawing:
    """Histograms of gray levels and of gradients, input beside reference."""
    x, name = _clear_or_output(traced)
    pictures = {"y, the input": traced.decoded, f"x, the {name}": x}
    levels = np.arange(-0.5, 256)
    slopes = np.arange(-60.5, 61)
    output = plane(traced.estimate.planes)
    more = {"the output": output} if name == "reference" else {}

    def draw() -> Figure:
        figure, axes = charts(2, height=300)
        for title, picture in (pictures | more).items():
            counts, _ = np.histogram(255 * np.clip(picture, 0, 1), levels)
            axes[0].plot(levels[:-1] + 0.5, 100 * counts / picture.size, label=title, linewidth=1)
            g = 255 * _gradient(picture).numpy().ravel()
            counts, _ = np.histogram(g, slopes)
            axes[1].plot(slopes[:-1] + 0.5, 100 * counts / g.size, label=title, linewidth=1.2)
        axes[0].set(title="gray levels", xlabel="gray level", ylabel="% of the pixels")
        axes[1].set(title="gradients", xlabel="difference of neighbours, gray levels", ylabel="% of the differences")
        axes[1].set_yscale("log")
        axes[1].legend(loc="upper right")
        return figure

    return Drawing(
        name="dual-histograms",
        title="Histograms of picture and gradient (fig. 1)",
        caption=f"Of {traced.where}. The paper builds on the right chart: compression leaves more differences at "
        "zero, fewer small ones, and peaks where block edges step by one quantised level; that is alike in all "
        "pictures, while gray levels depend on the picture. The right axis is logarithmic.",
        alt="Two charts: histograms of gray levels and of gradients for input and comparison.",
        draw=draw,
    )


def stages(traced: TracedRun) -> Drawing:
    """u, g and x of every stage."""
    u, x = ([plane(part) for part in traced.traces[name]] for name in ("u", "x"))
    g = [_length(part) for part in traced.traces["g"]] if "g" in traced.traces else [_length(_gradient(p)) for p in x]
    count = len(x)

    def draw() -> Figure:
        scale = upward(np.stack(g), "length, gray levels")
        panels = []
        for k in range(count):
            panels += [
                Panel(u[k], f"u, stage {k + 1}{traced.score(u[k])}"),
                Panel(g[k], f"|g|, stage {k + 1}", scale),
                Panel(x[k], f"x, stage {k + 1}{traced.score(x[k])}"),
            ]
        return mosaic(panels, 3)

    return Drawing(
        name="dual-stages",
        title="u, g and x by stage",
        caption=f"A row a stage, in {traced.where}: u is the answer of the de-blocker (eq. 8), g the gradients "
        "after the steps down the classifier's derivative (eq. 9), x the picture that fits both and the input (eq. "
        "10).",
        alt="Rows of three panels, one row a stage: de-blocked picture, gradients, and the picture that fits both.",
        draw=draw,
        photographic=True,
    )


def _length(g: Tensor) -> NDArray[Any]:
    """Length of the gradient [H, W] of a tensor [1, 2, H, W], in gray levels."""
    return np.asarray(255 * g[0].square().sum(0).sqrt().numpy())


def scores(traced: TracedRun) -> Drawing:
    """PSNR of u and x by stage."""
    lines = {name: [traced.psnr(plane(part)) for part in traced.traces[name]] for name in ("u", "x")}
    before = traced.psnr(traced.decoded)
    scalars = [{name: float(value.detach()) for name, value in part().items()} for part in _network(traced).scalars]

    def draw() -> Figure:
        figure, (axis,) = charts(1, height=270, width=620)
        count = len(lines["x"])
        axis.plot(range(1, count + 1), lines["u"], marker="s", label="u, the de-blocker")
        axis.plot(range(count + 1), [before, *lines["x"]], marker="o", label="x")
        axis.set_xticks(range(count + 1))
        axis.set(xlabel="stage k", ylabel="PSNR, dB")
        axis.legend()
        return figure

    words = ", ".join(f"{name} {value:.3g}" for name, value in scalars[0].items())
    return Drawing(
        name="dual-scores",
        title="PSNR by stage",
        caption=f"PSNR to the reference in {traced.where}; stage 0 is the input. The learned scalars"
        f"{' of the first stage' if len(scalars) > 1 else ''}: {words}.",
        alt="Line chart of PSNR against the stage for u and x.",
        draw=draw,
    )


def _network(traced: TracedRun) -> Dual:
    assert isinstance(traced.network, Dual)
    return traced.network


def derivative(traced: TracedRun) -> Drawing:
    """The classifier's derivative by stage, beside the gradient of the input."""
    lengths = [_length(part) for part in traced.traces["derivative"]]
    start = _length(_gradient(traced.decoded))

    def draw() -> Figure:
        words = "length, % of the largest"
        panels = [Panel(start, "|grad x|, stage 0", upward(start, "gray levels"))]
        for k, values in enumerate(lengths, 1):
            top = float(np.quantile(values, 0.999)) or 1.0
            panels.append(Panel(100 * values / top, f"|df/dg|, stage {k}", Scale(themes.STRENGTH, 0, 100, words)))
        return mosaic(panels, min(3, len(panels)))

    return Drawing(
        name="dual-derivative",
        title="Derivative of the classifier by stage (fig. 5)",
        caption=f"Left: the gradient of the input in {traced.where}. Then, for each stage, the length of the "
        "derivative of the classifier's output with respect to g at the last inner step, normalised: where a change "
        "of the gradients would make the picture look less compressed.",
        alt="Maps: the gradient of the input, and the derivative of the classifier at each stage.",
        draw=draw,
        photographic=True,
    )


def activations(traced: TracedRun) -> Drawing:
    """One feature map of the classifier's last convolution for input, output and reference."""
    classifier = _network(traced).classifier
    assert classifier is not None
    pictures = {"input": traced.decoded, "output": plane(traced.estimate.planes)}
    if traced.clear is not None:
        pictures["reference"] = traced.clear
    with torch.no_grad():
        found = {name: classifier.activations(_gradient(picture))[-1][0].numpy() for name, picture in pictures.items()}
        chances = {name: float(classifier(_gradient(picture))) for name, picture in pictures.items()}
    last = list(found)[-1]
    channel = int(np.abs(found["input"].mean((1, 2)) - found[last].mean((1, 2))).argmax())
    maps = {name: values[channel] for name, values in found.items()}

    def draw() -> Figure:
        scale = upward(np.concatenate([values.ravel() for values in maps.values()]), "activation")
        panels = [
            Panel(values, f"{name}: {100 * chances[name]:.0f} % compressed", scale) for name, values in maps.items()
        ]
        return mosaic(panels, 3)

    return Drawing(
        name="dual-activations",
        title="Activations of the classifier (fig. 6)",
        caption=f"Feature map {channel} of the last convolution, that which differs most between input and {last}, in "
        f"{traced.where}, on one scale. The titles give the classifier's probability that a picture was compressed.",
        alt="Maps of one feature of the classifier for each picture.",
        draw=draw,
        photographic=True,
    )


def without_classifier(traced: TracedRun) -> Drawing:
    """The same weights with and without f_s."""
    plain = without_semantic(_network(traced))
    with_it, without = plane(traced.estimate.planes), plane(traced.run(traced.seen, plain).planes)
    change = 255 * (with_it - without)
    (window,) = strongest(change, 1, min(_CROP, *change.shape))
    here = window.slices
    root = float(np.sqrt(np.square(change).mean()))

    def draw() -> Figure:
        panels = [
            Panel(without[here], f"without f_s{traced.score(without)}"),
            Panel(with_it[here], f"with f_s{traced.score(with_it)}"),
            Panel(change[here], "what f_s changes", signed(change, "gray levels")),
        ]
        return mosaic(panels, 3, zoom=3)

    return Drawing(
        name="dual-semantic",
        title="With and without f_s (fig. 7)",
        caption=f"The {window.height} by {window.width} pixels in which the semantic prior changes most, at 300 %; "
        "without it g stays the gradient of x, all other weights are the same. PSNR is of the whole region. The root "
        f"mean square of the change is {root:.3f} gray levels, its maximum {float(np.abs(change).max()):.2f}.",
        alt="Three crops: without the semantic prior, with it, and the difference.",
        draw=draw,
        photographic=True,
    )
