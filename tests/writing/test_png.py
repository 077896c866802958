"""Our own PNG writer, read back by Pillow and by a plain loop of the specification."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from jpegmend.writing import png


def read_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and bodies of a PNG's chunks, their checksums verified."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length)[0] == zlib.crc32(name + body)
        found.append((name, body))
        place += 12 + length
    return found


def unfilter(data: bytes, rows: int, row_bytes: int, pixel_bytes: int) -> np.ndarray:
    """A PNG's samples as bytes, by the plain loop of the specification (9.2)."""
    body = zlib.decompress(b"".join(body for name, body in read_chunks(data) if name == b"IDAT"))
    coded = np.frombuffer(body, np.uint8).reshape(rows, 1 + row_bytes).astype(int)
    out = np.zeros((rows + 1, row_bytes + pixel_bytes), int)
    for r in range(rows):
        for c in range(row_bytes):
            a, b, x = out[r + 1, c], out[r, c + pixel_bytes], out[r, c]
            p = a + b - x
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - x), 2, x))[2]
            guess = (0, a, b, (a + b) // 2, paeth)[coded[r, 0]]
            out[r + 1, c + pixel_bytes] = (coded[r, c + 1] + guess) % 256
    return out[1:, pixel_bytes:].astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.sampled_from([(1, 1), (1, 40, 3), (40, 1, 4), (6, 5), (7, 3, 3), (3, 9, 4)]),
    ),
    st.integers(1, 200),
)
def test_png_of_any_pixels_in_strips_of_any_height(pixels, strip):
    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "_STRIP_BYTES", strip)
        png.write(stream, pixels, pixels.itemsize * 8)
    pixel_bytes = pixels[0, 0].size * pixels.itemsize
    found = unfilter(stream.getvalue(), pixels.shape[0], pixels.shape[1] * pixel_bytes, pixel_bytes)
    assert np.array_equal(found.view(f">u{pixels.itemsize}").reshape(pixels.shape), pixels)


def test_png_chooses_every_filter_somewhere():
    y, x = np.mgrid[:64, :64]
    noise = np.random.default_rng(0).integers(0, 256, 64)
    parts = [
        np.random.default_rng(1).choice([0, 255], (64, 64)),  # nothing predicts it
        np.tile(noise[:, None], (1, 64)),  # the left neighbour does
        np.tile(noise[None], (64, 1)),  # the upper one
        ((x + y) * 3 + np.random.default_rng(2).integers(-9, 9, (64, 64))),  # their mean
        np.where(x > y, 200, 30) + noise[None] // 40,  # an edge
    ]
    stream = io.BytesIO()
    picture = np.concatenate(parts).astype(np.uint8)
    png.write(stream, picture, 8)
    body = zlib.decompress(b"".join(body for name, body in read_chunks(stream.getvalue()) if name == b"IDAT"))
    assert set(body[:: 1 + 64]) == {0, 1, 2, 3, 4}
    assert np.array_equal(np.asarray(Image.open(stream)), picture)


def test_png_compresses_smooth_pictures_like_pillow():
    y, x = np.mgrid[:300, :400]
    smooth = (127 + 60 * np.sin(x / 40) + 50 * np.cos(y / 30)).astype(np.uint8)
    ours, theirs = io.BytesIO(), io.BytesIO()
    png.write(ours, smooth, 8)
    Image.fromarray(smooth).save(theirs, "PNG", compress_level=1)
    assert len(ours.getvalue()) < 1.1 * len(theirs.getvalue())


def test_png_takes_no_second_picture_of_memory():
    script = (
        "import resource, numpy, os\n"
        "from jpegmend.writing import files; from jpegmend.jpeg import Metadata\n"
        "pixels = numpy.zeros((5000, 6000, 3), 'uint8'); pixels += 1\n"  # 90 MB
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "files.write(pixels, Metadata(), open(os.devnull, 'wb'))\n"
        "print((peak() - before) / 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 45  # MiB
