"""Decoding of every format other than JPEG by Pillow and its plugins, with 8 or 16 bits a sample, and metadata.

It runs in the worker process and imports no other part of this package than ``decoding``.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from jpegmend.decoding import plugins, png_chunks, tiff_jpeg, tiff_pages
from jpegmend.decoding.picture_metadata import read_metadata
from jpegmend.decoding.samples import FormError, read_deep, take_orientation, to_samples

PILLOW_FORMATS = {
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "gif": "GIF",
    "pnm": "PPM",
    "avif": "AVIF",
    "heic": "HEIF",
}
"""Readable formats, with Pillow's names for them."""
_SUBFILE, _SUB_IFDS, _DNG, _REDUCED, _EXTRA_SAMPLES = 254, 330, 50706, 1, 338
"""Tags of a TIFF: kind of a page, with the bit for a reduced picture; places of more pictures; version of DNG; samples
of a pixel beyond its colour."""
_ANIMATED = ("gif", "png", "webp", "avif")
"""Formats whose pages are frames that are drawn over each other."""


class _NoPage(Exception):
    """The file has no page of that number."""

    reason = "page"


def decode(
    format: str,
    source: str,
    out: IO[bytes],
    limit: Callable[..., None],
    page: int = 1,
    left_open: MutableMapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Decode a picture of the file ``source`` and write its samples to ``out``; returns an answer of ``worker.py``.

    Of a TIFF page with JPEG data the DCT levels are written instead, and ``facts["levels"]`` describes them. ``limit``
    is called with the number of pixels before decoding. ``page`` counts from 1. ``left_open`` takes an animation by its
    path, for later calls, which then decode no frame again.
    """
    left_open = {} if left_open is None else left_open
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked right after the header is read
    warnings.simplefilter("ignore")
    module = plugins.load(format)
    if format == "jpeg xl":
        _check_page(page, 1)
        return _decode_jxl(module, source, out, limit)
    # Opening a file in Pillow decodes nothing, but allocates the picture if it is a WebP.
    limit(**_webp_size(source) if format == "webp" else {"pixels": 0})
    with contextlib.ExitStack() as files:
        chain = tiff_pages.find_pages(source) if format == "tiff" else tiff_pages.Chain((), True)
        files.push(_noting(len(chain.offsets) or 1))
        frames = page if format in _ANIMATED else 1  # those before it are decoded too; all have one size
        if len(chain.offsets) > 1 and page > 1:
            image, pages = _open_tiff(source, page, chain, files), len(chain.offsets)
        else:
            image = files.enter_context(_open(format, source, page, left_open))
            _refuse_raw(image)
            pages = len(chain.offsets) or getattr(image, "n_frames", 1)
            files.push(_noting(pages))
            _check_page(page, pages)
        if frames > 1:
            _limit_to_size(image, limit, frames)
        if page > 1 and not chain.offsets:
            # The primary picture of a HEIC, at which it is opened, is page 1; those before it follow.
            image.seek(page - 2 if format == "heic" and page - 2 < image.tell() else page - 1)
        orientation = take_orientation(image)
        _limit_to_size(image, limit, frames)
        found = (levels := _decode_levels(image, source, out)) or _decode_samples(image, source, out)
        facts, left_out = read_metadata(image, ink=levels is not None)
        facts["orientation"] = orientation or facts["orientation"]
        if page == 1 and not chain.whole:
            left_out.append(f"the list of pages breaks off after page {pages}; the file may be cut short")
        if 1 < frames < pages:
            left_open[source] = image
            files.pop_all()
    return {
        "arrays": found["arrays"],
        "facts": {**facts, **found["facts"], "pages": pages, "warnings": [*found["warnings"], *left_out]},
    }


def _noting(pages: int) -> Callable[..., None]:
    """For ``ExitStack.push``: an exception gets the number of pages, so that others can be tried."""

    def note(kind: Any, error: Any, trace: Any) -> None:
        if error is not None and not hasattr(error, "pages"):
            error.pages = pages

    return note


def _open_tiff(source: str, page: int, chain: tiff_pages.Chain, files: contextlib.ExitStack) -> Any:
    """A page of a TIFF after the first, which may be damaged itself."""
    _check_page(page, len(chain.offsets))
    _refuse_high_byte_first(source)
    with contextlib.suppress(OSError), Image.open(source, formats=["TIFF"]) as first:
        _refuse_raw(first)
    stream = files.enter_context(tiff_pages.open_page(source, chain.offsets[page - 1]))
    return files.enter_context(Image.open(stream, formats=["TIFF"]))


def _open(format: str, source: str, page: int, left_open: MutableMapping[str, Any]) -> Any:
    """The file at its first picture, or an animation that was left open at an earlier frame than this page."""
    image = left_open.pop(source, None)
    if image is not None and image.tell() < page - 1:
        return image
    # An animation that may be left open is read from memory, because its file is removed meanwhile.
    file = io.BytesIO(Path(source).read_bytes()) if page > 1 and format in _ANIMATED else source
    try:
        image = Image.open(file, formats=[PILLOW_FORMATS[format]])
    except UnidentifiedImageError:
        if format == "tiff":
            _refuse_unknown_layout(source)
        raise
    if format == "avif":
        image.info.update(_avif_facts(source))
    if format == "png" and (colours := png_chunks.read_colours(source)):
        image.info["nclx_profile"] = colours
    return image


def _refuse_unknown_layout(source: str) -> None:
    """Refuse a TIFF of a kind that Pillow does not know, which it calls damaged like one with a broken header."""
    _refuse_high_byte_first(source)
    try:
        TiffImagePlugin.TiffImageFile(source).close()
    except Exception as error:  # of a broken header: one of many
        if "unknown pixel mode" in str(error):
            layout = "a layout of samples that is not read; save it as 8-bit or 16-bit gray, RGB or RGBA"
            raise FormError(layout) from error
        code = getattr(error.__cause__, "args", (None,))[0]
        if isinstance(error.__cause__, KeyError) and isinstance(code, int) and not 254 <= code < 1 << 15:  # no tag's
            raise FormError(f"its compression, {code}, is not read; save it with LZW or Deflate, or without") from error


def _refuse_high_byte_first(source: str) -> None:
    """Refuse a BigTIFF of the byte order that Pillow does not read."""
    with open(source, "rb") as file:
        if file.read(4) == b"MM\0+":
            raise FormError("a BigTIFF with the high byte of its numbers first; save it with the low byte first")


def _refuse_raw(image: Any) -> None:
    """Refuse camera raw files in the form of TIFF (DNG, NEF, ARW, ...), of which only a preview would be read."""
    tags = getattr(image, "tag_v2", {})
    if _DNG in tags or (int(tags.get(_SUBFILE, 0)) & _REDUCED and _SUB_IFDS in tags):
        raise FormError("a camera raw file, of which only a preview could be read; develop it to a TIFF or PNG first")


def _limit_to_size(image: Any, limit: Callable[..., None], frames: int) -> None:
    width, height = image.size
    limit(pixels=width * height, width=width, height=height, frames=frames)


def _check_page(page: int, pages: int) -> None:
    if page > pages:
        raise _NoPage(f"page={page}: the file has {pages} page{'s' * (pages != 1)}; there is no page {page}")


def _decode_jxl(module: Any, source: str, out: IO[bytes], limit: Callable[..., None]) -> dict[str, Any]:
    """The picture of a JPEG XL file, or the bytes of the JPEG file that it holds, as ``facts["file"]`` says."""
    limit(pixels=0)
    header = plugins.read_jxl_header(source)
    limit(pixels=header.width * header.height, width=header.width, height=header.height)
    jpeg, image = plugins.decode_jxl(module, source)
    if image is None:
        out.write(jpeg)
        return {"arrays": [["uint8", [len(jpeg)]]], "facts": {"file": "jpeg"}}
    image.info["bit_depth"] = header.bits
    found = _decode_samples(image, source, out)
    facts, left_out = read_metadata(image)
    if header.animated:
        left_out.append("of this animation the last frame alone can be read")
    facts |= {"orientation": 1, "pages": 1, "tables": [], "warnings": [*found["warnings"], *left_out]}
    return {"arrays": found["arrays"], "facts": facts}


def _decode_levels(image: Any, source: str, out: IO[bytes]) -> dict[str, Any] | None:
    """The DCT levels of a TIFF page with JPEG data; None for every other picture."""
    colour = tiff_jpeg.colour_of(image)
    if colour is None:
        return None
    try:
        arrays, facts = tiff_jpeg.read_levels(image, source, out)
    except (ValueError, KeyError, TypeError, IndexError):
        out.seek(0)
        out.truncate(0)
        return None
    return {"arrays": arrays, "facts": {"levels": {**facts, "colour": colour}}, "warnings": []}


def _decode_samples(image: Any, source: str, out: IO[bytes]) -> dict[str, Any]:
    tables = _tables_of(image, source)
    by_libtiff = image.format == "TIFF" and image.tile[0].codec_name == "libtiff"
    if by_libtiff and image.tag_v2.offset >= 1 << 32:
        raise FormError("a compressed page whose directory lies beyond 4 GiB; split the file, as tiffsplit does")
    extra = len(image.tag_v2.get(_EXTRA_SAMPLES, ())) if image.format == "TIFF" else 0
    samples = read_deep(image, source) or to_samples(image)
    for band in samples.bands:
        out.write(np.ascontiguousarray(band).data)
    lost = extra - (samples.shape[2:] == (4,))
    beyond = (f"channels of the TIFF beyond colour and transparency are left out: {lost}",) if lost > 0 else ()
    comments = png_chunks.count_comments(source) if image.format == "PNG" else 0
    several = (f"of the {comments} comments of the PNG one is kept",) if comments > 1 else ()
    if by_libtiff and image.getbbox(alpha_only=False) is None:
        _refuse_unread(image, source)
    return {
        "arrays": [[samples.dtype, samples.shape]],
        "facts": {"tables": tables},
        "warnings": [*samples.warnings, *beyond, *several],
    }


def _refuse_unread(image: Any, source: str) -> None:
    """Refuse a page whose directory libtiff does not read: Pillow gives black for it, without an error."""
    with (
        tiff_pages.open_page(source, image.tag_v2.offset) as stream,
        Image.open(stream, formats=["TIFF"]) as again,
    ):
        take_orientation(again)
        bands = len(again.getbands())
        again.im = Image.new(again.mode, again.size, (255,) * bands if bands > 1 else 255).im
        again.load()
        if again.getbbox(alpha_only=False) is not None:  # what was there before was not written over
            raise plugins.BrokenFile("the directory of this page cannot be read; the file is cut short or damaged")


def _tables_of(image: Any, source: str) -> list[list[int]]:
    """Quantisation tables of a TIFF page with JPEG data whose levels cannot be put together; [] for other pictures."""
    if image.format != "TIFF" or tiff_jpeg.colour_of(image) not in ("gray", "ycbcr"):
        return []
    try:
        return tiff_jpeg.read_tables(image, source)
    except (ValueError, KeyError, TypeError, IndexError):
        return []


def _avif_facts(source: str) -> dict[str, Any]:
    """Bits a sample of an AVIF file (AV1-ISOBMFF, 2.3.3) and the numbers of its colours, named as by the HEIC plugin.

    They are those of the first boxes of their kind near its start; 8 bits where there is none.
    """
    with open(source, "rb") as file:
        start = file.read(1 << 16)
    high, twelve = (start.partition(b"av1C")[2].ljust(3, b"\0")[2] & bit for bit in (0x40, 0x20))
    found: dict[str, Any] = {"bit_depth": 8 if not high else 12 if twelve else 10}
    if len(colours := start.partition(b"colrnclx")[2][:4]) == 4:
        primaries, transfer = struct.unpack(">HH", colours)
        found["nclx_profile"] = {"color_primaries": primaries, "transfer_characteristics": transfer}
    return found


def _webp_size(source: str) -> dict[str, int]:
    """Pixels, width and height in the first chunk of a WebP file (RFC 9649, sections 2.5 to 2.7); 0 if it has none."""
    with open(source, "rb") as file:
        start = file.read(30).ljust(30, b"\0")
    width, height = 0, 0
    if start[12:16] == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
    elif start[12:16] == b"VP8L":
        packed = int.from_bytes(start[21:25], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif start[12:16] == b"VP8 ":
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return {"pixels": width * height, "width": width, "height": height}
