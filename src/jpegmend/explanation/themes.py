"""Colours of the figures: light, dark, and one for both; colour maps with perceptually even steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jpegmend.errors import InvalidOption, extra_needed

SERIES = ("#2f7ed8", "#d1661f", "#1f9a74", "#ab63b8", "#a87a1c", "#6f7f93", "#c4496d", "#4a9ba8", "#7a8f2a")
"""Colours of lines, in order; readable on white and on black."""
AMOUNT, STRENGTH, SIGNED = "viridis", "magma", "RdBu_r"
"""Colour maps: of shares and counts, of magnitudes, and of signed values (red is positive)."""


@dataclass(frozen=True)
class Theme:
    """Colours of text and background."""

    ink: str
    """Of text, axes and ticks."""
    paper: str
    """Of the background; ``none`` is transparent."""

    def settings(self) -> dict[Any, Any]:
        """The settings of matplotlib that give a figure these colours, and every figure the same type and lines."""
        from cycler import cycler

        inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "legend.labelcolor")
        return {
            **dict.fromkeys(inks, self.ink),
            "figure.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "axes.facecolor": "none",
            "axes.prop_cycle": cycler(color=SERIES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "axes.linewidth": 0.7,
            "font.size": 9,
            "grid.color": "#808890",
            "grid.alpha": 0.3,
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 8.5,
            "lines.linewidth": 1.6,
            "lines.markersize": 4,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "figure.dpi": 100,
            "svg.hashsalt": "jpegmend",
            "svg.fonttype": "none",
            "svg.image_inline": True,
            "image.interpolation": "nearest",
        }


THEMES: Mapping[str, Theme] = {
    "light": Theme("#1f2328", "#ffffff"),
    "dark": Theme("#e6e9ec", "#15181c"),
    "both": Theme("#74797f", "none"),
}
"""``both`` has a transparent background and a gray that is readable on white and on black."""


def find(name: str) -> Theme:
    """The theme of that name; raises :class:`~jpegmend.errors.InvalidOption`, which lists them."""
    if name not in THEMES:
        raise InvalidOption(f"theme {name!r}; there are: {', '.join(THEMES)}")
    return THEMES[name]


def check_matplotlib() -> None:
    """Raise :class:`~jpegmend.errors.MissingExtra` where matplotlib is not installed."""
    with extra_needed("drawing figures", "pictures"):
        import matplotlib  # noqa: F401
