"""The comparison picture."""

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
    zoom = 300 // comparison.CROP
    side = comparison.CROP * zoom
    below = shown[-side:]
    assert np.array_equal(below[::zoom, :side:zoom], before[:96, :96])
    assert np.array_equal(below[::zoom, right : right + side : zoom], after[:96, :96])
    assert np.array_equal(below[zoom - 1 :: zoom, :side], below[::zoom, :side])
    label = heading(shown)
    assert np.array_equal(shown[label : label + 200, :300], before)
    assert np.array_equal(shown[label : label + 200, right : right + 300], after)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (20, 30), (5000, 30), (30, 5000), (400, 600), (1000, 1500)])
def test_both_labels_are_there_at_any_size(height, width):
    """Each half has a heading of black on white: both labels fit, are high enough to read, and differ."""
    flat = np.full((height, width, 3), 90, np.uint8)
    shown = comparison.compose(flat, flat, ("decoded: looks like quality 10\n27.31 dB", "restored: mend-s\n28.60 dB"))
    label, middle = heading(shown), (shown.shape[1] - comparison._GAP) // 2
    left, right = shown[:label, :middle], shown[:label, middle + comparison._GAP :]
    for half in (left, right):
        ink = np.argwhere(half[..., 0] < 128)
        assert np.ptp(ink[:, 0]) >= 25 and (half[:, -1] == 255).all()
        assert ink.shape[0] > 200
    assert not np.array_equal(left, right)
    assert shown.shape[1] < 2 * 900 + 20


def heading(shown):
    """Rows of the label: up to the first row without a white edge on the left."""
    return int(np.argmax((shown[:, 0] != 255).any(-1)))


def test_transparent_places_are_shown_on_a_chequerboard_and_do_not_attract_the_crop():
    before, after = pair(300, 400, changed=(slice(0, 96), slice(0, 96)))
    after[200:230, 300:330] += 5
    alpha = np.zeros((300, 400, 1), np.uint8)
    alpha[150:] = 255
    before, after = (np.concatenate([picture, alpha], 2) for picture in (before, after))
    shown = comparison.compose(before, after)
    label = (shown.shape[0] - 300 - comparison.CROP * 4) // 2  # the caption of the part is as high
    assert np.array_equal(shown[label + 150 : label + 300, :400], before[150:, :, :3])
    assert set(np.unique(shown[label : label + 150, :400])) == {204, 255}
    assert 230 - comparison.CROP <= comparison.most_changed(*map(comparison._opaque, (before, after)))[0] <= 200


def test_it_carries_the_profile_or_is_converted(tmp_path, display_p3):
    red = np.zeros((20, 30, 3), np.uint8)
    red[...] = 200, 50, 50
    comparison.write(red, red, tmp_path / "kept.png", icc=display_p3)
    comparison.write(red, red, tmp_path / "converted.png", icc=display_p3, srgb=True)
    with Image.open(tmp_path / "kept.png") as image:
        kept = np.asarray(image)
        assert image.info["icc_profile"] == display_p3
    with Image.open(tmp_path / "converted.png") as image:
        converted = np.asarray(image)
        assert "icc_profile" not in image.info
    assert (kept[-1, 0] == (200, 50, 50)).all() and converted[-1, 0, 0] > 210


def test_a_gray_picture_keeps_its_gray_profile(tmp_path):
    gray = np.full((20, 30), 90, np.uint8)
    profile = bytearray(128)
    profile[16:20] = b"GRAY"
    comparison.write(gray, gray, tmp_path / "gray.png", icc=bytes(profile))
    with Image.open(tmp_path / "gray.png") as image:
        assert image.mode == "L" and image.info["icc_profile"] == bytes(profile)


def test_gray_and_transparent_pictures():
    before, after = (picture[..., 0] for picture in pair(20, 30))
    assert comparison.compose(before, after).ndim == 2
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
