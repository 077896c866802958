"""Whatever a caller holds, opened: a path, bytes, a file, a Pillow image or an array becomes levels or pixels."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegmend import jpeg
from jpegmend.errors import DamagedJpeg, InputError, InvalidOption, NotAnImage, TooLarge, UnsupportedJpeg
from jpegmend.jpeg import JpegImage, Metadata
from jpegmend.restoration.options import Options

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]"

PLAIN_FORMATS = ("png", "webp", "bmp", "tiff", "gif")
"""Formats without quantisation tables that are read, by Pillow."""

_WORKER = Path(__file__).with_name("picture_worker.py")
_SECONDS = 60.0
_SECONDS_PER_PIXEL = 1e-6


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture without tables."""

    values: NDArray[Any]
    """[H, W] gray or [H, W, 3] RGB; uint8, uint16, or float 0..1."""
    alpha: NDArray[Any] | None
    """[H, W], of the same type."""
    metadata: Metadata
    format: str
    """``png``, ``webp``, ..., ``pillow image``, ``array``."""
    warnings: tuple[str, ...] = ()


def open_source(source: Source, options: Options) -> JpegImage | Pixels:
    """Read a picture from wherever it is.

    A Pillow image that was opened from a JPEG file and not loaded yet is read as that file, tables and all.

    Raises:
        InputError: the file cannot be read, or is no picture, of another kind, damaged, or too large.
        InvalidOption: an object or array that is no picture.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, options)
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or hasattr(source, "read"):
        return _from_bytes(read_bytes(source), options)
    if "PIL.Image" in sys.modules and isinstance(source, sys.modules["PIL.Image"].Image):
        return _from_image(source, options)
    raise InvalidOption(
        f"cannot restore a {type(source).__name__}; give a path, bytes, a binary file, a Pillow image or an array"
    )


def read_bytes(source: Any) -> bytes:
    """The bytes of a path, a binary file or something like bytes.

    Raises:
        InputError: it cannot be read, or is a file opened as text.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    try:
        data = source.read() if hasattr(source, "read") else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{source} cannot be read: {error}") from error
    if not isinstance(data, bytes):
        raise InputError(f"{source} gave {type(data).__name__} instead of bytes; open the file in binary mode, 'rb'")
    return data


def _from_bytes(data: bytes, options: Options) -> JpegImage | Pixels:
    kind = jpeg.sniff(data)
    if kind in PLAIN_FORMATS:
        return _from_plain(data, kind, options)
    # Everything else is for the JPEG reader to refuse, by name.
    return jpeg.read(data, max_pixels=options.max_pixels, timeout=options.timeout, strict=options.strict)


def _from_plain(data: bytes, kind: str, options: Options) -> Pixels:
    with tempfile.TemporaryDirectory(prefix="jpegmend-") as folder:
        file, target = Path(folder, "picture"), Path(folder, "samples.npy")
        file.write_bytes(data)
        facts = _ask_worker(file, target, kind, options)
        values = np.load(target, allow_pickle=False)
    metadata = Metadata(
        icc=_bytes(facts["icc"]),
        exif=_bytes(facts["exif"]),
        xmp=_bytes(facts["xmp"]),
        comments=tuple(filter(None, [_bytes(facts["comment"])])),
        density=(*facts["density"], "dpi") if facts["density"] else None,
        orientation=facts["orientation"] if 1 <= facts["orientation"] <= 8 else 1,
    )
    several = (f"only the first of {facts['frames']} frames is restored",) if facts["frames"] > 1 else ()
    return _split(values, metadata, kind, several)


def _ask_worker(file: Path, target: Path, kind: str, options: Options) -> dict[str, Any]:
    command = [sys.executable, "-P", str(_WORKER), str(file), str(target), str(options.max_pixels)]
    seconds = options.timeout or _SECONDS + _SECONDS_PER_PIXEL * options.max_pixels
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired as error:
        raise DamagedJpeg(f"decoding the {kind} was stopped after {seconds:.0f} s; give a longer timeout") from error
    if done.returncode != 0 or not done.stdout:
        raise DamagedJpeg(f"the {kind} decoder died on this file (exit status {done.returncode}); it is damaged")
    facts: dict[str, Any] = json.loads(done.stdout)
    if "error" not in facts:
        return facts
    errors: dict[str, type[InputError]] = {"large": TooLarge, "form": UnsupportedJpeg}
    if facts["kind"] in errors:
        raise errors[facts["kind"]](facts["error"])
    raise DamagedJpeg(f"the {kind} cannot be decoded: {facts['error']}")


def _bytes(text: str | None) -> bytes | None:
    return base64.b64decode(text) if text else None


def _from_array(values: NDArray[Any], options: Options) -> Pixels:
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 3, 4))
    if not shaped or not values.size:
        raise InvalidOption(f"an array of shape {values.shape}; give [H, W], [H, W, 3] RGB or [H, W, 4] RGBA")
    if values.dtype not in (np.uint8, np.uint16) and values.dtype.kind != "f":
        raise InvalidOption(f"an array of {values.dtype}; give uint8, uint16, or floats from 0 to 1")
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise InvalidOption(f"floats from {values.min():g} to {values.max():g}; they must go from 0 to 1")
    if values.shape[0] * values.shape[1] > options.max_pixels:
        raise TooLarge(f"{values.shape[0] * values.shape[1]:,} pixels; allowed are {options.max_pixels:,}")
    plain = values[..., 0] if values.shape[2:] == (1,) else values
    return _split(plain, Metadata(), "array")


def _from_image(image: Image.Image, options: Options) -> JpegImage | Pixels:
    from jpegmend.restoration import picture_worker

    file = getattr(image, "fp", None)
    if image.format == "JPEG" and file is not None:
        place = file.tell()
        file.seek(0)
        data = file.read()
        file.seek(place)
        return _from_bytes(data, options)
    if image.width * image.height > options.max_pixels:
        raise TooLarge(f"{image.width * image.height:,} pixels; allowed are {options.max_pixels:,}")
    try:
        plain = np.asarray(picture_worker.to_plain(image))
    except picture_worker.FormError as error:
        raise UnsupportedJpeg(str(error)) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAnImage(f"Pillow cannot decode this image: {error}") from error
    exif, orientation = image.getexif().tobytes(), int(image.getexif().get(0x0112, 1))
    metadata = Metadata(
        icc=image.info.get("icc_profile"),
        exif=exif.removeprefix(b"Exif\0\0") if len(image.getexif()) else None,
        orientation=orientation if 1 <= orientation <= 8 else 1,
    )
    return _split(plain, metadata, "pillow image")


def _split(values: NDArray[Any], metadata: Metadata, kind: str, warnings: tuple[str, ...] = ()) -> Pixels:
    if values.ndim == 3 and values.shape[2] == 4:
        return Pixels(values[..., :3], values[..., 3], metadata, kind, warnings)
    return Pixels(values, None, metadata, kind, warnings)
