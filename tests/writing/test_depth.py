"""Bits a sample: 8 and 16, of pixels and of files."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegmend.jpeg import Metadata
from jpegmend.writing import files
from jpegmend.writing.depth import to_bits


def test_depth_changes_both_ways():
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_bits(to_bits(eight, 16), 8), eight)
    sixteen = np.arange(0, 65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(to_bits(sixteen, 8), np.rint(sixteen / 257).astype(np.uint8))
    assert to_bits(eight, 8) is eight


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_bits_decide_the_depth_of_a_file(name):
    pixels = np.random.default_rng(0).integers(0, 65535, (20, 30), np.uint16, endpoint=True)
    for bits in (8, 16):
        stream = io.BytesIO()
        files.write(pixels, Metadata(), stream, format=name, bits=bits)
        assert np.array_equal(np.asarray(Image.open(stream)), to_bits(pixels, bits))
