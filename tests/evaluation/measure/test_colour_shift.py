import numpy as np
import pytest
from skimage import color, filters

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.colour_shift import ciede2000, colour_shift, lab, low_pass

# Pairs 1 to 20 test the hue and its discontinuities (Sharma, Wu, Dalal 2005, table 1): Lab, Lab, difference.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_the_authors_test_pairs(first, second, expected):
    found = ciede2000(np.array([first], float), np.array([second], float))
    assert found[0] == pytest.approx(expected, abs=5e-5)


def test_scikit_image_agrees_on_random_colours():
    random = np.random.default_rng(0)
    first, second = random.random((2, 5000, 3))
    a, b = lab(first), lab(second)
    np.testing.assert_allclose(a, color.rgb2lab(first), atol=1e-3)
    np.testing.assert_allclose(ciede2000(a, b), color.deltaE_ciede2000(a, b), atol=1e-6)


def test_the_low_pass_is_a_gaussian(photo):
    picture = photo(40, 48, 0)
    ours = low_pass(picture, 3.0)
    theirs = filters.gaussian(picture.astype(float), 3.0, mode="nearest", truncate=4.0, channel_axis=2)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


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
