"""TIFF, by tifffile: 8 or 16 bits a sample, compressed without loss.

Of EXIF it keeps the texts that are tags of TIFF itself; a whole EXIF directory would have to be laid out anew.
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from numpy.typing import NDArray
from PIL import Image

from jpegmend.errors import OutputError
from jpegmend.jpeg import Metadata, decode_text

_ICC, _XMP, _DESCRIPTION, _ORIENTATION = 34675, 700, 270, 274
_UNDEFINED, _BYTE, _ASCII, _SHORT = 7, 1, 2, 3
_TEXTS = {_DESCRIPTION: "description", 271: "make", 272: "model", 306: "date", 315: "artist", 33432: "copyright"}
"""Texts of EXIF's first directory that TIFF has under the same numbers."""
_STRIP_BYTES = 1 << 20
_CLASSIC_BYTES = 2**32 - 2**25
"""Bytes of pixels from which the 64-bit form of TIFF is written, as tifffile does."""
_LATER = 3
"""How much larger than the first the later pages may be, of which nothing is known yet: colour after a gray one."""


class Page(NamedTuple):
    """One page to write."""

    pixels: NDArray[Any]
    """``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, uint8 or uint16."""
    metadata: Metadata
    comment: str


def write(stream: BinaryIO, pages: Iterator[Page], count: int) -> tuple[str, ...]:
    """Write ``count`` pages one after the other, as they are; returns descriptions of the metadata left out."""
    import tifffile

    direct = _takes_tifffile(stream)
    file = stream if direct else io.BytesIO()
    left_out: list[str] = []
    first = next(pages)
    size = first.pixels.nbytes * (1 if count == 1 else _LATER * count)
    with tifffile.TiffWriter(file, bigtiff=size > _CLASSIC_BYTES) as writer:
        for page in itertools.chain([first], pages):
            left_out += _write_page(writer, page)
    if isinstance(file, io.BytesIO) and not direct:
        stream.write(file.getbuffer())
    return tuple(dict.fromkeys(left_out))


def _takes_tifffile(stream: BinaryIO) -> bool:
    """Whether tifffile can write to a stream itself: it moves back in it to fill in offsets.

    A pipe cannot, nor can a compressed file, though that says it can; a file opened for appending writes at its end
    all the same. tifffile takes the name of a stream for a path, which that of an opened file descriptor is not.
    """
    file = getattr(stream, "file", stream)  # a temporary file of Python has the file inside
    if not isinstance(file, (io.BytesIO, io.BufferedWriter, io.BufferedRandom)) or not file.seekable():
        return False
    return isinstance(getattr(stream, "name", ""), str) and "a" not in str(getattr(stream, "mode", ""))


def _write_page(writer: Any, page: Page) -> tuple[str, ...]:
    pixels, metadata, comment = page
    tags, left_out = _gather_tags(metadata, comment)
    options: dict[str, Any] = {}
    if metadata.density:
        x, y, unit = metadata.density
        options["resolution"] = (x, y)
        options["resolutionunit"] = {"dpi": "INCH", "dpcm": "CENTIMETER", "aspect": "NONE"}[unit]
    try:
        writer.write(
            pixels,
            photometric="minisblack" if pixels.ndim == 2 else "rgb",
            extrasamples=["unassalpha"] if pixels.shape[2:] == (4,) else None,
            compression="zlib",
            predictor=True,
            rowsperstrip=max(1, _STRIP_BYTES // (pixels[0].size * pixels.itemsize)),
            metadata=None,
            software="jpegmend",
            extratags=tags,
            contiguous=False,
            **options,
        )
    except struct.error as error:  # an offset of more than 32 bits
        told = "the TIFF takes more than 4 GiB, more than was to be expected by its first page; write the pages apart"
        raise OutputError(told) from error
    return left_out


def _gather_tags(metadata: Metadata, comment: str) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
    """tifffile's extratags (number, type, count, value, once), and what has no place among them."""
    tags: list[tuple[Any, ...]] = []
    if metadata.icc:
        tags.append((_ICC, _UNDEFINED, len(metadata.icc), metadata.icc, True))
    if metadata.xmp:
        tags.append((_XMP, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.orientation != 1:
        tags.append((_ORIENTATION, _SHORT, 1, metadata.orientation, True))
    texts, whole = _read_texts(metadata.exif)
    if comment:
        texts[_DESCRIPTION] = f"{texts[_DESCRIPTION]}\n{comment}" if _DESCRIPTION in texts else comment
    # TIFF's texts are 7-bit; readers in use take UTF-8, as EXIF 3.0 does.
    encoded = {tag: text.replace("\0", "").encode() + b"\0" for tag, text in texts.items()}
    tags += [(tag, _ASCII, len(text), text, True) for tag, text in encoded.items()]
    left_out = [] if whole else [f"EXIF other than {', '.join(_TEXTS.values())} and orientation"]
    if metadata.extended_xmp:
        left_out.append("the extended part of its XMP")
    return tags, tuple(left_out)


def _read_texts(block: bytes | None) -> tuple[dict[int, str], bool]:
    """The texts of an EXIF block that TIFF can hold, and whether there is nothing else in it."""
    if not block:
        return {}, True
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow warns of a damaged block, or raises one of many errors
            exif.load(block)
            entries = dict(exif)
    except Exception:
        return {}, False  # a damaged EXIF block must not prevent writing the picture
    # Pillow decodes every text as Latin-1.
    texts = {
        tag: decode_text(text.encode("latin-1")) for tag in _TEXTS if isinstance(text := entries.get(tag), str) and text
    }
    known = {*_TEXTS, _ORIENTATION, 282, 283, 296, 305}  # density and program are written as tags of their own
    return texts, set(entries) <= known
