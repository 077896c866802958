"""The picture of before and after."""

import numpy as np
import pytest
from PIL import Image

from jpegmend.errors import InvalidOption, OutputError
from jpegmend.writing import comparison


def pair(height, width, *, changed=(slice(0), slice(0))):
    before = np.random.default_rng(0).integers(0, 200, (height, width, 3), np.uint8)
    after = before.copy()
    after[changed] += 50
    return before, after


def test_the_place_that_changed_most_is_found():
    before, after = pair(300, 400, changed=(slice(150, 246), slice(200, 296)))
    assert comparison.most_changed(before, after) == (150, 200)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 300), (300, 5), (96, 96), (97, 95), (1000, 2000)])
def test_any_size(height, width):
    shown = comparison.compose(*pair(height, width))
    assert shown.dtype == np.uint8
    assert shown.ndim == 3


def test_both_are_shown_unscaled_and_the_crop_by_whole_pixels():
    before, after = pair(200, 300, changed=(slice(0, 96), slice(0, 96)))
    shown = comparison.compose(before, after)
    right = (shown.shape[1] + comparison._GAP) // 2
    assert np.array_equal(shown[:200, :300], before)
    assert np.array_equal(shown[:200, right : right + 300], after)
    zoom = 300 // comparison.CROP
    below = shown[200 + comparison._GAP :]
    side = comparison.CROP * zoom
    assert np.array_equal(below[:side:zoom, :side:zoom], before[:96, :96])
    assert np.array_equal(below[:side:zoom, right : right + side : zoom], after[:96, :96])
    assert np.array_equal(below[zoom - 1 : side : zoom, :side], below[:side:zoom, :side])


def test_gray_and_transparent_pictures():
    before, after = (picture[..., 0] for picture in pair(20, 30))
    assert comparison.compose(before, after).shape[2] == 3
    clear = np.full((20, 30, 4), 9, np.uint8)
    assert comparison.compose(clear, clear).shape[2] == 3


def test_sizes_must_agree():
    with pytest.raises(InvalidOption, match="one size"):
        comparison.compose(pair(20, 30)[0], pair(30, 20)[0])


def test_it_is_written_as_png_and_overwrites_nothing(tmp_path):
    path = tmp_path / "beside.png"
    comparison.write(*pair(20, 30), path)
    with Image.open(path) as image:
        assert image.format == "PNG"
    with pytest.raises(OutputError, match="exists"):
        comparison.write(*pair(20, 30), path)
