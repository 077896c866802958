"""Samples of 16 bits that Pillow reads in part: later pages of a TIFF, frames of an animation."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile

from jpegmend.reading import open_source
from jpegmend.writing import png


def random_samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 65536, shape, np.uint16)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_both_bytes_of_a_sample_are_those_of_the_page(options):
    pages, stream = (random_samples(20, 24, 3), random_samples(11, 30, 3), random_samples(20, 24, 4)), io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None, **options)
    for number, page in enumerate(pages, 1):
        opened = open_source(stream.getvalue(), page=number)
        assert np.array_equal(opened.values, page[..., :3])
        assert page.shape[2] == 3 or np.array_equal(opened.alpha, page[..., 3])


def animated(frames: list[np.ndarray]) -> bytes:
    """An animated PNG of 16-bit RGB frames of one size (PNG specification, third edition, 11.3.6)."""
    height, width, _ = frames[0].shape
    stream = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    stream.seek(0, io.SEEK_END)
    png._write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    png._write_chunk(stream, b"acTL", struct.pack(">II", len(frames), 0))
    for number, frame in enumerate(frames):
        rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in frame))
        control = struct.pack(">IIIIIHHBB", max(0, 2 * number - 1), width, height, 0, 0, 1, 1, 0, 0)
        png._write_chunk(stream, b"fcTL", control)
        name, order = (b"fdAT", struct.pack(">I", 2 * number)) if number else (b"IDAT", b"")
        png._write_chunk(stream, name, order + rows)
    png._write_chunk(stream, b"IEND", b"")
    return stream.getvalue()


def test_a_later_frame_of_a_png_has_8_bits_and_says_so():
    frames = [random_samples(9, 14, 3), random_samples(9, 14, 3)[::-1]]
    data = animated(frames)
    assert np.array_equal(open_source(data, page=1).values, frames[0])
    second = open_source(data, page=2)
    assert second.bits == 8 and np.array_equal(second.values, frames[1] >> 8)
    assert any("8 bits" in warning for warning in second.warnings)
