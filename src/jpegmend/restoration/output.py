"""The result becomes a file: PNG, TIFF, WebP or JPEG, with all the input carried that the format can hold.

Pixels here are uint8 or uint16 over their whole range. A file appears under its name only when it is whole.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import OutputError
from jpegmend.jpeg import Metadata
from jpegmend.restoration import png, tiff

SUFFIXES = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""Which format a suffix stands for."""

_DEEP = ("png", "tiff")
_NO_SUBSAMPLING = 0

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


def write(
    pixels: Pixels,
    metadata: Metadata,
    target: str | PathLike[str] | IO[bytes],
    *,
    format: str | None = None,
    bits: int = 8,
    overwrite: bool = False,
    strip: bool = False,
    quality: int = 95,
) -> Path | None:
    """Write pixels ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]`` to a file or an open binary stream.

    ``format`` is ``png``, ``tiff``, ``webp`` or ``jpeg``; without it the suffix decides, and a stream gets PNG.
    ``bits`` is 8, or 16 for PNG and TIFF, and must be the depth of ``pixels``; ``quality`` (1..100) is that of JPEG
    and WebP. ``strip`` leaves out all metadata. A file that exists is replaced only with ``overwrite``; it is
    written beside its place first, so a failure leaves nothing behind. Returns the path, None for a stream.

    Raises:
        OutputError: the place is taken or cannot be written, or the format cannot hold this picture.
    """
    path = None if hasattr(target, "write") else Path(target)  # type: ignore[arg-type]
    chosen = _format(path, format)
    _check(pixels, chosen, bits)
    carried = Metadata() if strip else metadata
    writer = _WRITERS[chosen]
    try:
        if path is None:
            writer(target, pixels, carried, quality)  # type: ignore[arg-type]
            return None
        with _appear(path, overwrite) as stream:
            writer(stream, pixels, carried, quality)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path or 'output'} cannot be written as {chosen}: {error}") from error
    return path


def check_place(path: Path, *, overwrite: bool) -> None:
    """Say early that a file could not be written: before minutes are spent on its picture.

    Raises:
        OutputError: it exists and may not be replaced, or its place is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name, or end it in / to write into it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; choose another name, or allow it to be replaced (--overwrite)")


def _format(path: Path | None, format: str | None) -> str:
    chosen = format or ("png" if path is None else SUFFIXES.get(path.suffix.lower()))
    if chosen not in _WRITERS:
        found = f"format {format!r}" if format else f"the suffix of {path}"
        raise OutputError(f"{found} is none that is written; there are: {', '.join(_WRITERS)} ({', '.join(SUFFIXES)})")
    return chosen


def _check(pixels: Pixels, format: str, bits: int) -> None:
    if bits not in (8, 16) or pixels.dtype.itemsize * 8 != bits:
        raise OutputError(f"{bits} bits were asked for and the pixels have {pixels.dtype.itemsize * 8}; 8 and 16 exist")
    if bits == 16 and format not in _DEEP:
        raise OutputError(f"{format} holds 8 bits a sample; for 16 choose {' or '.join(_DEEP)}")
    if format == "jpeg" and pixels.ndim == 3 and pixels.shape[2] == 4:
        raise OutputError("jpeg holds no transparency; choose png, tiff or webp")


@contextmanager
def _appear(path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A stream whose bytes stand under ``path`` once the block ends well, and nowhere if it does not."""
    check_place(path, overwrite=overwrite)
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.partial")
    try:
        # Opened like this, and not by tempfile, the file has the permissions every new file has.
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            partial.replace(path)
        else:
            _claim(partial, path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def _claim(partial: Path, path: Path) -> None:
    """Give the file its name unless something has taken it meanwhile; the check and the act are one."""
    try:
        os.link(partial, path)
    except FileExistsError:
        check_place(path, overwrite=False)
        raise
    except OSError:
        # A file system without hard links: reserve the name, then take it over.
        with path.open("xb"):
            pass
        partial.replace(path)


def _write_png(stream: IO[bytes], pixels: Pixels, metadata: Metadata, quality: int) -> None:
    chunks: list[png.Chunk] = []
    if metadata.icc:
        chunks.append(png.profile_chunk(metadata.icc))
    if metadata.density:
        chunks.append(png.density_chunk(*metadata.density))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(png.international_chunk("XML:com.adobe.xmp", metadata.xmp))
    chunks += [png.text_chunk("Comment", _text(comment)) for comment in metadata.comments]
    png.write(stream, pixels, chunks)  # type: ignore[arg-type]


def _write_tiff(stream: IO[bytes], pixels: Pixels, metadata: Metadata, quality: int) -> None:
    comment = _text(metadata.comments[0]) if metadata.comments else None
    tiff.write(stream, pixels, metadata, comment)


def _write_webp(stream: IO[bytes], pixels: Pixels, metadata: Metadata, quality: int) -> None:
    _save_by_pillow(stream, pixels, metadata, "WEBP", quality=quality, method=4)


def _write_jpeg(stream: IO[bytes], pixels: Pixels, metadata: Metadata, quality: int) -> None:
    extra: dict[str, Any] = {"quality": quality, "subsampling": _NO_SUBSAMPLING, "optimize": False}
    if metadata.density and metadata.density[2] != "aspect":
        per_inch = 2.54 if metadata.density[2] == "dpcm" else 1.0
        extra["dpi"] = tuple(round(number * per_inch) for number in metadata.density[:2])
    if metadata.comments:
        extra["comment"] = metadata.comments[0]
    _save_by_pillow(stream, pixels, metadata, "JPEG", **extra)


def _save_by_pillow(stream: IO[bytes], pixels: Pixels, metadata: Metadata, format: str, **extra: Any) -> None:
    from PIL import Image

    if metadata.icc:
        extra["icc_profile"] = metadata.icc
    if metadata.exif:
        extra["exif"] = b"Exif\0\0" + metadata.exif
    if metadata.xmp:
        extra["xmp"] = metadata.xmp
    buffer = io.BytesIO()  # Pillow moves back and forth in what it writes, and a pipe cannot
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format, **extra)
    stream.write(buffer.getbuffer())


def _text(comment: bytes) -> str:
    """A JPEG comment has no stated encoding: UTF-8 where it is that, else Latin-1."""
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


_WRITERS: Mapping[str, Callable[[IO[bytes], Pixels, Metadata, int], None]] = {
    "png": _write_png,
    "tiff": _write_tiff,
    "webp": _write_webp,
    "jpeg": _write_jpeg,
}
