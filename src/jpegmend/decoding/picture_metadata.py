"""Metadata of pictures that Pillow has opened; an invalid item is left out, and the picture is still decoded.

It runs in the worker process and imports nothing of this package.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

ORIENTATION = 0x0112
_LAYOUT = {*range(254, 267), 273, *range(277, 282), 284, 317, *range(320, 326), 330, 338, 339, 347, 529, 530, 531, 532}
"""Tags of a TIFF that say how its samples are stored, which is no longer true of a result."""
_APART = {700, 34675}
"""Tags of a TIFF for XMP and ICC profile, which are read by themselves."""
_OF_PHOTOSHOP = {34377, 37724, 50255}
"""Tags of Photoshop for previews, layers and annotations: pictures and settings of the file as it was."""
_DIRECTORIES = (0x8769, 0x8825)
"""Tags of EXIF's own directory and of the position's."""
_PNG_TEXTS = ("Title", "Author", "Description", "Copyright", "Disclaimer", "Warning", "Source")
"""Keywords of the PNG specification (11.3.3.1) for texts by people; ``Comment`` alone is carried on."""
_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White and the three primaries of sRGB, x and y of each."""
_PRIMARIES, _TRANSFERS = {1, 2, 5, 6}, {1, 2, 4, 6, 13, 14, 15}
"""Numbers that stand for sRGB's, for colours near those (of television), or for none."""
_NEAR_GAMMA, _NEAR_PRIMARY = 0.1, 0.02
_LARGEST_DENSITY = 1 << 24
"""Greatest number of pixels an inch, which are then 1.5 nm wide; a PNG cannot state many more."""


def read_metadata(image: Any, ink: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Metadata of a Pillow image as JSON values (bytes in base64), and a message for each item left out.

    A profile of CMYK is read only with ``ink``: it does not describe the RGB that samples of CMYK are decoded to.
    """
    readers: dict[str, Callable[[], Any]] = {
        "icc": lambda: _text(image.info.get("icc_profile")) if ink or image.mode != "CMYK" else None,
        "exif": lambda: _text(_exif(image)),
        "xmp": lambda: _text(_xmp(image.info)),
        "comment": lambda: _text(_bytes(image.info.get("comment") or image.info.get("Comment"))),  # of GIF, of PNG
        "density": lambda: _density(image.info) or _aspect(image.info),
        "orientation": lambda: int(image.getexif().get(ORIENTATION, 1)),
        "colours": lambda: not image.info.get("icc_profile") and _states_other_colours(image.info),
    }
    found: dict[str, Any] = {}
    left_out = []
    for name, read in readers.items():
        try:
            found[name] = read()
        except Exception:  # Pillow raises struct.error, SyntaxError, ...; bad metadata must not stop decoding
            found[name] = None
            left_out.append(f"the {name} in the file is invalid and is left out")
    if image.format == "PNG" and (texts := [name for name in _PNG_TEXTS if image.info.get(name)]):
        left_out.append(f"texts of the PNG are left out: {', '.join(texts)}")
    if found.pop("colours"):
        left_out.append("the file states colours other than sRGB without an ICC profile; they are taken as sRGB")
    return found, left_out


def _states_other_colours(info: dict[str, Any]) -> bool:
    """Whether gamma or primaries of a PNG, or the numbers in a HEIC, AVIF or PNG (ITU-T H.273), differ from sRGB's."""
    if numbers := info.get("nclx_profile"):
        return numbers["color_primaries"] not in _PRIMARIES or numbers["transfer_characteristics"] not in _TRANSFERS
    if "srgb" in info:
        return False
    primaries = info.get("chromaticity", _SRGB)
    shifted = max(abs(one - other) for one, other in zip(primaries, _SRGB, strict=False))
    gamma = float(info.get("gamma", 1 / 2.2))
    return abs(2.2 * gamma - 1) > _NEAR_GAMMA or shifted > _NEAR_PRIMARY


def _exif(image: Any) -> bytes | None:
    """The EXIF block; of a TIFF, built from its tags."""
    block = image.info.get("exif")
    if block is None and len(found := image.getexif()):
        for tag in (_LAYOUT | _APART | _OF_PHOTOSHOP).intersection(found):
            del found[tag]
        encode_texts(found)
        found.bigtiff = False  # an EXIF block has 32-bit offsets, whatever the file has
        block = found.tobytes() if len(found) else None
    block = block.removeprefix(b"Exif\0\0") if block else None
    if block and block[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("no TIFF structure")
    return block


def encode_texts(exif: Any) -> None:
    """Make texts of a Pillow EXIF bytes as in the file: it reads them as Latin-1, and writes "?" beyond ASCII."""
    there = [tag for tag in _DIRECTORIES if tag in exif]  # asking for another would make an empty one
    for directory in (exif, *map(exif.get_ifd, there)):
        for tag, value in list(directory.items()):
            if isinstance(value, str) and not value.isascii():
                directory[tag] = value.encode("latin-1")


def _xmp(info: dict[str, Any]) -> bytes | None:
    text = info.get("XML:com.adobe.xmp")
    return text.encode() if isinstance(text, str) else info.get("xmp")


def _bytes(comment: Any) -> bytes | None:
    return comment.encode() if isinstance(comment, str) else comment


def _density(info: dict[str, Any]) -> tuple[int, int, str] | None:
    found = [round(float(value)) for value in info.get("dpi") or ()]
    if max(found, default=0) > _LARGEST_DENSITY:
        raise ValueError(f"{found} pixels an inch")
    # Pillow says 1 x 1 of a TIFF that states no resolution.
    return (found[0], found[1], "dpi") if len(found) == 2 and min(found) > 0 and found != [1, 1] else None


def _aspect(info: dict[str, Any]) -> tuple[int, int, str] | None:
    """Of a PNG or a TIFF whose density has no unit: only whether its pixels are squares."""
    found = [round(float(value)) for value in info.get("aspect") or info.get("resolution") or ()]
    stretched = len(found) == 2 and found[0] != found[1] and min(found) > 0 and max(found) <= _LARGEST_DENSITY
    return (found[0], found[1], "aspect") if stretched else None


def _text(value: bytes | None) -> str | None:
    return base64.b64encode(value).decode() if value else None
