"""Estimate of quality and block grid of text and drawings, on files that Pillow wrote."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from jpegmend.blocks import Compression, estimate_from_flat_areas, flat_areas, has_flat_areas
from jpegmend.jpeg.tables import standard_luma

TABLES = np.stack([standard_luma(quality) for quality in range(1, 98)]).astype(np.float32)
LINES = (
    "Black letters on white, 12 points",
    "are clipped by the decoder where",
    "(0123456789) the ringing goes beyond",
    "",
)


def page(ink: str = "black") -> Image.Image:
    picture = Image.new("RGB", (320, 240), "white")
    for row in range(12):
        place, font = (7 + row % 3, 5 + 19 * row), ImageFont.load_default(11 + row % 4)
        ImageDraw.Draw(picture).text(place, LINES[row % 4] + LINES[(row + 1) % 4], fill=ink, font=font)
    return picture


def drawing() -> Image.Image:
    picture = Image.new("RGB", (1024, 1024), "#f4e8c0")
    pen = ImageDraw.Draw(picture)
    for number in range(14):
        x, y = 70 * number, (397 * number) % 1000
        pen.ellipse((x, y, x + 250, y + 150 + 10 * number), fill=("#a03020", "#3060a0", "#408040")[number % 3])
    return picture.resize((256, 256), Image.Resampling.BOX)


def judged(picture: Image.Image) -> Compression:
    values = np.asarray(picture.convert("RGB"))
    luma = (values @ np.float32([0.299, 0.587, 0.114]) / 255).astype(np.float32)
    return estimate_from_flat_areas(luma, (values == 255).any(-1), (values == 0).any(-1), TABLES)


def compressed(picture: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


@pytest.mark.parametrize("quality", [10, 25, 50, 75, 90])
@pytest.mark.parametrize("offset", [(0, 0), (3, 6)])
@pytest.mark.parametrize("make", [page, drawing])
def test_compression_is_found(make, offset, quality) -> None:
    row, column = (-part % 8 for part in offset)
    found = judged(compressed(make(), quality).crop((column, row, 250, 230)))
    assert (found.quality, found.offset, found.turned) == (quality, offset, False)
    assert found.confidence > 0.5


@pytest.mark.parametrize("subsampling", [0, 2])
def test_coloured_letters(subsampling) -> None:
    found = judged(compressed(page("#802010"), 30, subsampling))
    assert found.quality == 30 and found.offset == (0, 0) and found.confidence > 0.5


def test_a_picture_that_was_turned_by_a_quarter() -> None:
    upright = compressed(page(), 30).crop((2, 5, 320, 240))
    found = judged(upright.transpose(Image.Transpose.TRANSPOSE))
    assert (found.quality, found.offset, found.turned) == (30, (6, 3), True)


def enlarged() -> Image.Image:
    cells = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    return Image.fromarray(cells).resize((256, 256), Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    "make",
    [
        page,
        drawing,
        enlarged,
        lambda: page().convert("1"),
        lambda: drawing().convert("1"),
        lambda: drawing().quantize(6),
        lambda: Image.new("RGB", (64, 64), "white"),
        lambda: Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (64, 1))),
    ],
)
def test_pictures_that_were_never_compressed(make) -> None:
    assert judged(make()).confidence < 0.25


def test_flat_areas_are_those_of_drawings_not_of_photographs() -> None:
    assert has_flat_areas(np.asarray(page().convert("L"), np.float32) / 255)
    assert not has_flat_areas(np.asarray(data.astronaut()[:300, :150, 1], np.float32) / 255)
    assert not has_flat_areas(np.zeros((24, 8), np.float32))


def test_small_pictures_say_nothing() -> None:
    assert judged(page().crop((0, 0, 23, 200))).quality is None


def test_the_flattest_grid() -> None:
    plane = np.zeros((83, 67), np.float32)
    plane[13:21, 11:19] = np.random.default_rng(0).random((8, 8))
    share, grid = flat_areas._flattest_grid(plane)
    assert grid == (5, 3) and share == pytest.approx(1 - 1 / 72)
