"""Optional decoders: HEIC by pillow-heif and JPEG XL by pillow-jxl-plugin (extra ``formats``), AVIF by Pillow itself.

It runs in the worker process and imports nothing of this package.
"""

from __future__ import annotations

import importlib
from typing import IO, Any, NamedTuple

from PIL import Image, features

_MODULES = {"heic": "pillow_heif", "jpeg xl": "pillow_jxl"}
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width over height for the ratios 1..7 of a JPEG XL header (ISO/IEC 18181-1, SizeHeader)."""
_HEADER = 48
"""Bytes of a codestream that hold the sizes, the depth and the animation of its header."""


class BrokenFile(Exception):
    """A decoder failed on a file."""

    reason = "damaged"


class MissingDecoder(Exception):
    """No decoder for this format is installed; the message says what to install."""

    reason = "unsupported"


def load(format: str) -> Any:
    """Register the decoder of a format with Pillow; returns its module, None for formats of Pillow itself."""
    if format == "avif" and not features.check("avif"):
        raise MissingDecoder("this Pillow was built without AVIF; its wheels have it from version 11.3 on")
    name = _MODULES.get(format)
    if name is None:
        return None
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDecoder(
            f'a picture of the format {format}, which needs {name.replace("_", "-")}: pip install "jpegmend[formats]"'
        ) from error
    if format == "heic":
        module.register_heif_opener(thumbnails=False)
        module.options.DECODE_THREADS = 1
    return module


def decode_jxl(module: Any, source: str) -> tuple[bytes, Image.Image | None]:
    """A JPEG XL file as the JPEG file that it was made of without loss, or else as an image.

    The codestream's own orientation is applied by the decoder; that of its EXIF is void (ISO/IEC 18181-2).

    Raises ``BrokenFile`` instead of the plugin's errors, which tell how to build it.
    """
    with open(source, "rb") as file:
        whole = file.read()
    try:
        is_jpeg, info, data, profile, boxes = module.Decoder(num_threads=0)(whole)
    except MemoryError:
        raise
    except Exception as error:  # the plugin's errors have no base class
        raise BrokenFile("the file is cut short or damaged; fetch it again") from error
    if is_jpeg:
        return bytes(data), None
    image = Image.frombytes(info.mode, (info.width, info.height), bytes(data))
    found = {bytes(box.box_type): bytes(box.data) for box in boxes}
    if exif := found.get(b"Exif"):
        image.info["exif"] = exif if exif[:4] in (b"II*\0", b"MM\0*") else exif[4:]  # a 4-byte offset leads
    if xmp := found.get(b"xml "):
        image.info["xmp"] = xmp
    if profile:
        image.info["icc_profile"] = bytes(profile)
    return b"", image


class JxlHeader(NamedTuple):
    """Facts in the header of a JPEG XL file."""

    width: int = 0
    height: int = 0
    bits: int = 8
    """Of a sample."""
    animated: bool = False


def read_jxl_header(source: str) -> JxlHeader:
    """The header of a JPEG XL file (ISO/IEC 18181-1, SizeHeader and ImageMetadata); 0 for both sides if it has none.

    Its decoder has no other limit than the size that is checked here, and tells neither depth nor frames.
    """
    with open(source, "rb") as file:
        start = _read_codestream(file)
    if not start.startswith(b"\xff\x0a"):
        return JxlHeader()
    bits = _Bits(start[2:])
    width, height = bits.size()
    animated = False
    if bits.take(1):  # all that follows is as usual
        return JxlHeader(width, height)
    if bits.take(1):
        bits.take(3)  # the orientation
        if bits.take(1):  # another size for showing
            bits.size()
        if bits.take(1):  # a preview
            return JxlHeader(width, height)
        animated = bool(bits.take(1))
        if animated:  # ticks a second, loops, whether there are time codes
            bits.pick((100, 0), (1000, 0), (1, 10), (1, 30))
            bits.pick((1, 0), (1001, 0), (1, 8), (1, 10))
            bits.pick((0, 0), (0, 3), (0, 16), (0, 32))
            bits.take(1)
    floats = bits.take(1)
    depth = bits.pick((32, 0), (16, 0), (24, 0), (1, 6)) if floats else bits.pick((8, 0), (10, 0), (12, 0), (1, 6))
    return JxlHeader(width, height, depth, animated)


class _Bits:
    """The bits of a header, the lowest of each byte first; zeros beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """A number of so many bits."""
        value, self._left = self._left & (1 << count) - 1, self._left >> count
        return value

    def pick(self, *forms: tuple[int, int]) -> int:
        """A number in the form that two bits select: a first value, and bits that are added to it."""
        least, count = forms[self.take(2)]
        return least + self.take(count)

    def size(self) -> tuple[int, int]:
        """Width and height."""
        small = self.take(1)

        def length() -> int:
            return 8 * (1 + self.take(5)) if small else self.pick((1, 9), (1, 13), (1, 18), (1, 30))

        height = length()
        ratio = self.take(3)
        if not ratio:
            return length(), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height


def _read_codestream(file: IO[bytes]) -> bytes:
    """The beginning of the codestream: in a container, that of its box ``jxlc`` or of its boxes ``jxlp`` together."""
    start = file.read(_HEADER)
    if start.startswith(b"\xff\x0a"):
        return start
    found, at = b"", 0
    while len(found) < _HEADER:
        file.seek(at)
        box = file.read(16)
        size, kind = int.from_bytes(box[:4], "big"), box[4:8]
        head = 16 if size == 1 else 8
        size = int.from_bytes(box[8:], "big") if size == 1 else size
        if kind in (b"jxlc", b"jxlp"):
            head += 4 * (kind == b"jxlp")  # the number of the part
            file.seek(at + head)
            found += file.read(max(0, min(_HEADER, size - head)) if size else _HEADER)
        if size < head:  # the last box, which may state 0, or no box at all
            break
        at += size
    return found
