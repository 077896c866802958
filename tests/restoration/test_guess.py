"""Quality and grid estimated from pixels, and the plan that follows, on real encodings."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from jpegmend import inspect, restore
from jpegmend.restoration import guess, overview
from jpegmend.restoration.scene import PixelScene


@pytest.fixture(scope="module")
def picture():
    """[H, W, 3] with the spectrum of photographs, one over frequency, and edges."""
    random, side = np.random.default_rng(2), 256
    frequency = np.fft.fftfreq(side)
    distance = np.maximum(np.hypot(frequency[:, None], frequency), 1 / side)
    noise = random.normal(size=(3, side, side))
    clouds = np.fft.ifft2(np.fft.fft2(noise) / distance).real.transpose(1, 2, 0)
    values = clouds.mean(-1, keepdims=True) + 0.3 * clouds
    values = (values - values.mean()) / values.std() * 40 + 120
    y, x = np.mgrid[:side, :side]
    for row, column, radius in random.integers(5, (side, side, 40), (25, 3)):
        values[(y - row) ** 2 + (x - column) ** 2 < radius**2] += random.normal(0, 35)
    return np.clip(values, 0, 255).astype(np.uint8)


def again(data, encode, shift, quality):
    """Decoded, cut, and compressed once more."""
    return encode(np.asarray(Image.open(io.BytesIO(data)))[shift[0] :, shift[1] :], quality=quality)


@pytest.mark.parametrize("quality", [10, 40, 80])
def test_once(quality, picture, identity, encode):
    report = restore(encode(picture, quality=quality), model=identity).report
    assert report.estimated_quality is None
    assert report.earlier_probability is None or report.earlier_probability < 0.1
    assert report.consistent
    assert not report.estimated


@pytest.mark.parametrize("shift", [(0, 0), (3, 6)])
def test_twice(shift, picture, identity, encode):
    data = again(encode(picture, quality=15), encode, shift, 95)
    report = restore(data, model=identity).report
    assert abs(report.estimated_quality - 15) <= 3
    assert report.grid == (-shift[0] % 8, -shift[1] % 8)
    assert report.estimated
    assert not report.consistent
    assert "compressed twice" in report.consistent_why
    assert report.earlier_probability > 0.9
    projected = restore(data, model=identity, consistent=True).report
    assert projected.consistent and projected.estimated == (shift == (0, 0))
    assert ("treated as that" if shift == (0, 0) else "not undone") in projected.warnings[-1]
    told = restore(data, model=identity, quality=30).report
    assert (told.grid, told.consistent, told.estimated) == (report.grid, False, True)
    unsearched = restore(data, model=identity, earlier=False).report
    assert (unsearched.grid, unsearched.consistent, unsearched.estimated) == ((0, 0), True, False)
    found = inspect(data)
    assert (found.estimated_quality, found.grid) == (report.estimated_quality, report.grid)
    assert found.conflict and found.earlier_probability == report.earlier_probability


@pytest.mark.parametrize("shift", [(0, 0), (3, 6)])
def test_png_of_a_jpeg(shift, picture, identity, encode):
    pixels = np.asarray(Image.open(io.BytesIO(encode(picture, quality=25))))[shift[0] :, shift[1] :]
    report = restore(encode(pixels, format="PNG"), model=identity).report
    assert report.estimated_quality == 25
    assert report.grid == (-shift[0] % 8, -shift[1] % 8)
    assert report.strength == 1


@pytest.fixture(scope="module")
def page():
    """[H, W, 3]: black letters on white."""
    page = Image.new("RGB", (300, 200), "white")
    for row in range(10):
        line, font = f"Line {row}: the quick brown fox jumps {row * row}", ImageFont.load_default(11 + row % 4)
        ImageDraw.Draw(page).text((5 + row, 3 + 19 * row), line, "black", font)
    return np.asarray(page)


@pytest.mark.parametrize("shift", [(0, 0), (3, 6)])
@pytest.mark.parametrize("gray", [False, True])
def test_png_of_a_jpeg_of_text(gray, shift, page, identity, encode):
    """The decoder clips the ringing around letters, so that coefficients are no multiples of the steps."""
    pixels = np.asarray(Image.open(io.BytesIO(encode(page[..., 0] if gray else page, quality=30))))
    data = encode(pixels[shift[0] :, shift[1] :], format="PNG")
    report = restore(data, model=identity).report
    assert (report.estimated_quality, report.grid) == (30, (-shift[0] % 8, -shift[1] % 8))
    assert report.strength == 1
    assert inspect(data).estimated_quality == 30


def test_text_that_was_never_compressed_is_left_alone(page, make_card):
    restored = restore(page, model=make_card("gain", 0.5))
    assert np.array_equal(restored.to_array(8), page)
    assert restored.report.estimated_quality is None


@pytest.mark.parametrize("subsampling", [1, 2, None])
def test_a_turned_picture_is_restored_as_it_was_compressed(subsampling, picture, make_card, encode):
    """A transposed picture gives the transposed result, also of 4:2:2, gray, with alpha, and with an orientation."""
    source, options = (picture[..., 0], {}) if subsampling is None else (picture, {"subsampling": subsampling})
    upright = np.asarray(Image.open(io.BytesIO(encode(source, quality=15, **options))))[3:, 6:]
    turned, card = upright.swapaxes(0, 1), make_card("blur")
    expected, found = restore(upright, model=card), restore(turned, model=card)
    assert np.array_equal(found.to_array(16), expected.to_array(16).swapaxes(0, 1))
    assert (expected.report.turned, expected.report.grid) == (False, (5, 2))
    assert (found.report.turned, found.report.grid, found.report.estimated_quality) == (True, (2, 5), 15)
    exif = Image.Exif()
    exif[0x0112] = 6
    tagged = restore(encode(turned, format="PNG", exif=exif), model=card)
    assert np.array_equal(tagged.to_array(8), np.rot90(expected.to_array(8).swapaxes(0, 1), -1))
    if subsampling is not None:
        alpha = np.random.default_rng(0).integers(0, 256, turned.shape[:2], np.uint8)
        assert np.array_equal(restore(np.dstack([turned, alpha]), model=card).to_array(8)[..., 3], alpha)


def test_inspect_says_that_a_picture_was_turned(picture, encode):
    upright = np.asarray(Image.open(io.BytesIO(encode(picture, quality=15))))[3:, 6:]
    assert not inspect(upright).turned and "turned" not in str(inspect(upright))
    found = inspect(upright.swapaxes(0, 1))
    assert found.turned and (found.estimated_quality, found.grid) == (15, (2, 5))
    assert "quality about 15, blocks begin at (2, 5), turned by a quarter since" in str(found)


def test_clean_pictures_are_left_alone(picture, make_card):
    restored = restore(picture, model=make_card("gain", 0.5))
    assert np.array_equal(restored.to_array(8), picture)
    assert restored.report.estimated_quality is None


@pytest.mark.parametrize("size", [(112, 112), (60, 200), (999, 1300)])
def test_the_small_picture_shows_the_whole(size):
    y, x = np.mgrid[: size[0], : size[1]]
    plane = (y / size[0] + x / size[1]).astype(np.float32) / 2
    small = overview.shrink(lambda window: plane[None][(slice(None), *window.slices)], *size)
    assert small.shape == (1, 112, 112)
    rows, columns = np.mgrid[:112, :112] + 0.5
    assert np.abs(small[0] - (rows + columns) / 224).max() < 0.02


@pytest.mark.parametrize(("quality", "confidence", "used"), [(50, 0.51, True), (50, 0.49, False), (None, 0.9, False)])
def test_an_estimate_is_used_only_with_confidence(quality, confidence, used, monkeypatch):
    monkeypatch.setattr(guess, "estimate", lambda plane: (quality, (3, 5), confidence, False))
    scene = PixelScene(np.zeros((40, 40), np.uint8), 50, (0, 0), (1, 1))
    assert guess.estimate_compression(scene) == (guess.Guess(50, (3, 5), 0.51) if used else None)


def test_chroma_that_was_subsampled_is_recognised(draw, encode, decode):
    for subsampling, expected in ((0, (1, 1)), (1, (1, 2)), (2, (2, 2))):
        noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
        picture = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(0.7)))
        values = decode(encode(picture, quality=90, subsampling=subsampling))
        assert guess.guess_sampling(values, (0, 0)) == expected
        # A row and a column less: the pairs begin elsewhere, as the blocks do.
        assert guess.guess_sampling(values[1:, 1:], (7, 7)) == expected
    assert guess.guess_sampling(draw(20, 20)[..., 0], (0, 0)) == (0, 0)
