"""Samples of Pillow images as gray, RGB or RGBA of 8 or 16 bits.

It runs in the worker process, and in that of the caller for Pillow images that the caller has opened; it imports
no other part of this package than ``decoding``.

Pillow keeps only 8 of the 16 bits of colour samples, but has one unpacker for the first byte of each sample and
another for the second. Decoding once with each gives all 16 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from jpegmend.decoding import tiff_pages
from jpegmend.decoding.picture_metadata import ORIENTATION
from jpegmend.decoding.profiles import describe_ink, make_transform

_BAND_BYTES = 1 << 22
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _PLANAR = 256, 257, 258, 262, 284
_SAMPLE_FORMAT, _SIGNED = 339, 2
_WHITE_IS_ZERO = 0
_GRAY_BITS = {"1": 1, "L;2": 2, "L;4": 4}
"""Bits a sample by Pillow's unpackers that widen samples to 8."""
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""For each byte order in Pillow's unpacker names, the one that takes the other byte of each sample."""


class FormError(Exception):
    """The picture has samples of an unsupported kind."""

    reason = "unsupported"


class Samples(NamedTuple):
    """Samples of a decoded picture."""

    bands: Iterator[Any]
    """Its rows from top to bottom in bands, ``[h, W]`` or ``[h, W, C]``, uint8 or uint16."""
    shape: tuple[int, ...]
    dtype: str
    warnings: tuple[str, ...] = ()


def to_samples(image: Image.Image) -> Samples:
    """The samples of a Pillow image as gray, RGB or RGBA: uint16 for 16-bit gray, else uint8.

    Raises ``FormError`` for modes that have no such form.
    """
    read_turned(image)
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    if tags.get(_BITS) == (8,) and _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise FormError("signed 8-bit samples (SampleFormat 2 of a TIFF); save it as unsigned 8-bit or 16-bit ones")
    key = _transparent(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        deep = (_with_transparency(_as_shown(_sixteen(band), tags), key) for band in _bands(image))
        return Samples(deep, _shape(image, 1 if key is None else 4), "uint16")
    narrowed = ";16" in _raw_mode(image) or _peak_of_pnm(image) > 255
    depth = 16 if narrowed else int(image.info.get("bit_depth", 8))  # that of HEIC and AVIF
    lost: tuple[str, ...] = (f"{depth}-bit samples of this kind are read with 8 bits",) if depth > 8 else ()
    if image.mode == "CMYK":
        image, said = _from_ink(image)
        lost += (said,)
    plain = _to_plain(image, key)
    return Samples(_bands(plain), _shape(plain, len(plain.getbands())), "uint8", lost)


def read_turned(image: Image.Image) -> None:
    """Have Pillow decode a TIFF whose orientation swaps rows and columns, before its pixels are used.

    Pillow maps plain samples of a file into memory instead, at the size after turning: rows of a wrong length.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(ORIENTATION) in range(5, 9):
        image.filename = ""  # without a name nothing is mapped


def take_orientation(image: Any) -> int | None:
    """The orientation 2..8 of a TIFF that is not decoded yet, taken out so that Pillow decodes it as stored, else None.

    Pillow would turn the pixels, also where they are to stay as stored, but neither density nor the sizes in EXIF.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    exif = image.getexif()
    orientation: Any = exif.get(ORIENTATION)
    if orientation not in range(2, 9):
        return None
    exif[ORIENTATION] = 1  # without the tag Pillow takes that of the XMP
    if ORIENTATION in image.tag_v2:
        del image.tag_v2[ORIENTATION]
    image._size = int(image.tag_v2[_WIDTH]), int(image.tag_v2[_LENGTH])
    return int(orientation)


def _transparent(image: Image.Image) -> Any:
    """The sample or colour that is transparent (tRNS chunk of a PNG) in the range of Pillow's samples; else None."""
    key = image.info.get("transparency")
    if image.mode not in ("1", "L") or not isinstance(key, int):
        return key
    most = (1 << _GRAY_BITS.get("1" if image.mode == "1" else _raw_mode(image), 8)) - 1
    return (key & most) * 255 // most


def _from_ink(image: Image.Image) -> tuple[Image.Image, str]:
    """A CMYK picture in RGB, by its ICC profile if it has one, and how it was converted, in words."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    transform = make_transform(profile, "CMYK") if profile else None
    shown = image.convert("RGB") if transform is None else ImageCms.applyTransform(image, transform)
    assert shown is not None  # None is the answer of a transform in place
    return shown, describe_ink(profile, transform)


def _to_plain(image: Image.Image, key: Any) -> Image.Image:
    if image.mode == "L" and key is None:
        return image
    if image.mode in ("1", "L"):
        gray = image.convert("L")
        # Transparency by one colour, as PNG has it without an alpha channel.
        gray.info["transparency"] = key
        return gray if key is None else gray.convert("RGBA")
    if image.mode in ("RGB", "RGBA"):
        return image.convert("RGBA") if key is not None and image.mode != "RGBA" else image
    if image.mode in ("LA", "La", "PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB" if key is None else "RGBA")
    if image.mode in ("YCbCr", "RGBX", "HSV", "LAB"):
        return image.convert("RGB")
    raise FormError(f"samples of mode {image.mode!r}; 8-bit and 16-bit gray, RGB, RGBA, palette and CMYK are read")


def _as_shown(values: Any, tags: Any) -> Any:
    """16-bit gray of a TIFF over the whole range, 0 black: Pillow widens no 12 bits and leaves white at 0."""
    if tags.get(_BITS) == (12,):
        values = values << 4 | values >> 8
    return 65535 - values if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else values


def _sixteen(values: Any) -> Any:
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise FormError("integer samples outside 0..65535; 8-bit and 16-bit samples are read")
    return values.astype(np.uint16, copy=False)


def read_deep(image: Any, source: str) -> Samples | None:
    """All 16 bits of a colour picture; None where it has 8, or is of a kind that ``to_samples`` reads."""
    if (peak := _peak_of_pnm(image)) > 255 and image.tile[0].codec_name == "ppm":
        return _read_colour_pnm(image, source, peak)
    if image.format == "PNG" and image.tell():
        return None  # a frame of an animation, which Pillow composes from those before it
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(_PLANAR) == 2:
        return _read_planes(image, source)
    kind, _, order = _raw_mode(image).partition(";16")
    if kind == "LA" and order:  # four bytes a pixel, which are taken as four samples
        again = _reopen(image, source, lambda mode: "RGBA")
        return Samples(map(_gray_with_alpha, _bands(again)), _shape(image, 4), "uint16")
    if kind not in ("RGB", "RGBA") or order not in _OTHER_BYTE:
        return None
    key = image.info.get("transparency") if kind == "RGB" else None
    return _join_bytes(image, _reopen(image, source, lambda mode: f"{kind};16{_OTHER_BYTE[order]}"), key)


def _read_planes(image: Any, source: str) -> Samples | None:
    """16-bit RGB or RGBA of a TIFF with a plane for each colour; None for what Pillow reads right, with 8 bits.

    Without compression Pillow takes each byte for a sample.
    """
    if set(image.tag_v2.get(_BITS, ())) != {16} or image.tile[0].codec_name != "raw":
        return None
    if image.mode not in ("RGB", "RGBA"):
        raise FormError(f"16-bit samples of mode {image.mode!r} in planes; RGB and RGBA are read, or save it in pixels")
    order = "L" if image.tag_v2.prefix == b"II" else "B"
    image.tile = _with_raw_modes(image.tile, lambda colour: f"{colour};16{order}")
    return _join_bytes(image, _reopen(image, source, lambda colour: f"{colour};16{_OTHER_BYTE[order]}"), None)


def _join_bytes(high: Any, low: Image.Image, key: Any) -> Samples:
    """16-bit samples of two images of 8 bits, RGB or RGBA; ``key`` is the transparent colour, or None."""
    pairs = zip(_bands(high), _bands(low), strict=True)
    deep = (_with_transparency(first.astype(np.uint16) << 8 | second, key) for first, second in pairs)
    return Samples(deep, _shape(high, 4 if key is not None else len(high.mode)), "uint16")


def _peak_of_pnm(image: Any) -> int:
    """The value of white in a PNM of RGB, which Pillow scales to 255; 0 for other pictures."""
    tiles = getattr(image, "tile", None)
    return int(tiles[0].args[1]) if tiles and image.mode == "RGB" and tiles[0].codec_name.startswith("ppm") else 0


def _read_colour_pnm(image: Any, source: str, peak: int) -> Samples:
    """RGB of two bytes a sample, the first the higher one, scaled to 65535."""
    height, width = image.height, image.width
    stored = np.memmap(source, ">u2", "r", image.tile[0].offset, (height, width, 3))
    rows = max(1, _BAND_BYTES // (8 * width))
    bands = (np.minimum(stored[top : top + rows].astype(np.uint32), peak) for top in range(0, height, rows))
    deep = (((band * 65535 + peak // 2) // peak).astype(np.uint16) for band in bands)
    return Samples(deep, (height, width, 3), "uint16")


def _raw_mode(image: Any) -> str:
    """Pillow's name of the sample layout in the file; empty for an image that is decoded already."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _reopen(image: Any, source: str, change: Callable[[str], str]) -> Image.Image:
    """The same page of the file, decoded with others of Pillow's unpackers; ``change`` gives one for each it takes."""
    tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
    with (
        tiff_pages.open_page(source, image.tag_v2.offset) if tiff else open(source, "rb") as stream,
        Image.open(stream, formats=[image.format]) as again,
    ):
        take_orientation(again)
        again.tile = _with_raw_modes(again.tile, change)
        again.load()
        return again


def _with_raw_modes(tiles: Sequence[Any], change: Callable[[str], str]) -> list[Any]:
    """Pillow's tiles with other unpackers."""
    return [
        tile._replace(
            args=(change(tile.args[0]), *tile.args[1:]) if isinstance(tile.args, tuple) else change(tile.args)
        )
        for tile in tiles
    ]


def _gray_with_alpha(band: Any) -> Any:
    """RGBA of 16 bits from the four bytes of 16-bit gray and alpha."""
    both = band[..., 0::2].astype(np.uint16) << 8 | band[..., 1::2]
    return both[..., [0, 0, 0, 1]]


def _with_transparency(values: Any, key: Any) -> Any:
    """RGBA in which the colour ``key`` (tRNS chunk of a PNG) is transparent; unchanged if ``key`` is None."""
    if key is None:
        return values
    colours = values if values.ndim == 3 else values[..., None].repeat(3, 2)
    opaque = (colours != np.array(key)).any(2, keepdims=True)
    return np.concatenate([colours, np.where(opaque, 65535, 0).astype(np.uint16)], 2)


def _bands(image: Image.Image) -> Iterator[Any]:
    image.load()
    rows = max(1, _BAND_BYTES // max(1, 4 * image.width))
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


def _shape(image: Image.Image, channels: int) -> tuple[int, ...]:
    image.load()  # may apply the orientation
    return (image.height, image.width) if channels == 1 else (image.height, image.width, channels)
