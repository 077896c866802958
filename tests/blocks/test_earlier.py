"""Earlier compressions are found in real files, on the file's own grid and on shifted ones, and nowhere else."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jpegmend import jpeg
from jpegmend.blocks import earlier, find_earlier, shifted_grid
from jpegmend.blocks.dct import BASIS

PHOTO = Image.fromarray(data.astronaut()).crop((0, 0, 384, 320))


def saved(picture: Image.Image, quality: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def found_in(data: bytes, quality: int) -> earlier.Earlier | None:
    luma = jpeg.read(data).components[0]
    return find_earlier(luma.levels, luma.table, quality)


@pytest.mark.parametrize("second", [50, 75, 95])
@pytest.mark.parametrize("first", [10, 30])
@pytest.mark.parametrize("shift", [(0, 0), (0, 4), (3, 6)])
def test_compressed_twice(first: int, second: int, shift: tuple[int, int]) -> None:
    once = Image.open(io.BytesIO(saved(PHOTO, first))).convert("RGB")
    found = found_in(saved(once.crop((shift[1], shift[0], *once.size)), second), second)
    assert found is not None and found.probability > 0.9
    assert found.offset == (-shift[0] % 8, -shift[1] % 8)
    assert abs(found.quality - first) <= 3


def drawing(kind: str) -> Image.Image:
    """Flat and periodic pictures whose coefficients have few values, as if quantised."""
    y, x = np.mgrid[:320, :320]
    values = {
        "stripes": 40 + 160 * (y // 4 % 2),
        "checks": 60 + 130 * ((x // 8 + y // 8) % 2),
        "dots": 220 - 180 * ((x % 6 < 2) & (y % 6 < 2)),
        "cells": np.random.default_rng(12).integers(2, size=(53, 53)).repeat(6, 0).repeat(6, 1) * 141,
        "letters": np.where(np.random.default_rng(0).integers(2, size=(80, 80)).repeat(4, 0).repeat(4, 1), 250, 10),
        "ramp": x * 0.7 + 10,
    }[kind]
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize("kind", ["photo", "gray", "stripes", "checks", "dots", "cells", "letters", "ramp"])
def test_compressed_once(kind: str) -> None:
    picture = PHOTO if kind == "photo" else PHOTO.convert("L") if kind == "gray" else drawing(kind)
    for quality in (15, 50, 75, 90, 98):
        found = found_in(saved(picture, quality), quality)
        assert found is None or found.probability < 0.5, quality


def test_the_error_of_a_shifted_grid_is_that_of_the_files_own() -> None:
    """Propagated variances against a simulation: independent coefficient errors, seen on a grid shifted by 3 and 6."""
    variance = np.random.default_rng(1).uniform(0.1, 9, (8, 8))
    noise = np.random.default_rng(2).normal(size=(4000, 2, 2, 8, 8)) * np.sqrt(variance)
    pixels = (BASIS.T @ noise @ BASIS).transpose(0, 1, 3, 2, 4).reshape(-1, 16, 16)
    seen = (BASIS @ pixels[:, 3:11, 6:14] @ BASIS.T).var(axis=0)
    over = shifted_grid._overlaps()
    expected = np.einsum("iux,xy,jvy->uv", over[3], variance, over[6])
    assert np.allclose(seen, expected, rtol=0.12)


def test_little_detail_says_nothing() -> None:
    assert found_in(saved(Image.new("RGB", (300, 300), (90, 120, 40)), 90), 90) is None
    assert find_earlier(np.zeros((1, 40, 8, 8), np.int16), np.full((8, 8), 4), 90) is None
