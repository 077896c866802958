"""Panels of a figure: pictures and maps with titles and colour bars, at whole numbers of pixels.

Shape letters: H W pixels.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.explanation import themes
from jpegmend.explanation.drawing import DOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 960
"""Pixels of a figure across, at 100 %."""
_HIGHEST = 1600
"""Pixels of a panel down, at 100 %: a figure of a long, narrow picture would fill the memory otherwise."""
_MARGIN, _GAP = 12, 16
_LETTER, _LINE = 6.6, 15
"""Pixels of a letter across and of a line of text down, generous."""
_BAR, _BAR_TEXT = 9, 40


@dataclass(frozen=True)
class Scale:
    """Colour map of a panel, its range, and the words below its colour bar."""

    colours: str
    low: float
    high: float
    words: str
    """What the colours mean, with the unit."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture or map."""

    pixels: NDArray[Any]
    """[H, W] values, or [H, W, 3] RGB in 0..1."""
    title: str
    scale: Scale | None = None
    """None: values are gray levels in 0..1, and there is no colour bar."""
    lines: int = 0
    """Pixels between the lines of a grid that is drawn over it; 0 for none."""
    first: tuple[int, int] = (0, 0)
    """Row and column where its lines begin."""


def signed(values: NDArray[Any], words: str, limit: float | None = None) -> Scale:
    """A scale with zero in the middle; ``limit`` by default covers all but the largest thousandth."""
    end = robust_limit(np.abs(values)) if limit is None else limit
    return Scale(themes.SIGNED, -end, end, words)


def upward(values: NDArray[Any], words: str, colours: str = themes.STRENGTH, limit: float | None = None) -> Scale:
    """A scale from zero up; ``limit`` by default covers all but the largest thousandth."""
    return Scale(colours, 0.0, robust_limit(values) if limit is None else limit, words)


def robust_limit(values: NDArray[Any]) -> float:
    """The value that 99.9 % do not exceed; never 0, so that it can be the end of a scale."""
    found = float(np.quantile(values, 0.999)) if np.size(values) else 0.0
    return found if np.isfinite(found) and found > 0 else max(float(np.max(values, initial=0.0)), 1e-6)


def mosaic(panels: Sequence[Panel], columns: int, *, zoom: int | None = None) -> Figure:
    """A figure of panels in rows, each pixel an exact square: enlarged by a whole number, or reduced by one.

    ``zoom`` sets the enlargement; by default the panels fill the width, but are no higher than 1600 pixels.
    """
    from matplotlib.figure import Figure

    room = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    shown = [_fit(panel.pixels, room, zoom) for panel in panels]
    width = max(max(part.shape[1] for part, _ in shown), min(room, 150))
    titles = [textwrap.wrap(panel.title, max(8, int(width / _LETTER))) for panel in panels]
    rows = [range(start, min(start + columns, len(panels))) for start in range(0, len(panels), columns)]
    heights = [
        _row_height([panels[n] for n in row], [shown[n][0] for n in row], [titles[n] for n in row]) for row in rows
    ]
    wide = 2 * _MARGIN + min(columns, len(panels)) * width + (min(columns, len(panels)) - 1) * _GAP
    high = 2 * _MARGIN + sum(heights) + (len(rows) - 1) * _GAP
    figure = Figure(figsize=(wide / DOTS, high / DOTS), dpi=DOTS)
    top = float(_MARGIN)
    for row, height in zip(rows, heights, strict=True):
        lines = max(len(titles[n]) for n in row)
        for place, n in enumerate(row):
            left = _MARGIN + place * (width + _GAP)
            at = _Place(figure, wide, high, left, top + lines * _LINE + 3)
            at.draw(panels[n], *shown[n], title="\n".join(titles[n]))
        top += height + _GAP
    return figure


def _row_height(panels: Sequence[Panel], parts: Sequence[NDArray[Any]], titles: Sequence[list[str]]) -> float:
    bars = any(panel.scale for panel in panels)
    return float(max(map(len, titles)) * _LINE + 3 + max(part.shape[0] for part in parts) + (_BAR + _BAR_TEXT) * bars)


def _fit(pixels: NDArray[Any], room: int, zoom: int | None) -> tuple[NDArray[Any], float]:
    """Pixels of the figure for those of a picture, and how many of them are one pixel's side."""
    height, width = pixels.shape[:2]
    factor = min(room // width, _HIGHEST // height) if zoom is None else zoom
    if factor:
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1), float(factor)
    less = max(-(-width // room), -(-height // _HIGHEST))
    down, across = min(less, height), min(less, width)
    rows, columns = height // down, width // across
    cells = pixels[: rows * down, : columns * across].reshape(rows, down, columns, across, *pixels.shape[2:])
    return cells.mean((1, 3)), 1 / less


@dataclass(frozen=True)
class _Place:
    """The place of one panel: its upper left corner in pixels of the figure."""

    figure: Figure
    wide: float
    high: float
    left: float
    top: float

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        return self.figure.add_axes(
            (left / self.wide, 1 - (top + height) / self.high, width / self.wide, height / self.high)
        )

    def draw(self, panel: Panel, part: NDArray[Any], factor: float, title: str) -> None:
        height, width = part.shape[:2]
        axis = self.axes(self.left, self.top, width, height)
        scale = panel.scale or Scale("gray", 0.0, 1.0, "")
        colours: dict[str, Any] = {"cmap": scale.colours, "vmin": scale.low, "vmax": scale.high}
        image = axis.imshow(np.clip(part, 0, 1) if part.ndim == 3 else part, **({} if part.ndim == 3 else colours))
        axis.set_title(title, pad=3)
        axis.set(xticks=[], yticks=[])
        for spine in axis.spines.values():
            spine.set_visible(False)
        if panel.lines:
            _draw_grid(axis, height, width, panel.lines * factor, [place * factor for place in panel.first])
        if panel.scale:
            bar = self.axes(self.left, self.top + height + 5, width, _BAR)
            self.figure.colorbar(image, cax=bar, orientation="horizontal")
            bar.set_xlabel(panel.scale.words, labelpad=1)
            bar.xaxis.set_major_locator(_few_ticks(width))
            bar.tick_params(length=2, pad=1)
            bar.spines["outline"].set_visible(False)
            _pull_in(bar, panel.scale)


def _pull_in(bar: Axes, scale: Scale) -> None:
    """Align the numbers at the ends of a colour bar inwards, so that those of two bars side by side do not touch."""
    span = scale.high - scale.low
    for tick, label in zip(bar.get_xticks(), bar.get_xticklabels(), strict=False):
        place = (tick - scale.low) / span
        label.set_horizontalalignment("left" if place < 0.04 else "right" if place > 0.96 else "center")


def _few_ticks(width: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=max(2, min(6, width // 60)), steps=[1, 2, 5, 10])


def _draw_grid(axis: Axes, height: int, width: int, step: float, first: Sequence[float]) -> None:
    top, left = (place or step for place in first)  # none on the border
    for across in np.arange(left, width, step):
        axis.axvline(across - 0.5, color="#ffd21f", linewidth=0.8, alpha=0.9)
    for down in np.arange(top, height, step):
        axis.axhline(down - 0.5, color="#ffd21f", linewidth=0.8, alpha=0.9)


def charts(count: int, *, columns: int = 2, height: float = 280, width: float = WIDTH) -> tuple[Figure, list[Any]]:
    """An empty figure with ``count`` charts in rows; sizes in pixels, ``height`` that of one row."""
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width / DOTS, rows * height / DOTS), dpi=DOTS, layout="constrained")
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(count)]
    for axis in axes:
        axis.grid(True)
        axis.set_axisbelow(True)
    return figure, axes


def write_numbers(axis: Axes, values: NDArray[Any], scale: Scale, digits: str) -> Any:
    """An 8x8 map with the number in each cell, dark on light cells and light on dark; returns the image."""
    image = axis.imshow(values, cmap=scale.colours, vmin=scale.low, vmax=scale.high)
    axis.grid(False)
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        text = format(value, digits)
        number = axis.text(column, row, text, ha="center", va="center", fontsize=7.5)
        number.set(color="#101214" if light else "#f4f6f8", in_layout=False)
    return image
