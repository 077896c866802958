"""Earlier compressions of pictures that were scaled since are found in real files, and nowhere else."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jpegmend.blocks.scaled_grid import Scaled, find_scaled

PHOTO = Image.fromarray(data.astronaut()).convert("L")


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def scaled(picture: Image.Image, scale: float, how: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), how)


def found_in(picture: Image.Image, quality: int | None = 85) -> Scaled | None:
    seen = picture if quality is None else compressed(picture, quality)
    return find_scaled(np.asarray(seen, np.float32) / 255, own_grid=quality is not None)


@pytest.mark.parametrize("how", [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
@pytest.mark.parametrize("scale", [0.8, 0.9, 1.25, 1.6])
def test_quality_scale_and_place(scale: float, how: Image.Resampling) -> None:
    first, cut = 12, (5, 3)
    picture = scaled(compressed(PHOTO, first), scale, how)
    found = found_in(picture.crop((*cut, *picture.size)))
    assert found is not None and found.probability > 0.95
    assert abs(found.quality - first) <= 3
    for axis, moved, length in zip(found.scaling, (cut[1], cut[0]), picture.size, strict=True):
        assert axis.scale == pytest.approx(length / 512, rel=0.004)
        # The compressed picture's corner is a corner of a block.
        blocks = (axis.origin + moved) / (8 * axis.scale)
        assert abs(blocks - round(blocks)) < 0.12


def test_pixels_without_tables() -> None:
    found = found_in(scaled(compressed(PHOTO, 20), 1.5), None)
    assert found is not None and found.probability > 0.95
    assert found.scaling.rows.scale == pytest.approx(1.5, rel=0.003)


def cells() -> Image.Image:
    values = np.random.default_rng(3).integers(2, size=(64, 64)) * 150 + 30
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize("second", [None, 75, 92])
@pytest.mark.parametrize("kind", ["clear", "smaller", "larger", "once", "shifted", "cells", "larger cells", "flat"])
def test_nothing_is_found_elsewhere(kind: str, second: int | None) -> None:
    picture = {
        "clear": lambda: PHOTO,
        "smaller": lambda: scaled(PHOTO, 0.7),
        "larger": lambda: scaled(PHOTO, 1.5),
        "once": lambda: compressed(PHOTO, 10),
        "shifted": lambda: compressed(PHOTO, 10).crop((3, 5, 512, 512)),
        "cells": lambda: scaled(cells(), 6, Image.Resampling.NEAREST),
        "larger cells": lambda: scaled(cells(), 5, Image.Resampling.BICUBIC),
        "flat": lambda: Image.new("L", (400, 300), 120),
    }[kind]()
    found = found_in(picture, second)
    assert found is None or found.probability < 0.5


def test_small_pictures_say_nothing() -> None:
    assert find_scaled(np.zeros((80, 400), np.float32), own_grid=True) is None
