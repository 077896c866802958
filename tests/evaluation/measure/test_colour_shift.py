import sys

import numpy as np
import pytest

from jpegmend.errors import InvalidOption, MissingExtra
from jpegmend.evaluation.measure.colour_shift import colour_shift


@pytest.mark.parametrize(("first", "second"), [((120, 120, 120), (140, 120, 110)), ((30, 60, 200), (30, 90, 200))])
def test_flat_colours_differ_by_ciede2000(first, second):
    """Expected from Lab by the definition of sRGB, and CIEDE2000 of it."""
    from skimage.color import deltaE_ciede2000

    expected = float(deltaE_ciede2000(lab(first), lab(second)))
    found = colour_shift(*(np.full((24, 24, 3), colour, np.uint8) for colour in (first, second)))
    assert found.mean == pytest.approx(expected, abs=0.01)
    assert found.percentile95 == pytest.approx(found.mean)


def lab(colour):
    """sRGB of 0..255 to CIE Lab under D65 (IEC 61966-2-1, CIE 15)."""
    values = np.array(colour) / 255
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lost_detail_is_no_shift_but_a_tint_is(photo):
    picture = photo(64, 64, 1)
    noise = np.random.default_rng(2).normal(0, 12, picture.shape[:2])[..., None]
    grainy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    tinted = np.clip(picture.astype(int) + [10, 0, -10], 0, 255).astype(np.uint8)
    assert colour_shift(picture, picture).percentile95 == 0
    assert colour_shift(picture, grainy).mean < 0.3 * colour_shift(picture, tinted).mean


def test_wrong_pictures_are_refused(photo):
    picture = photo(16, 16, 0)
    for other in (picture[..., 0], picture / 255, picture[:8]):
        with pytest.raises(InvalidOption):
            colour_shift(picture, other)
    with pytest.raises(InvalidOption, match="sigma"):
        colour_shift(picture, picture, sigma=0)


def test_without_scikit_image_the_extra_is_named(photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtra, match=r"jpegmend\[evaluation\]"):
        colour_shift(photo(16, 16, 0), photo(16, 16, 1))
