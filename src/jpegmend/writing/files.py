"""Pixels and metadata written as PNG, TIFF, WebP, JPEG, AVIF or JPEG XL.

Pixels are integers, 0..255 or 0..65535. Files are written atomically; an existing file is replaced only with
``overwrite``.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption, OutputError
from jpegmend.formats import WRITTEN, WRITTEN_SUFFIXES
from jpegmend.jpeg import Metadata, decode_text
from jpegmend.writing import lossy, marking, png, stripping, tiff
from jpegmend.writing.atomic import open_target
from jpegmend.writing.depth import to_bits
from jpegmend.writing.srgb import to_srgb

Page: TypeAlias = tuple[NDArray[Any], Metadata, bool]
"""Pixels, their metadata, and whether the metadata states that an algorithm altered them."""


def write(
    pixels: NDArray[Any],
    metadata: Metadata,
    target: str | PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    bits: int | None = None,
    overwrite: bool = False,
    strip: bool | str = False,
    srgb: bool = False,
    quality: int | None = None,
    compression: int | None = None,
    mark: bool = False,
    pages: Sequence[Page] = (),
) -> tuple[str, ...]:
    """Write pixels in a format of ``formats.WRITTEN``; returns descriptions of the metadata that it cannot hold.

    ``pixels``: uint8 or uint16, ``[H, W]`` gray, ``[H, W, 3]`` RGB or ``[H, W, 4]`` RGBA. ``target``: a path, or a
    binary file that is only written to. ``format``: its name; None goes by the suffix, and is PNG for a file.
    ``bits``: 8 or 16 a sample; None for those of each page's pixels where the format holds them. ``strip``: one of
    ``stripping.STRIPS``; True is ``notes``, which keeps the ICC profile. ``srgb`` converts to sRGB by the profile and
    drops it. ``quality``: 1..100, for JPEG and AVIF (4:4:4), WebP and JPEG XL (100 is lossless); default 95.
    ``compression``: zlib's level for PNG, 0..9; None is the fastest for photos. ``mark`` states in the XMP that an
    algorithm altered the picture (``marking.SOURCE_TYPE``). ``pages``: further pages of a TIFF, each with a mark of its
    own; each is taken when it is written.

    A file is written under a temporary name in the same folder and then renamed; a symbolic link is replaced, not
    followed. Raises ``OutputError`` (the file exists and not ``overwrite``; the format cannot hold this picture; the
    system cannot write), ``MissingExtra`` (no encoder of JPEG XL or AVIF is installed) and ``InvalidOption`` (bits,
    quality or compression out of range, or not of this format).
    """
    name = find_format(None if hasattr(target, "write") else target, format)
    lossy.check_encoder(name)
    check_options(name, bits, quality, compression)
    deep = WRITTEN[name].deep
    left_out: list[str] = []

    def prepared() -> Iterator[tuple[NDArray[Any], Metadata]]:
        for page, notes, marked in itertools.chain([(pixels, metadata, mark)], pages):
            _check_fit(name, page, bits or (page.itemsize * 8 if deep else 8))
            colours = page if page.ndim == 2 or WRITTEN[name].transparent else page[..., :3]  # alpha is opaque
            shown, kept, lost = _prepare(colours, notes, strip, srgb, marked, WRITTEN[name].profiles)
            left_out.extend(words for words in lost if words not in left_out)
            yield shown, kept

    first = next(every := prepared())  # what is wrong with it is found before a file is made
    choice = _Choice(bits, int(quality or lossy.DEFAULT_QUALITY), compression)  # Pillow takes no NumPy integer
    if pages and name != "tiff":
        raise OutputError(f"{name} holds one page; use tiff for several")

    def encode(stream: BinaryIO) -> tuple[str, ...]:
        if name == "tiff":
            written = (_tiff_page(*page, choice) for page in itertools.chain([first], every))
            lost = tiff.write(stream, written, 1 + len(pages))
        else:
            lost = _ENCODERS[name](stream, *first, choice)
        return tuple(dict.fromkeys((*left_out, *lost)))

    try:
        if not isinstance(target, str | PathLike):
            with _whole(target) as stream:
                return encode(stream)
        with open_target(Path(target), overwrite=overwrite) as stream:
            return encode(stream)
    except InvalidOption:  # a ValueError too: of a page that is made when it is written
        raise
    except ValueError as error:  # raised by encoders for what they cannot write
        raise OutputError(f"{target} cannot be written as {name}: {error}; png takes any picture") from error


@contextlib.contextmanager
def _whole(target: BinaryIO) -> Iterator[BinaryIO]:
    """A stream that takes all of what is written, or raises; one without a buffer may take a part and only say so."""
    if not isinstance(target, io.RawIOBase):
        yield target
        return
    buffered = io.BufferedWriter(target)
    try:
        yield buffered
    finally:
        buffered.detach()  # flushes, and leaves the caller's stream open


def _prepare(
    pixels: NDArray[Any], metadata: Metadata, strip: bool | str, srgb: bool, mark: bool, profiles: bool
) -> tuple[NDArray[Any], Metadata, tuple[str, ...]]:
    """Pixels and metadata as they are written, and descriptions of what is left out."""
    kept, left_out = stripping.strip(metadata, strip)
    if srgb or strip == "all" or not profiles:
        before = pixels if profiles else to_bits(pixels, 8)
        pixels, kept, lost = to_srgb(before, replace(kept, icc=metadata.icc))
        left_out += lost
        if not (srgb or strip == "all" or pixels is before):
            left_out += ("the ICC profile: colours are converted to sRGB, which this encoder assumes",)
    if kept.icc and not _profile_fits(kept.icc, pixels):
        kept = replace(kept, icc=None)
        left_out += ("the ICC profile, which is for another kind of colour than the output has",)
    if mark:
        kept, lost = marking.mark(kept)
        left_out += lost
    return pixels, kept, left_out


def as_target(path: Any) -> str | BinaryIO:
    """Where a picture is written: a path as a text, or a binary file; raises ``InvalidOption`` for anything else."""
    if hasattr(path, "write"):
        # A temporary file of Python has the text file inside.
        if isinstance(getattr(path, "file", path), io.TextIOBase):
            raise InvalidOption(f"the {type(path).__name__} takes text; open the file in binary mode, 'wb'")
        return path  # type: ignore[no-any-return]
    try:
        return os.fsdecode(path)
    except TypeError:
        raise InvalidOption(f"cannot write to a {type(path).__name__}; give a path or a binary file") from None


def find_format(target: object, format: str | None = None) -> str:
    """The output format: ``format`` if given, else by the suffix of ``target``, else PNG.

    >>> find_format("photo.restored.tif")
    'tiff'

    Raises ``OutputError`` for unknown formats and suffixes, and where the two contradict each other.
    """
    if format is not None and format not in tuple(WRITTEN):  # a list has no hash
        raise OutputError(f"no output format {format!r}; there are: {', '.join(WRITTEN)}")
    if target is None:
        return format or "png"
    suffix = Path(str(target)).suffix
    by_suffix = WRITTEN_SUFFIXES.get(suffix.lower())
    if format is None and by_suffix is None:
        raise OutputError(
            f"no output format has the suffix {suffix!r}; use one of {', '.join(WRITTEN_SUFFIXES)}, or name a format"
        )
    if format and by_suffix and format != by_suffix:
        raise OutputError(f"{target}: the suffix says {by_suffix}, but {format} was asked for; change one of them")
    return format or str(by_suffix)


class _Choice(NamedTuple):
    """Settings of an encoder; each encoder reads those that apply to its format."""

    bits: int | None
    """8 or 16; None: those of the pixels."""
    quality: int
    compression: int | None


_Encoder: TypeAlias = Callable[[BinaryIO, NDArray[Any], Metadata, _Choice], tuple[str, ...]]
"""(stream, pixels, metadata, settings) to what is left out."""


def check_options(name: str, bits: int | None, quality: int | None, compression: int | None) -> None:
    """Check settings of an encoder; raises ``InvalidOption`` for one out of range, or that the format does not have."""
    if bits not in (None, 8, 16):
        raise InvalidOption(f"{bits} bits; allowed: 8, 16")
    if quality is not None and not _is_whole(quality, 1, 100):
        raise InvalidOption(f"output quality {quality!r}; give a whole number from 1 to 100")
    if compression is not None and not _is_whole(compression, 0, 9):
        raise InvalidOption(f"compression {compression!r}; give a whole number from 0 to 9")
    if quality is not None and not WRITTEN[name].lossy:
        lossy = ", ".join(name for name, kind in WRITTEN.items() if kind.lossy)
        raise InvalidOption(f"quality {quality}: {name} is without loss; leave it out, or choose a format of {lossy}")
    if compression is not None and name != "png":
        raise InvalidOption(f"compression {compression}: of png alone, not of {name}; leave it out")


def _is_whole(value: object, least: int, most: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and least <= int(value) <= most


def _check_fit(name: str, pixels: NDArray[Any], bits: int) -> None:
    kind = WRITTEN[name]
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2:] not in ((), (3,), (4,)) or 0 in pixels.shape:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise OutputError(f"pixels are {found}; allowed: uint8 or uint16, [H, W], [H, W, 3] or [H, W, 4]")
    if bits == 16 and not kind.deep:
        raise OutputError(f"{name} holds 8 bits a sample; use png or tiff for 16")
    height, width = pixels.shape[:2]
    check_picture(name, width=width, height=height, alpha=pixels[..., 3] if pixels.shape[2:] == (4,) else None)


def check_picture(name: str, *, width: int, height: int, alpha: NDArray[Any] | None) -> None:
    """Refuse a picture that a format cannot hold; raises ``OutputError``.

    ``alpha`` is the channel [H, W] of a picture that has one, uint8, uint16, or float 0..1.
    """
    kind = WRITTEN[name]
    if max(height, width) > kind.largest:
        raise OutputError(f"{width}x{height} pixels; {name} holds {kind.largest} a side at most, png and tiff more")
    if alpha is not None and not kind.transparent:
        opaque = 1.0 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
        if alpha.min() < opaque:
            raise OutputError(f"{name} holds no transparency; use png, tiff or webp")


def _profile_fits(profile: bytes, pixels: NDArray[Any]) -> bool:
    """Whether an ICC profile is for this number of channels: bytes 16..19 name its colour space (ICC.1, 7.2.6)."""
    return profile[16:20] == (b"GRAY" if pixels.ndim == 2 else b"RGB ")


def _write_png(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, choice: _Choice) -> tuple[str, ...]:
    chunks: list[png.Chunk] = []
    if metadata.icc:
        chunks.append(png.profile_chunk(metadata.icc))
    if metadata.density:
        chunks.append(png.density_chunk(*metadata.density))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(png.international_chunk("XML:com.adobe.xmp", metadata.xmp))
    chunks += [png.text_chunk("Comment", decode_text(comment)) for comment in metadata.comments]
    png.write(stream, pixels, choice.bits or pixels.itemsize * 8, chunks, choice.compression)
    return ("the extended part of its XMP",) if metadata.extended_xmp else ()


def _tiff_page(pixels: NDArray[Any], metadata: Metadata, choice: _Choice) -> tiff.Page:
    shown = to_bits(pixels, choice.bits or pixels.itemsize * 8)
    return tiff.Page(shown, metadata, "\n".join(map(decode_text, metadata.comments)))


def _in_8_bits(encode: Callable[[BinaryIO, NDArray[Any], Metadata, int], tuple[str, ...]]) -> _Encoder:
    """An encoder of ``lossy``, which takes pixels of 8 bits and a quality."""

    def write(stream: BinaryIO, pixels: NDArray[Any], metadata: Metadata, choice: _Choice) -> tuple[str, ...]:
        return encode(stream, to_bits(pixels, 8), metadata, choice.quality)

    return write


_ENCODERS: dict[str, _Encoder] = {
    "png": _write_png,
    "webp": _in_8_bits(lossy.write_webp),
    "jpeg": _in_8_bits(lossy.write_jpeg),
    "avif": _in_8_bits(lossy.write_avif),
    "jxl": _in_8_bits(lossy.write_jxl),
}
"""Encoders of the formats other than TIFF."""
