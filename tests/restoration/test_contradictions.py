"""Where a network's answer contradicts the file, the decoded block stays."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jpegmend import jpeg, restore
from jpegmend.blocks import fidelity


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


def dither(size: int = 160) -> np.ndarray:
    """A ramp of gray as black and white pixels, by ordered dithering."""
    order = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 16 + 8
    ramp = np.tile(np.linspace(0, 255, size), (size, 1))
    return ((ramp > np.tile(order, (size // 4, size // 4))) * 255).astype(np.uint8)


@pytest.mark.parametrize("strength", [1, 0.5])
@pytest.mark.parametrize(("quality", "loss"), [(30, 0.5), (75, 1.0)])
def test_dithering_is_hardly_worse_than_decoded(quality, loss, strength, encode, decode):
    """With the projection alone mend-s takes 3.7 dB at quality 30 and 4.7 at 75.

    The answer is judged before it is mixed by the strength: half of it is less far outside of the file's cells.
    """
    picture = dither()
    file = encode(picture, quality=quality)
    restored = restore(file, model="mend-s", earlier=False, strength=strength)
    assert psnr(restored.to_array(8), picture) > psnr(decode(file), picture) - loss
    assert restored.report.contradicted > 0.5
    (note,) = restored.report.warnings
    assert note.startswith("the network mend-s contradicts the file in")


def test_nothing_of_a_photograph_is_replaced(encode):
    photograph = data.coffee()[100:260, 200:360]
    for quality in (10, 40, 75):
        report = restore(encode(photograph, quality=quality), model="mend-s").report
        assert report.contradicted < 0.01
        assert report.warnings == ()


def test_the_share_is_that_of_the_whole_picture_in_tiles_too(make_card, encode):
    """Much of the left half is flat, which a blur leaves alone; the right half is a pattern that it takes away."""
    picture = np.full((192, 192), 128, np.uint8)
    picture[:, 96:] = dither(192)[:, 64:160]
    file = encode(picture, quality=90)
    whole, tiled = (
        restore(file, model=make_card("blur", bytes_per_pixel=each), earlier=False) for each in (100.0, 80_000.0)
    )
    assert whole.report.tiles == 1 and tiled.report.tiles > 3
    assert 0.5 < whole.report.contradicted < 0.8
    assert tiled.report.contradicted == pytest.approx(whole.report.contradicted, abs=1e-3)
    assert np.abs(tiled.to_array(16).astype(int) - whole.to_array(16)).max() <= 8  # of 65535


def test_without_the_projection_nothing_is_replaced(make_card, encode, decode):
    file = encode(dither(), quality=75)
    restored = restore(file, model=make_card("blur"), consistent=False, earlier=False)
    assert restored.report.contradicted is None
    assert psnr(restored.to_array(8), decode(file)) < 20
    assert restored.report.warnings == ()


def test_subsampled_chroma_is_projected_alone(make_card, draw, encode):
    """Its alternative would be interpolated from the file, and is no better."""
    file = encode(draw(64, 64), quality=98, subsampling=2)
    free, restored = (
        restore(file, model=make_card("blur"), keep_planes=True, consistent=on, earlier=False) for on in (False, True)
    )
    assert restored.report.contradicted > 0.5
    for place, part in enumerate(jpeg.read(file).components[1:], 1):
        projected = fidelity.project(free.planes[place], part.levels, part.table, 2, 2)
        np.testing.assert_allclose(restored.planes[place], projected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["ycbcr", "y"])
def test_chroma_at_full_resolution_stays_as_decoded_and_the_share_is_that_of_luma(kind, make_card):
    """Of black luma and blue chroma a network that multiplies changes the chroma alone, together or plane by plane."""
    ramp = Image.fromarray(np.tile(np.linspace(60, 200, 64), (64, 1)).astype(np.uint8))
    black, stream = Image.new("L", (64, 64)), io.BytesIO()
    Image.merge("YCbCr", (black, ramp, ramp)).save(stream, "JPEG", quality=75, subsampling=0)
    plain, restored = (
        restore(stream.getvalue(), model=make_card("gain", 0.7, planes=kind), strength=strength, keep_planes=True)
        for strength in (0, 1)
    )
    assert restored.report.contradicted == 0 and restored.report.warnings == ()
    for before, after in zip(plain.planes, restored.planes, strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)
