"""AVIF by Pillow, and pictures smaller than a block."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from jpegmend import restore
from jpegmend.reading import open_source


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_as_pillow_reads_it():
    rng, stream = np.random.default_rng(0), io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (24, 40, 4), np.uint8)).save(stream, "AVIF")
    opened = open_source(stream.getvalue())
    with Image.open(stream) as image:
        expected = np.asarray(image)
    assert (opened.format, opened.bits, opened.warnings) == ("avif", 8, ())
    assert np.array_equal(opened.values, expected[..., :3]) and np.array_equal(opened.alpha, expected[..., 3])


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_of_10_bits_says_that_8_are_read():
    """A drawing of ours, encoded by SVT-AV1: Pillow writes AVIF of 8 bits alone."""
    opened = open_source(Path(__file__).parent / "files" / "ten-bits.avif")
    assert opened.bits == 8 and opened.values.shape == (96, 128, 3)
    assert any("10-bit samples" in warning for warning in opened.warnings)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (3, 5)])
def test_a_picture_smaller_than_a_block_is_left_as_it_is(size):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, size, np.uint8)).save(stream, "JPEG", quality=10)
    restored = restore(stream.getvalue(), bits=8)
    assert np.array_equal(restored.pixels, restore(stream.getvalue(), strength=0, bits=8).pixels)
    assert restored.report.strength == 0 and restored.report.runtime is None
    assert "smaller than one block" in restored.report.warnings[0]
