"""Reading of every kind of source (path, bytes, file, Pillow image, array) into an ``Opened``."""

from __future__ import annotations

import io
import os
import sys
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegmend import decoding, jpeg
from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import InputError, InvalidOption, NotAnImage, TooLarge, UnsupportedJpeg
from jpegmend.formats import READ
from jpegmend.jpeg import Metadata
from jpegmend.reading.opened import Opened, from_jpeg, from_samples
from jpegmend.reading.plain import open_plain, read_metadata

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | Opened"
)
"""A picture in any form; ``Opened`` is one that :func:`for_another_process` gave."""

_CHUNK = 1 << 20


def prepare(source: Source) -> None:
    """Start a decoding worker, without waiting for it, if reading this source will need one."""
    if _is_file(source):
        decoding.start()


def open_source(
    source: Source, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None, strict: bool = False, page: int = 1
) -> Opened:
    """Read a picture from a path, bytes, a binary file, a Pillow image or an array.

    ``page`` selects one of a file with several (TIFF, GIF, ...), from 1. A Pillow image of a JPEG file is read
    from that file, with its quantisation tables, until it is loaded, or ``draft`` gives it another size or mode.

    Raises:
        InputError: the file cannot be read, is no picture, of an unsupported kind, damaged, or too large.
        InvalidOption: an object or array that is no picture, or a page that the file does not have.
    """
    if _is_file(source):
        return _from_bytes(read_bytes(source, max_pixels=max_pixels), max_pixels, timeout, strict, page)
    if page > 1:
        kind = source.format if isinstance(source, Opened) else type(source).__name__
        raise InvalidOption(f"page {page}: a {kind} is one picture; pages are selected in files")
    if isinstance(source, Opened):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if not _is_image(source):
        raise _no_source(source)
    data = _file_behind(source)
    return _from_image(source, max_pixels) if data is None else _from_bytes(data, max_pixels, timeout, strict, 1)


def for_another_process(source: Source, *, max_pixels: int = MAX_PIXELS) -> str | bytes | NDArray[Any] | Opened:
    """A source of the same picture that ``pickle`` takes; open files are read, and Pillow images decoded.

    Raises:
        InputError: a file cannot be read, or it or a Pillow image is too large, or damaged.
        InvalidOption: an object or array that is no picture.
    """
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(os.fsencode(source))  # a text of no class of its own
    if _is_file(source):
        return read_bytes(source, max_pixels=max_pixels)
    if isinstance(source, np.ndarray):
        _check_array(source)
        return np.asarray(source)
    if not _is_image(source):
        raise _no_source(source)
    # Pillow itself does not pickle all of them: a TIFF loses its tags.
    data = _file_behind(source)
    return _from_image(source, max_pixels) if data is None else data


def _no_source(source: object) -> InvalidOption:
    kind = type(source).__name__
    return InvalidOption(f"cannot restore a {kind}; give a path, bytes, a binary file, a Pillow image or an array")


def _is_file(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or hasattr(source, "read")


def _is_image(source: Any) -> bool:
    return "PIL.Image" in sys.modules and isinstance(source, sys.modules["PIL.Image"].Image)


def read_bytes(source: Any, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The content of a path, a binary file or a bytes-like object.

    A stream without end is given up: after its first bytes if they are of no picture format, else when it is longer
    than any picture of ``max_pixels`` (``decoding.largest_file``).

    Raises:
        InputError: it cannot be read, or is a file opened as text.
        NotAnImage: the first bytes are those of no picture format.
        TooLarge: more bytes than that.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    try:
        if hasattr(source, "read"):
            return _read_stream(source, source, max_pixels)
        with open(source, "rb") as stream:
            return _read_stream(stream, source, max_pixels)
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is open as text; open the file in binary mode, 'rb'") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read_stream(stream: Any, name: Any, max_pixels: int) -> bytes:
    most, data = decoding.largest_file(max_pixels), bytearray()
    start = stream.tell() if hasattr(stream, "seekable") and stream.seekable() else 0
    while piece := stream.read(_CHUNK):
        if not isinstance(piece, bytes):
            kind = type(piece).__name__
            raise InputError(f"{name} gave {kind} instead of bytes; open the file in binary mode, 'rb'")
        data += piece
        if start and len(data) == len(piece) and jpeg.sniff(bytes(data[:512])) == "unknown":
            raise NotAnImage(f"{name} was read from byte {start:,} on, where no picture begins; call seek(0) first")
        if len(data) >= 512 and jpeg.sniff(bytes(data[:512])) == "unknown":
            break  # no picture: the caller raises NotAnImage
        if len(data) > most:
            raise TooLarge(f"{name} has more than {most:,} bytes, more than a picture of {max_pixels:,} pixels takes")
    if start and not data:
        raise NotAnImage(f"{name} is at its end, byte {start:,}; call seek(0) first")
    return bytes(data)


def _from_bytes(data: bytes, max_pixels: int, timeout: float | None, strict: bool, page: int) -> Opened:
    kind = jpeg.sniff(data)
    if kind in READ and kind != "jpeg":
        limits = decoding.picture_limits(len(data), max_pixels=max_pixels, timeout=timeout)
        return open_plain(data, kind, limits, page, strict=strict)
    if page > 1:
        raise InvalidOption(f"page={page}: a JPEG file has one picture; leave page= out")
    # The JPEG reader raises the error for every other format, with its name.
    return from_jpeg(jpeg.read(data, max_pixels=max_pixels, timeout=timeout, strict=strict))


def _from_array(values: NDArray[Any], max_pixels: int) -> Opened:
    values = np.asarray(values, values.dtype.newbyteorder("="))  # a mapped file may have the other byte order
    _check_array(values)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise InvalidOption(f"floats from {values.min():g} to {values.max():g}; they must go from 0 to 1")
    _check_pixels(values.shape[1], values.shape[0], max_pixels)
    return from_samples(values[..., 0] if values.shape[2:] == (1,) else values, Metadata(), "array")


def _check_array(values: NDArray[Any]) -> None:
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 3, 4))
    if not shaped or not values.size:
        raise InvalidOption(f"an array of shape {values.shape}; give [H, W], [H, W, 3] RGB or [H, W, 4] RGBA")
    if values.dtype.newbyteorder("=") not in (np.uint8, np.uint16) and values.dtype.kind != "f":
        raise InvalidOption(f"an array of {values.dtype}; give uint8, uint16, or floats from 0 to 1")


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooLarge(f"{width}x{height} = {width * height:,} pixels; allowed are {max_pixels:,}")


def _file_behind(image: Any) -> bytes | None:
    """The bytes of the JPEG file that a Pillow image was opened from, while it is that picture; else None.

    It is not once it is loaded (its pixels may have been changed), or ``draft`` chose another size or mode. MPO is
    Pillow's name for a JPEG with others after it, of which the first is read.
    """
    file = getattr(image, "fp", None)
    if image.format not in ("JPEG", "MPO") or not image.tile or image.tell():
        return None
    if file is None or getattr(file, "closed", False):
        return None
    place = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(place)
    return data if _is_all_of(image, data) else None


def _is_all_of(image: Any, data: bytes) -> bool:
    """Whether a Pillow image has the size and mode that its JPEG file has without ``draft``."""
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        whole = JpegImageFile(io.BytesIO(data))  # unlike Image.open, without a limit of pixels, which is ours to check
    except SyntaxError:  # the file was changed since it was opened
        return False
    return bool((whole.size, whole.mode) == (image.size, image.mode))


def _from_image(image: Any, max_pixels: int) -> Opened:
    from jpegmend.decoding import picture_metadata, samples

    _check_pixels(image.width, image.height, max_pixels)
    if not image.width or not image.height:
        raise InvalidOption(f"a Pillow image of {image.width}x{image.height} pixels; it must not be empty")
    try:
        found = samples.to_samples(image)
        values = np.concatenate(list(found.bands))
    except samples.FormError as error:
        raise UnsupportedJpeg(str(error)) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImage(f"Pillow cannot decode this image: {error}") from error
    facts, left_out = picture_metadata.read_metadata(image)
    metadata, notes = read_metadata(facts)
    return from_samples(values, metadata, "pillow image", (*found.warnings, *left_out, *notes))
