"""What of the metadata is left out on request, and the conversion to sRGB."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import Metadata
from jpegmend.writing.depth import to_bits

STRIPS = ("notes", "gps", "all")
"""``notes``: EXIF, XMP, comments and density, the ICC profile stays; ``gps``: the position alone; ``all``: everything,
after conversion to sRGB."""

LARGEST_XMP = 65_535
"""Bytes of an XMP packet that is searched: the search may take their square."""
_GPS_POINTER = 0x8825
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_XMP_GPS = re.compile(
    rb"\s+exif:GPS\w+\s*=\s*(?:\"[^\"]*\"|'[^']*')|<exif:(GPS\w+)(?:\s[^<>]*)?(?:/>|(?<!/)>.*?</exif:\1\s*>)", re.DOTALL
)


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
    return Metadata(icc=metadata.icc if what == "notes" else None, orientation=metadata.orientation), ()


def _strip_position(metadata: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    left_out, exif, extended = [], metadata.exif, metadata.extended_xmp
    if exif:
        try:
            exif = remove_position(exif)
        except (struct.error, ValueError):
            exif = None
            left_out.append("the EXIF, which is damaged: a position in it could not be found")
    if extended and b"exif:GPS" in extended:
        extended = None  # the main packet names it by its length and hash: it cannot be changed
        left_out.append("the extended part of its XMP, which holds a position")
    xmp = metadata.xmp
    if xmp and b"exif:GPS" in xmp:
        xmp = _XMP_GPS.sub(b"", xmp) if len(xmp) <= LARGEST_XMP else None
        if xmp is None or b"exif:GPS" in xmp:
            xmp = None
            left_out.append("the XMP: the position in it could not be taken out alone")
    return replace(metadata, exif=exif, xmp=xmp, extended_xmp=extended), tuple(left_out)


def remove_position(exif: bytes) -> bytes:
    """An EXIF block (TIFF structure) of the same length without its GPS directory (EXIF 2.3, 4.6.3, tag 0x8825).

    The directory and its values become zeros, its pointer leaves the first directory, and nothing else moves.

    Raises:
        ValueError: the block has no byte order, or a directory lies outside it.
        struct.error: a directory ends outside the block.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("no TIFF structure")
    block = bytearray(exif)
    start = struct.unpack_from(order + "I", block, 4)[0]
    entries = _entries(block, start, order)
    pointers = [at for at, tag in entries if tag == _GPS_POINTER]
    for at in pointers:
        _blank(block, struct.unpack_from(order + "I", block, at + 8)[0], order)
    for at in reversed(pointers):
        end = start + 2 + 12 * len(entries) + 4  # with the offset of the next directory
        struct.pack_into(order + "H", block, start, len(entries) - 1)
        block[at:end] = block[at + 12 : end] + bytes(12)
        entries.pop()
    return bytes(block)


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
        kind, count, place = struct.unpack_from(order + "HII", block, at + 2)
        size = _TYPE_BYTES.get(kind, 0) * count
        if size > 4:
            if place < 8 or place + size > len(block):
                raise ValueError("a value lies outside the block")
            block[place : place + size] = bytes(size)
    size = 2 + 12 * len(entries) + 4
    block[start : start + size] = bytes(size)


def to_srgb(pixels: NDArray[Any], metadata: Metadata) -> tuple[NDArray[Any], Metadata, tuple[str, ...]]:
    """Pixels in sRGB, the metadata without the profile, and what was lost, in words. Alpha stays as it is.

    The conversion is Little CMS's, through Pillow, with the perceptual intent and 8 bits a sample. Pixels of a profile
    that is sRGB itself, or of none, stay as they are. A profile that cannot be used is dropped, which is told.
    """
    bare = replace(metadata, icc=None)
    if not metadata.icc:
        return pixels, bare, ()
    from PIL import ImageCms

    mode = "L" if pixels.ndim == 2 else "RGB"
    try:
        transform: Any = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(metadata.icc)), ImageCms.createProfile("sRGB"), mode, "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return pixels, bare, ("the ICC profile, which could not be used: colours are taken as sRGB",)
    if _changes_nothing(transform, mode):
        return pixels, bare, ()
    colours = to_bits(pixels if pixels.ndim == 2 else pixels[..., :3], 8)
    shown = to_bits(_convert(colours, transform), pixels.itemsize * 8)
    if pixels.ndim == 2:
        shown = shown[..., 1]
    elif pixels.shape[2] == 4:
        shown = np.concatenate([shown, pixels[..., 3:]], 2)
    lost = ("16 bits a sample: the conversion to sRGB has 8",) if pixels.itemsize == 2 else ()
    return np.ascontiguousarray(shown), bare, lost


def _convert(colours: NDArray[Any], transform: Any) -> NDArray[Any]:
    from PIL import Image, ImageCms

    return np.asarray(ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(colours)), transform))


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Whether no colour of a grid of 17 levels a channel moves by more than one level."""
    levels = np.linspace(0, 255, 17).astype(np.uint8)
    if mode == "L":
        colours = levels[None, :]
        return bool(np.abs(_convert(colours, transform).astype(int) - colours[..., None]).max() <= 1)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    return bool(np.abs(_convert(colours, transform).astype(int) - colours).max() <= 1)
