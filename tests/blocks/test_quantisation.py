"""Quantisation, with libjpeg (through Pillow) as the oracle for pixels and levels."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegmend import blocks, jpeg
from jpegmend.errors import InvalidOption
from jpegmend.jpeg.tables import standard_luma

SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def encode(pixels: np.ndarray, **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", **options)
    return target.getvalue()


def libjpeg_planes(data: bytes) -> np.ndarray:
    """[C, H, W] uint8 as libjpeg upsamples them, before any colour conversion."""
    picture = Image.open(io.BytesIO(data))
    if picture.mode != "L":
        picture.draft("YCbCr", picture.size)
        assert picture.mode == "YCbCr"
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def our_planes(data: bytes) -> np.ndarray:
    """[C, H, W] float 0..255: every component decoded, cut and clipped, brought to full size, not rounded."""
    image = jpeg.read(data)
    tall = max(c.vertical for c in image.components)
    wide = max(c.horizontal for c in image.components)
    full = []
    for part in image.components:
        plane = blocks.decode(part.levels, part.table)[: part.rows, : part.columns]
        plane = blocks.up_fancy(np.clip(plane, 0, 1), tall // part.vertical, wide // part.horizontal)
        full.append(255 * plane[: image.header.height, : image.header.width])
    return np.stack(full)


def assert_same_pixels(data: bytes) -> None:
    ours = np.clip(np.round(our_planes(data)), 0, 255)
    difference = np.abs(ours - libjpeg_planes(data))
    assert difference.max() <= 1
    # Within one level could still be a filter that is slightly wrong; most must be equal.
    assert (difference == 0).mean() > 0.85


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("quality", [10, 75])
def test_colour_rounds_to_the_pixels_of_libjpeg(photos, sampling, quality, progressive):
    for pixels in photos.values():
        options = {"quality": quality, "subsampling": SAMPLINGS[sampling], "progressive": progressive}
        assert_same_pixels(encode(pixels, **options))


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_gray_rounds_to_the_pixels_of_libjpeg(photos, quality):
    for pixels in photos.values():
        assert_same_pixels(encode(blocks.studio_y(pixels), quality=quality))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (3, 6), (17, 5), (8, 15), (33, 34)])
@pytest.mark.parametrize("sampling", ["4:2:2", "4:2:0"])
def test_small_and_odd_sizes_round_to_the_pixels_of_libjpeg(rng, size, sampling):
    smooth = np.cumsum(rng.integers(-9, 10, (*size, 3)), axis=1) + 128
    pixels = np.clip(smooth, 0, 255).astype(np.uint8)
    difference = our_planes(data := encode(pixels, quality=90, subsampling=SAMPLINGS[sampling])) - (
        libjpeg_planes(data)
    )
    assert np.abs(difference).max() <= 1.1


def test_quantise_gives_the_levels_of_libjpeg(photos):
    """libjpeg's integer DCT differs by a few hundredths, so levels at the edge of a cell may differ by one."""
    for pixels in photos.values():
        gray = blocks.studio_y(pixels)[:96, :128]
        (part,) = jpeg.read(encode(gray, quality=50)).components
        ours = blocks.quantise(gray.astype(np.float32) / 255, part.table)
        assert np.abs(ours.astype(int) - part.levels).max() <= 1
        assert (ours == part.levels).mean() > 0.999


def test_quantise_undoes_decode_for_every_quality(rng):
    for quality in range(1, 101):
        table = standard_luma(quality)
        levels = np.round(rng.laplace(0, 60, (2, 3, 8, 8)) / table).astype(np.int16)
        assert np.array_equal(blocks.quantise(blocks.decode(levels, table), table), levels)


def test_halves_are_rounded_away_from_zero():
    flat = np.stack([np.full((8, 8), 128 + share) for share in (-0.5, -0.375, 0.375, 0.5)]) / 255
    levels = [int(blocks.quantise(block, np.full((8, 8), 8))[0, 0, 0, 0]) for block in flat]
    assert levels == [-1, 0, 0, 1]


def test_decode_is_the_formula_written_out(rng):
    levels = rng.integers(-5, 6, (2, 2, 8, 8)).astype(np.int16)
    table = rng.integers(1, 40, (8, 8)).astype(np.uint16)
    plane = blocks.decode(levels, table)
    expected = (blocks.idct(levels[1, 0] * table.astype(np.float64)) + 128) / 255
    assert plane.dtype == np.float32 and plane.shape == (16, 16)
    assert np.abs(plane[8:, :8] - expected).max() < 1e-6
    assert np.array_equal(blocks.dequantise(levels, table), (levels * table.astype(np.float32)))


def test_16_bit_steps_do_not_wrap():
    levels = np.full((1, 1, 8, 8), 1000, np.int16)
    assert blocks.dequantise(levels, np.full((8, 8), 60000, np.uint16)).max() == 6e7


@pytest.mark.parametrize("table", [np.zeros((8, 8)), np.ones(64), np.ones((8, 7))])
def test_no_table_is_refused(table):
    with pytest.raises(InvalidOption, match="table"):
        blocks.dequantise(np.zeros((1, 1, 8, 8), np.int16), table)
