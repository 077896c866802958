"""What ``Restored`` hands out: arrays, Pillow images, files."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegmend import restore
from jpegmend.errors import InvalidOption, OutputError


@pytest.fixture(scope="module")
def restored(identity, draw, encode):
    return restore(encode(draw(30, 40), quality=30, dpi=(72, 72)), model=identity)


def test_eight_bits_are_the_rounded_sixteen(restored):
    deep, shallow = restored.to_array(16), restored.to_array(8)
    assert deep.dtype == np.uint16
    assert shallow.dtype == np.uint8
    assert np.abs(deep / 257 - shallow).max() <= 0.5
    assert (restored.to_array() == deep).all()
    with pytest.raises(InvalidOption):
        restored.to_array(12)


def test_the_image_has_what_the_file_carried(restored):
    image = restored.to_image()
    assert image.size == (40, 30)
    assert image.info["dpi"] == (72, 72)
    assert np.array_equal(np.asarray(image), restored.to_array(8))


def test_saved_pixels_are_the_pixels(restored, tmp_path):
    restored.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), restored.to_array(8))
    stream = io.BytesIO()
    restored.save(stream, format="tiff", bits=16)
    import tifffile

    assert np.array_equal(tifffile.imread(io.BytesIO(stream.getvalue())), restored.to_array(16))
    with pytest.raises(OutputError):
        restored.save(tmp_path / "a.png")
    restored.save(tmp_path / "a.png", overwrite=True)


def test_says_what_it_is(restored):
    assert repr(restored) == "<Restored 40x30, ycbcr, 16 bits, by identity>"
