"""The figures of every model: input and output, crops, block grid, spectrum, and errors to a reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.explanation import themes
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.panels import Panel, Scale, charts, mosaic, robust_limit, signed, upward
from jpegmend.explanation.subject import Subject, psnr, shown
from jpegmend.runtimes import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIMIT = 16.0
"""Gray levels at the ends of the difference's scale: times 8 they fill the 128 levels on each side of middle gray."""
_CROP, _CROPS = 100, 3
_GRID_CROP = 40
"""Side in pixels of the crops in which the block grid is drawn."""


def general_drawings(subject: Subject) -> Iterator[Drawing]:
    """The figures that every model has, in the order of the report."""
    yield comparison(subject)
    yield crops(subject)
    yield grid(subject)
    yield grid_crop(subject)
    yield from spectra(subject)
    if subject.reference is not None and subject.clear is not None:
        yield errors(subject)


def comparison(subject: Subject) -> Drawing:
    """Input, output, and their difference times 8."""
    change = subject.change
    moved = float(np.sqrt(np.square(change).mean()))

    def draw() -> Figure:
        panels = [
            Panel(shown(subject.decoded), "input, as decoded"),
            Panel(shown(subject.final), f"output of {subject.card.name}"),
            Panel(change, "difference times 8", signed(change, "output − input, gray levels", _LIMIT)),
        ]
        return mosaic(panels, 3)

    return Drawing(
        name="comparison",
        title="Input, output, difference",
        caption=f"The whole picture before and after, and what was changed in {subject.component}: red is lighter, "
        f"blue darker, and the strongest colour stands for {_LIMIT:.0f} gray levels of 255. The root mean square "
        f"of the change is {moved:.2f} gray levels.",
        alt=f"Three pictures side by side: the input, the output of {subject.card.name}, and a map of their "
        "difference.",
        draw=draw,
        photographic=True,
    )


def crops(subject: Subject) -> Drawing:
    """The squares with the largest change, at 300 %."""
    windows = subject.strongest(_CROPS, _CROP)
    columns = [("input", shown(subject.decoded)), ("output", shown(subject.final))]
    if subject.reference is not None:
        columns.append(("reference", subject.reference.astype(np.float32) / np.float32(255)))

    def draw() -> Figure:
        panels = [
            Panel(pixels[window.slices], f"{name}, row {window.top}, column {window.left}")
            for window in windows
            for name, pixels in columns
        ]
        return mosaic(panels, len(columns), zoom=3)

    return Drawing(
        name="crops",
        title="Where the change is largest",
        caption=f"The {len(windows)} squares of {_CROP} pixels with the largest change, at 300 %: every pixel is "
        "three by three. The titles say where the square begins, from the upper left corner.",
        alt="Enlarged squares of the picture, " + ", ".join(name for name, _ in columns) + " side by side.",
        draw=draw,
        photographic=True,
    )


def steps_by_phase(plane: Floats) -> NDArray[Any]:
    """Mean absolute step from one pixel to the next, in gray levels, by place in the 8x8 grid: [8].

    Number 0 is the step across a block edge; both directions are averaged.
    """
    across, down = np.abs(np.diff(plane, axis=1)), np.abs(np.diff(plane, axis=0))
    found = [
        255 * np.mean([across[:, phase::8].mean(), down[phase::8].mean()])
        for phase in range(min(8, across.shape[1], len(down)))
    ]
    # The first step lies between pixels 0 and 1, the eighth crosses into the next block.
    return np.roll(np.asarray(found, np.float64), 1)


def grid(subject: Subject) -> Drawing:
    """Steps between neighbouring pixels by their place in the block, and a crop under the grid."""
    top, left = subject.final.report.grid
    planes = {"input": subject.luma(subject.decoded), "output": subject.luma(subject.final)}
    if subject.clear is not None:
        planes["reference"] = subject.clear
    steps = {name: steps_by_phase(plane[top:, left:]) for name, plane in planes.items()}

    def draw() -> Figure:
        figure, (axis,) = charts(1, height=270, width=620)
        for (name, values), mark in zip(steps.items(), "so^", strict=False):
            axis.plot(range(len(values)), values, marker=mark, label=name)
        axis.set_xticks(range(8), ["edge", *map(str, range(1, 8))])
        axis.set(xlabel="place in the block, pixels from its edge", ylabel="mean step, gray levels")
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower left", ncols=3)
        return figure

    return Drawing(
        name="grid",
        title="The block grid",
        caption="Mean absolute difference of neighbouring pixels by their place in the 8x8 block, rows and columns "
        f"together. JPEG leaves a larger step across the edges of blocks, here {steps['input'][0]:.2f} gray levels "
        f"beside {steps['input'][1:].mean():.2f} inside; after the restoration it is {steps['output'][0]:.2f} beside "
        f"{steps['output'][1:].mean():.2f}.",
        alt="Line chart of the mean step between pixels at the eight places in a block, before and after.",
        draw=draw,
    )


def grid_crop(subject: Subject) -> Drawing:
    """A small crop of the first plane with the lines of the block grid."""
    (window,) = subject.strongest(1, _GRID_CROP)
    top, left = subject.final.report.grid
    first = ((top - window.top) % 8, (left - window.left) % 8)
    whose = "the file's" if (top, left) == (0, 0) else "the undone compression's"

    def draw() -> Figure:
        panels = [
            Panel(subject.luma(restored)[window.slices], name, lines=8, first=first)
            for name, restored in (("input", subject.decoded), ("output", subject.final))
        ]
        return mosaic(panels, 2, zoom=8)

    return Drawing(
        name="close",
        title="Blocks at 800 %",
        caption=f"{subject.component.capitalize()} of the {_GRID_CROP} by {_GRID_CROP} pixels with the largest change. "
        f"The yellow lines are the edges of {whose} 8x8 blocks.",
        alt="Two enlarged crops with the lines of the block grid, before and after.",
        draw=draw,
        photographic=True,
    )


def power(plane: Floats) -> NDArray[Any]:
    """Power spectrum [N, N] in dB, zero frequency in the middle: the mean over squares under a Hann window."""
    side = 128 if min(plane.shape) >= 128 else int(min(plane.shape))
    window = np.outer(np.hanning(side), np.hanning(side))
    step = max(1, side // 2)
    total, count = np.zeros((side, side)), 0
    for top in range(0, plane.shape[0] - side + 1, step):
        for left in range(0, plane.shape[1] - side + 1, step):
            part = 255 * plane[top : top + side, left : left + side].astype(np.float64)
            total += np.square(np.abs(np.fft.fft2((part - part.mean()) * window)))
            count += 1
    return np.asarray(np.fft.fftshift(10 * np.log10(total / max(count, 1) / np.square(window).sum() + 1e-3)))


def spectra(subject: Subject) -> Iterator[Drawing]:
    """Power spectra as maps, and along rows and columns as lines."""
    planes = {"input": subject.luma(subject.decoded), "output": subject.luma(subject.final)}
    if subject.clear is not None:
        planes["reference"] = subject.clear
    found = {name: power(plane) for name, plane in planes.items()}
    yield spectrum(found, subject.component)
    yield spectrum_course(found)


def spectrum(found: Mapping[str, NDArray[Any]], component: str) -> Drawing:
    """The power spectrum of the input, and how the restoration changed it."""
    low, high = (float(np.quantile(found["input"], part)) for part in (0.01, 0.999))
    words = "power, dB"

    def draw() -> Figure:
        figure, axes = charts(2, columns=2, height=330)
        _map(figure, axes[0], found["input"], Scale(themes.AMOUNT, low, high, words), "spectrum of the input")
        change = found["output"] - found["input"]
        limit = max(3.0, robust_limit(np.abs(change)))
        _map(
            figure, axes[1], change, Scale(themes.SIGNED, -limit, limit, "output − input, dB"), "change of the spectrum"
        )
        return figure

    return Drawing(
        name="spectrum",
        title="Spectrum before and after",
        caption=f"Power spectrum of {component}, the mean over squares of up to 128 pixels; the middle is the "
        "mean value, the edges are the finest detail. Block edges show as dots and lines at multiples of 1/8 of a "
        "cycle a pixel; blue in the right map is what the restoration took away, red what it added.",
        alt="Two maps: the power spectrum of the input, and how the restoration changed it.",
        draw=draw,
        photographic=True,
    )


def spectrum_course(found: Mapping[str, NDArray[Any]]) -> Drawing:
    """Spectra along rows and columns as lines."""
    lines = {name: _course(values) for name, values in found.items()}

    def draw() -> Figure:
        figure, (axis,) = charts(1, height=270, width=620)
        for name, (cycles, values) in lines.items():
            axis.plot(cycles, values, label=name)
        axis.set_xticks(np.arange(0, 0.51, 0.125), ["0", "1/8", "1/4", "3/8", "1/2"])
        axis.set(xlabel="cycles a pixel", ylabel="power, dB")
        axis.legend(loc="upper right", ncols=3)
        return figure

    return Drawing(
        name="spectrum-course",
        title="Spectrum along rows and columns",
        caption="The same spectra along the two axes, averaged. Peaks at 1/8, 1/4, 3/8 and 1/2 of a cycle a pixel "
        "come from block edges; the drop between them is detail that the quantisation removed.",
        alt="Line chart of power against spatial frequency, before and after.",
        draw=draw,
    )


def _course(found: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    side = len(found)
    middle = side // 2
    half = (found[middle, middle:] + found[middle:, middle]) / 2
    return np.arange(len(half)) / side, half


def _map(figure: Figure, axis: Any, values: NDArray[Any], scale: Scale, title: str) -> None:
    image = axis.imshow(
        values,
        cmap=scale.colours,
        vmin=scale.low,
        vmax=scale.high,
        extent=(-0.5, 0.5, 0.5, -0.5),
        interpolation="nearest",
    )
    axis.grid(False)
    axis.set(title=title, xlabel="cycles a pixel, across", ylabel="cycles a pixel, down")
    ticks = [-0.5, -0.25, 0, 0.25, 0.5]
    axis.set_xticks(ticks, map(str, ticks))
    axis.set_yticks(ticks, map(str, ticks))
    figure.colorbar(image, ax=axis, label=scale.words, shrink=0.9)


def errors(subject: Subject) -> Drawing:
    """Error of input and output to the reference, and where the error fell or rose."""
    clear = subject.clear
    assert clear is not None
    planes = [np.clip(subject.luma(part), 0, 1) for part in (subject.decoded, subject.final)]
    before, after = (255 * np.abs(plane - clear) for plane in planes)
    scores = [psnr(plane, clear) for plane in planes]
    limit = robust_limit(before)

    def draw() -> Figure:
        words = "absolute error, gray levels"
        panels = [
            Panel(before, f"input, {scores[0]:.2f} dB", upward(before, words, limit=limit)),
            Panel(after, f"output, {scores[1]:.2f} dB", upward(after, words, limit=limit)),
            Panel(after - before, "change of the error", signed(after - before, "gray levels; blue is better")),
        ]
        return mosaic(panels, 3)

    return Drawing(
        name="errors",
        title="Errors to the reference",
        caption=f"Absolute error of {subject.component} to the clear original before and after, on one scale, and the "
        f"difference of both. PSNR goes from {scores[0]:.2f} to {scores[1]:.2f} dB; "
        f"{100 * float((after < before).mean()):.0f} % of the pixels are nearer to the original than before, "
        f"{100 * float((after > before).mean()):.0f} % farther from it.",
        alt="Three maps: the error of the input, the error of the output, and where the error fell or rose.",
        draw=draw,
        photographic=True,
    )
