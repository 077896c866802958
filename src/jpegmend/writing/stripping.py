"""Removal of metadata on request: notes, the position, or everything."""

from __future__ import annotations

import contextlib
import re
import struct
from dataclasses import replace

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import Metadata, make_exif

STRIPS = ("notes", "gps", "all")
"""``notes``: EXIF, XMP, comments and density, the ICC profile stays; ``gps``: the position, and what may hold one;
``all``: everything, after conversion to sRGB. An orientation that the pixels still need stays."""

LARGEST_XMP = 65_535
"""Bytes of an XMP packet that is searched: the search may take their square."""
_GPS_POINTER, _EXIF_POINTER, _XMP = 0x8825, 0x8769, 700
_GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737, 50844)
"""Tags of a TIFF that place its pixels on the earth (GeoTIFF 1.1, annex D), and GDAL's for rational polynomials."""
_UNSURE = {0x927C: "the maker note of its EXIF", 42112: "the metadata of GDAL in its EXIF"}
"""Tags whose content may be a position, or have another form than is published."""
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_PLACE = rb"[\w.-]+:(?:GPS\w*|\w*latitude\w*|\w*longt?itude\w*|lat|long)"
"""Names of XMP properties of a position with any prefix: exif:GPSLatitude, drone-dji:GpsLongtitude, geo:lat."""
_XMP_GPS = re.compile(
    rb"\s+" + _PLACE + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    rb"|<(" + _PLACE + rb")(?=[\s/>])(?:\s[^<>]*)?(?:/>|(?<!/)>.*?</\1\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_XMP_PLACE = re.compile(rb":(?:GPS|\w*latitude|\w*longt?itude|(?:lat|long)\b)", re.IGNORECASE)


def strip(metadata: Metadata, what: bool | str) -> tuple[Metadata, tuple[str, ...]]:
    """Metadata without what is named (one of :data:`STRIPS`; True is ``notes``), and what else was left out, in words.

    Raises:
        InvalidOption: ``what`` is none of these.
    """
    what = "notes" if what is True else what
    if what is False:
        return metadata, ()
    if what not in STRIPS:
        raise InvalidOption(f"strip {what!r}; allowed: {', '.join(STRIPS)}")
    if what == "gps":
        return _strip_position(metadata)
    exif = None if metadata.orientation == 1 else make_exif(metadata.orientation)
    icc = metadata.icc if what == "notes" else None
    return Metadata(icc=icc, exif=exif, orientation=metadata.orientation), ()


def _strip_position(metadata: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    exif, extended = metadata.exif, metadata.extended_xmp
    left_out: list[str] = []
    if exif:
        try:
            exif, lost = remove_position(exif)
            left_out += lost
        except (struct.error, ValueError):
            exif = None
            left_out.append("the EXIF, which is damaged: a position in it could not be found")
    if extended and _has_position(extended):
        extended = None  # the main packet names it by its length and hash: it cannot be changed
        left_out.append("the extended part of its XMP, which holds a position")
    xmp = metadata.xmp
    if xmp and _has_position(xmp):
        xmp = _XMP_GPS.sub(b"", xmp) if len(xmp) <= LARGEST_XMP else None
        if xmp is None or _has_position(xmp):
            xmp = None
            left_out.append("the XMP: the position in it could not be taken out alone")
    return replace(metadata, exif=exif, xmp=xmp, extended_xmp=extended), tuple(left_out)


def _has_position(xmp: bytes) -> bool:
    """Whether an XMP packet, in any encoding of Unicode, names a property of a position."""
    return _XMP_PLACE.search(xmp.replace(b"\0", b"")) is not None


def remove_position(exif: bytes) -> tuple[bytes, tuple[str, ...]]:
    """An EXIF block (TIFF structure) of the same length without its GPS directory (EXIF 2.3, 4.6.3, tag 0x8825), and
    what else was left out, in words: a maker note (0x927C), whose form is not published, and, of a block that was made
    of the tags of a TIFF, GDAL's metadata and XMP with a position (700). Tags of GeoTIFF leave it too.

    They become zeros, their entries leave their directories, and nothing else moves.

    Raises:
        ValueError: the block has no byte order, or a directory lies outside it.
        struct.error: a directory ends outside the block.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("no TIFF structure")
    block = bytearray(exif)
    left_out: list[str] = []
    for place in _directories(block, order):
        for at in _find(block, place, _GPS_POINTER, order):
            _blank(block, _offset(block, at + 8, order), order)
        _remove(block, place, _GPS_POINTER, order)
        for tag in _GEOGRAPHIC:
            _take_out(block, place, tag, order)
        left_out += [
            f"{words}, which may hold a position"
            for tag, words in _UNSURE.items()
            if _take_out(block, place, tag, order)
        ]
        packets = _find(block, place, _XMP, order)
        if any(_has_position(bytes(block[_value(block, at, order)])) for at in packets):
            left_out.append("the XMP in its EXIF, which holds a position")
            _take_out(block, place, _XMP, order)
    return bytes(block), tuple(dict.fromkeys(left_out))


def _directories(block: bytearray, order: str) -> list[int]:
    """Offsets of the directories in which readers look for a position: of picture and thumbnail, and EXIF's own."""
    places = [_offset(block, 4, order)]
    thumbnail = _offset(block, places[0] + 2 + 12 * len(_entries(block, places[0], order)), order)
    with contextlib.suppress(ValueError, struct.error):  # one that no reader finds either
        places += [thumbnail] if thumbnail and _entries(block, thumbnail, order) else []
    return places + [
        _offset(block, at + 8, order) for place in places for at in _find(block, place, _EXIF_POINTER, order)
    ]


def _offset(block: bytearray, at: int, order: str) -> int:
    return int(struct.unpack_from(order + "I", block, at)[0])


def _find(block: bytearray, start: int, tag: int, order: str) -> list[int]:
    """Offsets of the entries of a directory that have this tag."""
    return [at for at, found in _entries(block, start, order) if found == tag]


def _take_out(block: bytearray, start: int, tag: int, order: str) -> bool:
    """Take the entries with this tag out of a directory, and fill their values with zeros; whether there were any."""
    found = _find(block, start, tag, order)
    for at in found:
        _blank_value(block, at, order)
    _remove(block, start, tag, order)
    return bool(found)


def _remove(block: bytearray, start: int, tag: int, order: str) -> None:
    """Take the entries with this tag out of a directory; the others move up."""
    entries = _entries(block, start, order)
    for at in reversed([at for at, found in entries if found == tag]):
        end = start + 2 + 12 * len(entries) + 4  # with the offset of the next directory
        struct.pack_into(order + "H", block, start, len(entries) - 1)
        block[at:end] = block[at + 12 : end] + bytes(12)
        entries.pop()


def _entries(block: bytearray, start: int, order: str) -> list[tuple[int, int]]:
    """Offset and tag of each entry of a directory."""
    count = struct.unpack_from(order + "H", block, start)[0]
    if start + 2 + 12 * count + 4 > len(block):
        raise ValueError("a directory ends outside the block")
    places = range(start + 2, start + 2 + 12 * count, 12)
    return [(at, struct.unpack_from(order + "H", block, at)[0]) for at in places]


def _blank(block: bytearray, start: int, order: str) -> None:
    """Fill a directory and the values that lie outside it with zeros."""
    entries = _entries(block, start, order)
    for at, _ in entries:
        _blank_value(block, at, order)
    size = 2 + 12 * len(entries) + 4
    block[start : start + size] = bytes(size)


def _blank_value(block: bytearray, at: int, order: str) -> None:
    """Fill the value of an entry with zeros where it lies outside the entry."""
    value = _value(block, at, order)
    block[value] = bytes(value.stop - value.start)


def _value(block: bytearray, at: int, order: str) -> slice:
    """Where the value of an entry lies outside the entry; nothing where it is of up to four bytes, in the entry."""
    kind, count, place = struct.unpack_from(order + "HII", block, at + 2)
    size = _TYPE_BYTES.get(kind, 0) * count
    if size <= 4:
        return slice(0, 0)
    if place < 8 or place + size > len(block):
        raise ValueError("a value lies outside the block")
    return slice(place, place + size)
