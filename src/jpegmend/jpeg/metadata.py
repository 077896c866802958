"""Metadata of a picture file (ICC, EXIF, XMP, comments, density), and reading and setting of the EXIF orientation."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from jpegmend.errors import InvalidOption

Density = tuple[int, int, Literal["dpi", "dpcm", "aspect"]]

_ORIENTATION_TAG, _EXIF_POINTER = 0x0112, 0x8769
_SIZE, _EXIF_SIZE = (256, 257), (0xA002, 0xA003)
"""Tags of width and height."""
_DENSITY, _DENSITY_UNIT = (282, 283), 296
_COLOURS, _INTEROPERABILITY = 0xA001, 0xA005
_LARGEST_DENSITY = 1 << 24
"""As that of ``decoding.picture_metadata``."""
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>))\s*[1-8]")
_XMP_SIZE = re.compile(rb"((?:tiff:Image(?:Width|Length)|exif:Pixel[XY]Dimension)\s*(?:=\s*[\"']|>)\s*)(\d{1,9})\b")
_XMP_AXES = re.compile(rb"\b(?:tiff:Image(?:Width|Length)|exif:Pixel[XY]Dimension|tiff:[XY]Resolution)\b")
_XMP_COLOURS = re.compile(rb"(exif:ColorSpace\s*(?:=\s*[\"']|>)\s*)\d{1,5}\b")
_XMP_PROFILE = re.compile(rb"(photoshop:ICCProfile\s*(?:=\s*[\"']|>))[^\"'<]*")
_OTHER_AXIS = {b"Width": b"Length", b"Length": b"Width", b"X": b"Y", b"Y": b"X"}


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata of a picture file, as bytes that can be written into another file."""

    icc: bytes | None = None
    """ICC profile, its chunks joined."""
    exif: bytes | None = None
    """TIFF structure, without the leading "Exif\\0\\0"."""
    xmp: bytes | None = None
    """XMP packet, UTF-8 XML."""
    extended_xmp: bytes | None = None
    """The part of the XMP that did not fit one JPEG segment, joined; ``xmp`` refers to it by its MD5."""
    comments: tuple[bytes, ...] = ()
    density: Density | None = None
    """Horizontal, vertical, and their unit; "aspect" is a ratio without a unit."""
    orientation: int = 1
    """EXIF orientation 1..8; 1 is upright."""


def decode_text(text: bytes) -> str:
    """A text of a file: UTF-8 if it is valid, else Latin-1, in which every byte is valid.

    >>> decode_text(b"caf\\xe9") == decode_text(b"caf\\xc3\\xa9")
    True
    """
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def read_orientation(exif: bytes | None) -> int:
    """Orientation 1..8 in an EXIF block (TIFF structure); 1 if there is none or it is invalid.

    >>> read_orientation(bytes.fromhex("4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000"))
    6
    """
    entry = _find_orientation(exif) if exif else None
    if exif is None or entry is None:
        return 1
    offset, order = entry
    value = int(struct.unpack_from(order + "H", exif, offset)[0])
    return value if 1 <= value <= 8 else 1


def read_density(exif: bytes | None) -> Density | None:
    """Density in an EXIF block (TIFF structure), in whole numbers; None if it states none, or no length as its unit."""
    if not exif or (order := byte_order(exif)) is None:
        return None
    _, entries, _ = _directories(exif, order)
    unit = struct.unpack_from(order + "H", exif, entries[_DENSITY_UNIT] + 8)[0] if _DENSITY_UNIT in entries else 2
    found = [_read_rational(exif, entries[tag], order) if tag in entries else 0 for tag in _DENSITY]
    # 1 x 1 is what programs write that know none.
    if unit not in (2, 3) or min(found) < 1 or max(found) > _LARGEST_DENSITY or found == [1, 1]:
        return None
    return found[0], found[1], "dpi" if unit == 2 else "dpcm"


def _read_rational(exif: bytes, entry: int, order: str) -> int:
    """The value of an entry as a whole number; 0 if it is no rational number that lies in the block."""
    kind, count, place = struct.unpack_from(order + "HII", exif, entry + 2)
    if kind != _RATIONAL or count != 1 or place + 8 > len(exif):
        return 0
    upper, lower = struct.unpack_from(order + "II", exif, place)
    return round(upper / lower) if lower else 0


def make_exif(orientation: int) -> bytes:
    """An EXIF block with an orientation and nothing else.

    >>> read_orientation(make_exif(6))
    6
    """
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION_TAG, _SHORT, 1, orientation, 0, 0)


def set_orientation(exif: bytes, orientation: int) -> bytes:
    """The EXIF block with another value of its orientation tag; unchanged if it has no such tag.

    Raises ``InvalidOption`` unless ``orientation`` is 1..8.

    >>> block = bytes.fromhex("4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000")
    >>> read_orientation(set_orientation(block, 1))
    1
    """
    if not 1 <= orientation <= 8:
        raise InvalidOption(f"orientation {orientation}; EXIF knows 1 to 8")
    entry = _find_orientation(exif)
    if entry is None:
        return exif
    offset, order = entry
    return exif[:offset] + struct.pack(order + "H", orientation) + exif[offset + 2 :]


def turn(metadata: Metadata, applied: int) -> Metadata:
    """The metadata of pixels to which the orientation ``applied`` (2..8) was applied.

    The orientation in EXIF and XMP is 1; sizes and densities are exchanged in both where the axes are.
    """
    exif, xmp, density = metadata.exif, metadata.xmp, metadata.density
    if xmp:
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    if applied >= 5:
        xmp = _XMP_AXES.sub(lambda found: re.sub(rb"Width|Length|X|Y", _other_axis, found[0]), xmp) if xmp else xmp
        density = density and (density[1], density[0], density[2])
    return replace(metadata, exif=turn_exif(exif, applied) if exif else exif, xmp=xmp, density=density, orientation=1)


def _other_axis(name: re.Match[bytes]) -> bytes:
    return _OTHER_AXIS[name[0]]


def enlarge(metadata: Metadata, factor: int) -> Metadata:
    """The metadata of pixels that were enlarged by a factor: the sizes in EXIF and XMP are those of the result."""
    exif, xmp = metadata.exif, metadata.xmp
    return replace(
        metadata,
        exif=scale_exif(exif, factor) if exif else exif,
        xmp=_XMP_SIZE.sub(lambda found: b"%b%d" % (found[1], int(found[2]) * factor), xmp) if xmp else xmp,
    )


def state_srgb(metadata: Metadata) -> Metadata:
    """The metadata of pixels that were converted to sRGB: without a profile, and EXIF and XMP name no other colours."""
    exif, xmp = metadata.exif, metadata.xmp
    if xmp:
        xmp = _XMP_PROFILE.sub(rb"\g<1>sRGB IEC61966-2.1", _XMP_COLOURS.sub(rb"\g<1>1", xmp))
    return replace(metadata, icc=None, exif=_state_srgb(exif) if exif else exif, xmp=xmp)


def _state_srgb(exif: bytes) -> bytes:
    block = bytearray(exif)
    if (order := byte_order(exif)) is None:
        return exif
    inner = _directories(exif, order)[2]
    if (place := inner.get(_COLOURS)) and struct.unpack_from(order + "HI", exif, place + 2) == (_SHORT, 1):
        struct.pack_into(order + "H", block, place + 8, 1)
    if place := _find_adobe_rgb(exif, order):
        block[place : place + 3] = b"R98"
    return bytes(block)


def states_adobe_rgb(exif: bytes | None) -> bool:
    """Whether an EXIF block states Adobe RGB, as a camera does that is set to it, by DCF 2.0."""
    order = byte_order(exif) if exif else None
    return bool(exif and order and _find_adobe_rgb(exif, order))


def _find_adobe_rgb(exif: bytes, order: str) -> int | None:
    """Offset of the text that states it, in the directory of interoperability."""
    pointer = _directories(exif, order)[2].get(_INTEROPERABILITY)
    start = int(struct.unpack_from(order + "I", exif, pointer + 8)[0]) if pointer else len(exif)
    place = dict(_entries(exif, start, order)).get(1)
    return place + 8 if place and exif[place + 8 : place + 11] == b"R03" else None


def turn_exif(exif: bytes, applied: int) -> bytes:
    """The EXIF block of pixels to which the orientation ``applied`` was applied, in as many bytes.

    Its orientation is 1, its sizes and densities are exchanged where the axes are, and nothing leads to its thumbnail,
    which lies as the pixels did.
    """
    block = bytearray(set_orientation(exif, 1))
    if (order := byte_order(exif)) is None:
        return bytes(block)
    first, entries, inner = _directories(exif, order)
    if applied >= 5:
        for tags, (across, down) in ((entries, _SIZE), (entries, _DENSITY), (inner, _EXIF_SIZE)):
            if across in tags and down in tags:
                one, other = (slice(tags[tag] + 2, tags[tag] + 12) for tag in (across, down))
                block[one], block[other] = block[other], block[one]
    if entries:
        end = first + 2 + 12 * int(struct.unpack_from(order + "H", exif, first)[0])
        block[end : end + 4] = bytes(len(block[end : end + 4]))
    return bytes(block)


def scale_exif(exif: bytes, factor: int) -> bytes:
    """The EXIF block of pixels that were enlarged by a factor, in as many bytes: its sizes are those of the result."""
    block = bytearray(exif)
    if (order := byte_order(exif)) is None:
        return exif
    _, entries, inner = _directories(exif, order)
    for place in [tags[tag] for tags, names in ((entries, _SIZE), (inner, _EXIF_SIZE)) for tag in names if tag in tags]:
        kind, count = struct.unpack_from(order + "HI", exif, place + 2)
        if kind in (_SHORT, _LONG) and count == 1:
            (size,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), exif, place + 8)
            struct.pack_into(order + "HII", block, place + 2, _LONG, 1, min(size * factor, 0xFFFFFFFF))
    return bytes(block)


def _directories(exif: bytes, order: str) -> tuple[int, dict[int, int], dict[int, int]]:
    """Offset of the first directory, and the offset of each entry by its tag in that one and in EXIF's own."""
    first = int(struct.unpack_from(order + "I", exif, 4)[0])
    entries, inner = dict(_entries(exif, first, order)), {}
    if pointer := entries.get(_EXIF_POINTER):
        inner = dict(_entries(exif, int(struct.unpack_from(order + "I", exif, pointer + 8)[0]), order))
    return first, entries, inner


def byte_order(exif: bytes) -> str | None:
    """In the notation of ``struct``; None if it is no TIFF structure."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4]) if len(exif) >= 8 else None


def _entries(exif: bytes, start: int, order: str) -> Iterator[tuple[int, int]]:
    """Tag and offset of each entry of a directory that lies in the block."""
    if start + 2 > len(exif):
        return
    count = int(struct.unpack_from(order + "H", exif, start)[0])
    for entry in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        yield int(struct.unpack_from(order + "H", exif, entry)[0]), entry


def _find_orientation(exif: bytes) -> tuple[int, str] | None:
    """Offset of the orientation's value in the first directory, and the byte order in the notation of ``struct``."""
    if (order := byte_order(exif)) is None:
        return None
    for tag, entry in _entries(exif, int(struct.unpack_from(order + "I", exif, 4)[0]), order):
        if tag == _ORIENTATION_TAG:
            kind, values = struct.unpack_from(order + "HI", exif, entry + 2)
            return (entry + 8, order) if kind == _SHORT and values >= 1 else None
    return None
