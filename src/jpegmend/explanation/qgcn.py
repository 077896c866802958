"""Figures of QGCN: tables as maps (fig. 2), the effect of the global vector, gain against quality (fig. 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from jpegmend import metrics
from jpegmend.evaluation.benchmark import synthetic
from jpegmend.evaluation.measure.degrade_and_score import decode, encode
from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, charts, mosaic, signed, upward, write_numbers
from jpegmend.explanation.traced_run import TracedRun, plane
from jpegmend.models.qgcn import make_small, quantisation_maps
from jpegmend.restoration.pipeline import restore
from jpegmend.runtimes import Floats
from jpegmend.weights import DEFAULT, Card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUALITIES = (5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80)
_TILED = 32
"""Side in pixels of the part of a map that is shown."""


def drawings(traced: TracedRun) -> Iterator[Drawing]:
    """The figures that this variant has: tables, global vector, and with a reference gain against quality."""
    if traced.config["tables"]:
        yield tables(traced)
    if traced.config["whole"]:
        yield global_vector(traced)
    if traced.clear is not None:
        yield gain_by_quality(traced)


def tables(traced: TracedRun) -> Drawing:
    """The table as numbers, and as the map that the network is given."""
    table = traced.seen.tables[0, 0].numpy()
    tiled = quantisation_maps(traced.seen.tables, _TILED, _TILED)[0, 0].numpy()

    def draw() -> Figure:
        figure, axes = charts(2, height=390)
        scale = upward(table, "quantisation step", themes.AMOUNT, float(table.max()))
        images = [write_numbers(axes[0], table, scale, ".0f")]
        axes[0].set(title="the table of luma", xlabel="horizontal frequency", ylabel="vertical frequency")
        axes[0].set_xticks(range(8))
        axes[0].set_yticks(range(8))
        images.append(axes[1].imshow(tiled, cmap=themes.AMOUNT, vmin=0, vmax=float(tiled.max())))
        axes[1].grid(False)
        axes[1].set(title=f"its map, {_TILED} by {_TILED} pixels", xlabel="column", ylabel="row")
        for axis, image, words in zip(axes, images, (scale.words, "input of the network, step over 255"), strict=True):
            figure.colorbar(image, ax=axis, label=words, shrink=0.9)
        return figure

    return Drawing(
        name="qgcn-tables",
        title="Quantisation tables as maps (fig. 2)",
        caption="The table that the network was given (that of the file, unless a quality was assumed or an earlier "
        "compression was found), and the map that is made of it by repeating it over the picture: a further channel "
        "of the input. Large steps mean that much was lost at that frequency.",
        alt="Left: the 8x8 quantisation table with its numbers. Right: the table repeated over a square of pixels.",
        draw=draw,
        photographic=True,
    )


class _Fixed(nn.Module):
    """A global branch that answers one vector, whatever the picture."""

    def __init__(self, vector: Tensor) -> None:
        super().__init__()
        self.vector = vector

    def forward(self, overview: Tensor) -> Tensor:
        return self.vector


def with_vector(traced: TracedRun, vector: Tensor) -> Floats:
    """The first plane [H, W] that the network answers with another global vector ``[1, G]``."""
    network = copy.copy(traced.network)
    network._modules = {**network._modules, "branch": _Fixed(vector)}
    return plane(traced.run(traced.seen, network).planes)


def other_vector(traced: TracedRun) -> Tensor:
    """The global vector ``[1, G]`` of another picture: the drawn one of the benchmarks, compressed at quality 10."""
    pixels = decode(encode(synthetic.photo(448, 448), 10, "4:2:0")).astype(np.float32) / np.float32(255)
    gray = torch.from_numpy(pixels @ np.array([0.299, 0.587, 0.114], np.float32))[None, None]
    colour = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    small = make_small(gray if traced.config["channels"] == 1 else colour)
    with torch.no_grad():
        vector: Tensor = traced.network.branch(small)  # type: ignore[operator]
    return vector


def global_vector(traced: TracedRun) -> Drawing:
    """Effect of the global vector on the output: without it, and with that of another picture."""
    own = traced.traces["global"][0]
    other = other_vector(traced)
    answers = {"own vector": plane(traced.estimate.planes)}
    answers["zeros for the vector"] = with_vector(traced, torch.zeros_like(own))
    answers["another picture's vector"] = with_vector(traced, other)
    reference = answers["own vector"]
    changes = [255 * (answer - reference) for answer in answers.values()][1:]
    distance = float((other - own).norm() / own.norm().clamp(min=1e-12))
    scale = signed(np.stack(changes), "change, gray levels")

    def draw() -> Figure:
        panels = [Panel(values, f"{name}{traced.score(values)}") for name, values in answers.items()]
        vectors = np.stack([own[0].numpy(), np.zeros(own.shape[1]), other[0].numpy()])
        panels.append(Panel(_strip(vectors), "the vectors, one a row", signed(vectors, "value")))
        names = list(answers)[1:]
        panels += [Panel(change, f"{name}, change", scale) for name, change in zip(names, changes, strict=True)]
        return mosaic(panels, 3)

    sizes = [float(np.sqrt(np.square(change).mean())) for change in changes]
    return Drawing(
        name="qgcn-global",
        title="With, without and with another picture's global vector",
        caption=f"Top row: the output in {traced.where} with the vector of this picture, with zeros, and with the "
        "vector of another picture (shapes and noise, quality 10). Bottom row: the three vectors, and how the "
        f"output changes. Root mean square of the change: {sizes[0]:.3f} and {sizes[1]:.3f} gray levels; the two "
        f"vectors differ by {100 * distance:.0f} % of the length of the own one.",
        alt="Six panels: three outputs, the vectors, and the two differences.",
        draw=draw,
        photographic=True,
    )


def _strip(vectors: Any) -> Any:
    """Vectors [N, G] as a square sheet, each value a bar."""
    count, length = vectors.shape
    return vectors.repeat(max(1, length // count), axis=0)


def gain_by_quality(traced: TracedRun) -> Drawing:
    """Gain over the JPEG by quality: the reference in the region, compressed and restored at each quality."""
    models = {traced.subject.card.name: traced.subject.card} | ({DEFAULT: DEFAULT} if _others(traced) else {})
    lines = {name: gains(traced, model, QUALITIES) for name, model in models.items()}

    def draw() -> Figure:
        figure, (axis,) = charts(1, height=290, width=660)
        for (name, values), mark in zip(lines.items(), "os", strict=False):
            axis.plot(QUALITIES, values, marker=mark, label=name)
        axis.axhline(0, color=themes.SERIES[5], linewidth=0.8)
        axis.set(xlabel="libjpeg quality", ylabel="gain over the JPEG, dB")
        axis.legend()
        return figure

    name = traced.subject.card.name
    return Drawing(
        name="qgcn-gain",
        title="Gain against quality (fig. 6)",
        caption=f"The reference in {traced.where}, its luma compressed at {len(QUALITIES)} qualities and restored, "
        f"each time by the same weights. {name} gains {lines[name][QUALITIES.index(10)]:.2f} dB at quality 10 and "
        f"{lines[name][QUALITIES.index(50)]:.2f} at 50.",
        alt="Line chart of the gain in PSNR against the quality of the JPEG.",
        draw=draw,
    )


def _others(traced: TracedRun) -> bool:
    return traced.subject.card.name != DEFAULT


def gains(traced: TracedRun, model: str | Card, qualities: Sequence[int]) -> list[float]:
    """PSNR over that of the JPEG in dB, of the clear luma of the region at each quality."""
    assert traced.clear is not None
    clear = np.rint(255 * np.clip(traced.clear, 0, 1)).astype(np.uint8)
    found = []
    for quality in qualities:
        file = encode(clear, quality, "4:4:4")
        restored = restore(file, model=model, bits=8, threads=traced.subject.options.threads).to_array(8)
        found.append(metrics.psnr(restored, clear, peak=255) - metrics.psnr(decode(file), clear, peak=255))
    return found
