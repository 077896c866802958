"""A small PNG writer that needs a few megabytes beside the picture, and writes 16 bits a sample.

Pillow cannot write 16-bit RGB, and copies the whole picture into four bytes a pixel first. This writer takes rows in
strips of about a megabyte: filters them together (vectorised), compresses and writes them.

Format: PNG Specification (Third Edition), W3C 2025; filters are section 9, chunk names are quoted where they are made.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from jpegmend.writing.depth import to_bits

Bytes = NDArray[np.uint8]
Chunk = tuple[bytes, bytes]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STRIP_BYTES = 1 << 20
_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}  # samples a pixel -> gray, RGB, RGBA
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)


def write(
    stream: BinaryIO, pixels: NDArray[Any], bits: int, chunks: Sequence[Chunk] = (), compression: int | None = None
) -> None:
    """Write pixels as a PNG of 8 or 16 bits a sample, with the given chunks between the header and the picture.

    ``compression`` is zlib's level, 0 (none) to 9; None finds run lengths only, which is fastest for photos.

    ``pixels`` is ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, uint8 or uint16; ``chunks`` are pairs of a four-letter
    name and a body. The stream is written in order and never moved back, so a pipe will do.

    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, np.zeros((2, 3), np.uint8), 8)
    >>> file.getvalue()[12:16]
    b'IHDR'
    """
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPE[samples], 0, 0, 0)
    stream.write(_SIGNATURE)
    _write_chunk(stream, b"IHDR", header)
    for name, body in chunks:
        _write_chunk(stream, name, body)
    # Run lengths and Huffman codes only: on filtered photos this is a little smaller than level 1 with string
    # matching, and 1.6 times as fast; level 6 gains 1 % for four times the time (measured on 4 photos of 1 MP).
    level, strategy = (1, zlib.Z_RLE) if compression is None else (compression, zlib.Z_DEFAULT_STRATEGY)
    compressor = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    for strip in _filtered_strips(pixels, samples, bits):
        body = compressor.compress(strip.data)
        if body:
            _write_chunk(stream, b"IDAT", body)
    _write_chunk(stream, b"IDAT", compressor.flush())
    _write_chunk(stream, b"IEND", b"")


def profile_chunk(profile: bytes) -> Chunk:
    """An ICC profile as an ``iCCP`` chunk."""
    return b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)


def density_chunk(horizontal: float, vertical: float, unit: str) -> Chunk:
    """Pixels per "dpi" or "dpcm" unit, or a pixel "aspect", as a ``pHYs`` chunk (which counts pixels a metre)."""
    factor = {"dpi": 1 / 0.0254, "dpcm": 100.0, "aspect": 1.0}[unit]
    return b"pHYs", struct.pack(">IIB", round(horizontal * factor), round(vertical * factor), unit != "aspect")


def text_chunk(keyword: str, text: str) -> Chunk:
    """A text as ``tEXt`` where Latin-1 can hold it, else as ``iTXt`` in UTF-8. Zero characters are dropped.

    >>> text_chunk("Comment", "caf\\u00e9")[0], text_chunk("Comment", "\\u6e2f")[0]
    (b'tEXt', b'iTXt')
    """
    text = text.replace("\0", "")
    try:
        return b"tEXt", keyword.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return international_chunk(keyword, text.encode())


def international_chunk(keyword: str, utf8: bytes) -> Chunk:
    """UTF-8 bytes as an ``iTXt`` chunk, without language and not compressed (as XMP must be stored)."""
    return b"iTXt", keyword.encode() + b"\0\0\0\0\0" + utf8


def _write_chunk(stream: BinaryIO, name: bytes, body: bytes) -> None:
    stream.write(struct.pack(">I", len(body)) + name)
    stream.write(body)
    stream.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(name))))


def _filtered_strips(pixels: NDArray[Any], samples: int, bits: int) -> Iterator[Bytes]:
    """Rows in strips, each row led by the number of its filter: ``[rows, 1 + row bytes]``."""
    pixel_bytes = samples * bits // 8
    height, row_bytes = pixels.shape[0], pixels.shape[1] * pixel_bytes
    rows = max(1, _STRIP_BYTES // row_bytes)
    above = np.zeros((1, row_bytes), np.uint8)
    for top in range(0, height, rows):
        strip = _big_endian_bytes(to_bits(pixels[top : top + rows], bits), row_bytes)
        yield _filter(np.concatenate([above, strip]), pixel_bytes)
        above = strip[-1:].copy()


def _big_endian_bytes(strip: NDArray[Any], row_bytes: int) -> Bytes:
    ordered = np.ascontiguousarray(strip, dtype=strip.dtype.newbyteorder(">"))
    return ordered.view(np.uint8).reshape(strip.shape[0], row_bytes)


def _filter(rows: Bytes, pixel_bytes: int) -> Bytes:
    """Filter every row but the first (the row above, for the filters) with what suits that row.

    The choice is the specification's heuristic (12.7): the least sum of differences taken as signed numbers.
    """
    here, up = rows[1:], rows[:-1]
    left, corner = np.zeros_like(here), np.zeros_like(here)
    left[:, pixel_bytes:] = here[:, :-pixel_bytes]
    corner[:, pixel_bytes:] = up[:, :-pixel_bytes]
    best = np.empty((here.shape[0], 1 + here.shape[1]), np.uint8)
    least = np.full(here.shape[0], np.iinfo(np.int64).max)
    predictions = (
        (_NONE, np.uint8(0)),
        (_SUB, left),
        (_UP, up),
        (_AVERAGE, (left & up) + ((left ^ up) >> 1)),  # the mean rounded down, without a ninth bit
        (_PAETH, _paeth(left, up, corner)),
    )
    for number, prediction in predictions:
        difference = here - prediction
        cost = np.minimum(difference, -difference).sum(axis=1, dtype=np.int64)
        better = cost < least
        least[better] = cost[better]
        best[better, 0] = number
        best[better, 1:] = difference[better]
    return best


def _paeth(left: Bytes, up: Bytes, corner: Bytes) -> Bytes:
    """Whichever of the three neighbours is nearest to left + up - corner; ties go in the order of the names."""
    from_left = np.subtract(up, corner, dtype=np.int16)
    from_up = np.subtract(left, corner, dtype=np.int16)
    from_corner = np.abs(from_left + from_up)
    np.abs(from_left, out=from_left)
    np.abs(from_up, out=from_up)
    nearest = corner.copy()
    np.copyto(nearest, up, where=from_up <= from_corner)
    np.copyto(nearest, left, where=(from_left <= from_up) & (from_left <= from_corner))
    return nearest
