"""The list of all weights with a card, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from jpegmend import weights
from jpegmend.evaluation.report.markdown import grid

PLANES: Mapping[str, str] = {"y": "each plane alone", "ycbcr": "YCbCr together", "rgb": "RGB"}


def table() -> str:
    """A line for each card: network, planes, parameters, multiply-adds a pixel, and whether weights are released."""
    lines = [
        [
            f"`{card.name}`",
            card.title,
            PLANES[card.planes],
            f"{card.parameters / 1e3:,.0f} k",
            f"{card.multiply_adds / 1e3:,.0f} k",
            "released" if card.released else f"recipe `{card.recipe}`",
        ]
        for card in weights.PACKAGED.values()
    ]
    return grid(["name", "network", "works on", "parameters", "multiply-adds a pixel", "remarks"], lines, numbers=3)
