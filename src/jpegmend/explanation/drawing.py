"""``Drawing``: one figure with its caption and alternative text, as PNG, WebP or SVG in any theme."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from jpegmend.explanation import themes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS = 100
"""Pixels an inch at 100 %: sizes below are in pixels of this."""
_SHARPER = 2
"""Factor of the resolution of PNG files, for screens with small pixels."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawing:
    """One figure. It is drawn anew for each file, because text and axes take the colours of the theme."""

    name: str
    """Stem of its files: ``coefficients``."""
    title: str
    caption: str
    """What is shown and how to read it, in full sentences."""
    alt: str
    """Text in place of the figure, for readers who do not see it."""
    draw: Callable[[], Figure]
    """Draws with the settings of matplotlib that hold when it is called."""
    photographic: bool = False
    """Whether it is mostly pixels or numbers in cells: stored as WebP in the documentation, else as SVG."""

    def figure(self, theme: str = "light") -> Figure:
        """The figure of matplotlib: ``light``, ``dark`` or ``both``."""
        import matplotlib

        with matplotlib.rc_context(themes.find(theme).settings()):
            return self.draw()

    def png(self, theme: str = "light") -> bytes:
        """The figure as PNG, 200 pixels an inch."""
        return self._save(theme, "png", DOTS * _SHARPER)

    def webp(self) -> bytes:
        """The figure as lossy WebP, 100 pixels an inch: enlarged pixels stay exact squares."""
        from PIL import Image

        with Image.open(io.BytesIO(self._save("both", "png", DOTS))) as image:
            stream = io.BytesIO()
            image.save(stream, "WEBP", quality=82, method=6)
        return stream.getvalue()

    @cached_property
    def svg(self) -> str:
        """The figure as SVG text; in viewers that know the reader's colour scheme text and axes follow it."""
        text = self._save("light", "svg", DOTS).decode()
        light, dark = themes.THEMES["light"], themes.THEMES["dark"]
        # Matplotlib writes colours as inline style; viewers without media queries keep the light ones.
        rules = "".join(
            f'[style*="{part}: {light.ink}"]{{{part}:{dark.ink} !important}}' for part in ("fill", "stroke")
        )
        style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
        text = re.sub(r"(<svg[^>]*>)", lambda found: found[1] + style, text[text.index("<svg") :], count=1)
        return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)

    def _repr_png_(self) -> bytes:
        return self.png()

    def _save(self, theme: str, format: str, dots: int) -> bytes:
        import matplotlib

        stream = io.BytesIO()
        figure = self.figure(theme)
        with matplotlib.rc_context(themes.find(theme).settings()):
            paper = "none" if format == "svg" else themes.find(theme).paper
            metadata = {"Date": None} if format == "svg" else {"Software": None}
            figure.savefig(stream, format=format, dpi=dots, facecolor=paper, metadata=metadata)
        return stream.getvalue()
