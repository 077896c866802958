"""Files that the tests of reading open."""

import io
import struct
import zlib

import numpy as np

from jpegmend import writing
from jpegmend.jpeg import Metadata
from jpegmend.writing import png


def save(pixels: np.ndarray, format: str, **metadata: object) -> bytes:
    stream = io.BytesIO()
    writing.write(pixels, Metadata(**metadata), stream, format=format)
    return stream.getvalue()


def chunks_of(pixels: np.ndarray, colour_type: int, *extra: tuple[bytes, bytes]) -> bytes:
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    stream = io.BytesIO()
    stream.write(b"\x89PNG\r\n\x1a\n")
    for name, body in ((b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        png._write_chunk(stream, name, body)
    return stream.getvalue()
