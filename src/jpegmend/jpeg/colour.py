"""Colour space of the components, determined as libjpeg does, and the name of their chroma sampling."""

from __future__ import annotations

from collections.abc import Sequence

from jpegmend.jpeg.image import Colour

_NAMES = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (1, 2): "4:4:0",
    (2, 2): "4:2:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}


def decide_colour(identifiers: Sequence[int], jfif: bool, adobe_transform: int | None) -> tuple[Colour, list[str]]:
    """Colour space of 1, 3 or 4 components with these ids, and warnings.

    Determined as in libjpeg's ``default_decompress_parms``: by a JFIF marker, else by the Adobe transform (None
    without an Adobe marker), else by the ids.
    """
    if len(identifiers) == 1:
        return "gray", []
    if len(identifiers) == 3:
        return _three(identifiers, jfif, adobe_transform)
    if adobe_transform is None or adobe_transform == 0:
        return "cmyk", []
    if adobe_transform == 2:
        return "ycck", []
    return "ycck", [f"unknown Adobe colour transform {adobe_transform}; taken as YCCK"]


def _three(identifiers: Sequence[int], jfif: bool, transform: int | None) -> tuple[Colour, list[str]]:
    if jfif:
        return "ycbcr", []
    if transform is not None:
        if transform in (0, 1):
            return ("rgb", "ycbcr")[transform], []
        return "ycbcr", [f"unknown Adobe colour transform {transform}; taken as YCbCr"]
    return ("rgb" if bytes(identifiers) == b"RGB" else "ycbcr"), []


def name_sampling(factors: Sequence[tuple[int, int]]) -> str:
    """Usual name for sampling factors (horizontal, vertical) in component order, or the factors themselves.

    >>> name_sampling([(2, 2), (1, 1), (1, 1)]), name_sampling([(3, 1), (1, 1), (1, 1)])
    ('4:2:0', '3x1,1x1,1x1')
    """
    if len(factors) == 1:
        return "4:0:0"
    (across, down), chroma = factors[0], factors[1]
    alike = factors[2] == chroma and all(extra == factors[0] for extra in factors[3:])
    if alike and across % chroma[0] == 0 and down % chroma[1] == 0:
        name = _NAMES.get((across // chroma[0], down // chroma[1]))
        if name is not None:
            return name + ":4" * (len(factors) - 3)
    return ",".join(f"{h}x{v}" for h, v in factors)
