"""Estimate of quality and block grid from pixels, on files that Pillow wrote."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jpegmend.blocks import estimate
from jpegmend.errors import InvalidOption

# The function hides its module in the package's names.
estimation = sys.modules["jpegmend.blocks.estimate"]
PHOTO = Image.fromarray(data.astronaut())


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(saved(quality, picture))).convert("RGB")


def saved(quality: int, picture: Image.Image = PHOTO) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def luma(picture: Image.Image) -> np.ndarray:
    return np.asarray(np.asarray(picture, np.float32) @ np.float32([0.299, 0.587, 0.114]) / 255)


@pytest.mark.parametrize("quality", [10, 20, 35, 50, 65, 80, 90])
def test_quality_of_decoded_pixels(quality: int) -> None:
    found = estimate(luma(compressed(PHOTO, quality)))
    assert found.quality is not None and abs(found.quality - quality) <= 2
    assert found.offset == (0, 0)
    assert found.confidence > 0.7


@pytest.mark.parametrize("quality", [10, 30, 70])
@pytest.mark.parametrize("offset", [(3, 5), (7, 1), (0, 4)])
def test_grid_of_a_cropped_picture(quality: int, offset: tuple[int, int]) -> None:
    row, column = (-part % 8 for part in offset)
    found = estimate(luma(compressed(PHOTO, quality).crop((column, row, 440, 400))))
    assert found.offset == offset
    assert found.quality is not None and abs(found.quality - quality) <= 2


@pytest.mark.parametrize(("quality", "offset"), [(10, (3, 5)), (50, (0, 0)), (90, (3, 5))])
def test_a_picture_that_was_turned_by_a_quarter_is_recognised(quality: int, offset: tuple[int, int]) -> None:
    row, column = (-part % 8 for part in offset)
    upright = luma(compressed(PHOTO, quality).crop((column, row, 440, 400)))
    found, transposed, turned = estimate(upright), estimate(upright.T), estimate(np.rot90(upright))
    assert not found.turned
    assert transposed == found._replace(offset=offset[::-1], turned=True)
    assert turned.turned and turned.quality == found.quality
    assert turned.offset == ((440 - column - offset[1]) % 8, offset[0])


@pytest.mark.parametrize("quality", [20, 40])
@pytest.mark.parametrize("shift", [0, 4])
def test_the_harder_of_two_compressions_is_seen(quality: int, shift: int) -> None:
    first = compressed(PHOTO, quality).crop((shift, shift, 480, 480))
    found = estimate(luma(compressed(first, 95)))
    assert found.quality is not None and abs(found.quality - quality) <= 3
    assert found.offset == (-shift % 8, -shift % 8)


def test_no_compression_is_seen_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    for plane in (
        luma(PHOTO),
        rng.random((96, 96)),
        np.zeros((64, 64)),
        np.linspace(0, 1, 128 * 128).reshape(128, 128),
    ):
        found = estimate(np.asarray(plane, np.float32))
        assert found.quality is None or found.confidence < 0.5


GRADIENTS = {
    "three slopes of luma, where channels are clipped": [(86, -1.42, -1.17), (8, -0.97, 1.4), (136, -1.21, -1.39)],
    "on a shifted grid": [(77, -1.49, 1.45), (141, -0.01, -1.19), (18, -1.52, 1.81)],
}
"""Value at the corner, step to the right and step down, of red, green and blue."""


def gradient(channels: list[tuple[float, float, float]]) -> Image.Image:
    y, x = np.mgrid[:256, :256]
    values = np.stack([corner + right * x + down * y for corner, right, down in channels], axis=-1)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("channels", GRADIENTS.values(), ids=GRADIENTS)
def test_a_drawn_gradient_is_not_taken_for_compressed_and_a_compressed_one_is(channels) -> None:
    picture = gradient(channels)
    assert estimate(luma(picture)).confidence < 0.5
    found = estimate(luma(compressed(picture, 30)))
    assert found.quality is not None and abs(found.quality - 30) <= 5 and found.confidence >= 0.5


def test_one_edge_on_nothing_does_not_overflow() -> None:
    wave = np.cos((2 * np.arange(8) + 1) * np.pi / 16).astype(np.float32)
    picture = np.full((320, 320), 0.5, np.float32)
    for block in range(20):
        size = 0.4 if block == 0 else 0.002 + 0.0003 * block
        picture[160:168, 16 * block : 16 * block + 8] += size * wave
        picture[80:88, 16 * block : 16 * block + 8] += size * wave[:, None]
    assert 0 <= estimate(picture).confidence <= 1


def test_small_pictures_say_nothing() -> None:
    assert estimate(np.zeros((23, 300), np.float32)).quality is None
    with pytest.raises(InvalidOption, match="one plane"):
        estimate(np.zeros((3, 64, 64), np.float32))


@pytest.mark.parametrize("quality", [1, 10, 50, 77, 98])
def test_the_steps_are_those_of_libjpeg(quality: int) -> None:
    whole = Image.open(io.BytesIO(saved(quality))).quantization[0]
    expected = [whole[8 * row + column] for row, column in estimation.FREQUENCIES]
    assert [int(estimation.quality_steps(i, np.array([quality]))[0]) for i in range(len(estimation._BASE))] == expected


def test_the_two_phases_with_the_largest_steps_are_tried() -> None:
    """A step at every eighth row from 3, a smaller one from 6: their phases, and no others, are candidates."""
    rows = np.arange(160)
    column = 0.02 * ((rows + 5) // 8 % 2) + 0.01 * ((rows + 2) // 8 % 2)
    assert sorted(estimation._edges(np.tile(column[:, None], (1, 160)).astype(np.float32))) == [3, 6]
