"""Quantising the restored planes gives the file's levels."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegmend import blocks, jpeg, restore
from jpegmend.errors import InvalidOption


def levels_again(restored, image):
    """Levels of the restored planes by the file's tables, and the file's levels, for every component."""
    top = max(c.vertical for c in image.components), max(c.horizontal for c in image.components)
    for plane, component in zip(restored.planes, image.components, strict=True):
        rows, columns = component.levels.shape[:2]
        v, h = top[0] // component.vertical, top[1] // component.horizontal
        if plane.shape[0] >= rows * 8 * v and plane.shape[1] >= columns * 8 * h:
            small = blocks.down_box(plane[: rows * 8 * v, : columns * 8 * h], v, h)
        else:
            small = plane[: rows * 8, : columns * 8]
        yield blocks.quantise(small, component.table), component.levels


@pytest.mark.parametrize("quality", [10, 50, 95])
@pytest.mark.parametrize("kind", ["4:4:4", "4:2:2", "4:2:0", "gray", "progressive"])
@pytest.mark.parametrize("strength", [0.4, 1])
def test_levels_come_back(kind, quality, strength, make_card, draw, encode):
    # Blurs the picture away, so that without projection hardly a level would stay.
    card = make_card("blur")
    options = {"4:4:4": {"subsampling": 0}, "4:2:2": {"subsampling": 1}, "gray": {"mode": "L"}}
    options |= {"4:2:0": {"subsampling": 2}, "progressive": {"progressive": True}}
    data = encode(draw(75, 93), quality=quality, **options[kind])
    restored = restore(data, model=card, keep_planes=True, consistent=True, strength=strength)
    for again, levels in levels_again(restored, jpeg.read(data)):
        assert np.array_equal(again, levels)


@pytest.mark.parametrize("name", ["4-4-0", "4-1-1", "3x1", "1x3"])
def test_levels_come_back_for_other_samplings(name, make_card, odd_files):
    restored = restore(odd_files[name], model=make_card("blur"), keep_planes=True, consistent=True)
    for again, levels in levels_again(restored, jpeg.read(odd_files[name])):
        assert np.array_equal(again, levels)


def test_levels_come_back_from_tiles(make_card, draw, encode):
    card = make_card("blur", bytes_per_pixel=100_000.0)
    data = encode(draw(200, 175), quality=10)
    restored = restore(data, model=card, keep_planes=True, consistent=True)
    assert restored.report.tiles > 4
    for again, levels in levels_again(restored, jpeg.read(data)):
        assert np.array_equal(again, levels)


@pytest.mark.parametrize("name", ["1x1-2x2-2x2", "2x2-2x1-1x2", "3x2-1x2-1x1"])
def test_planes_alone_come_back(name, make_card, odd_files):
    restored = restore(odd_files[name], model=make_card("blur"), keep_planes=True, consistent=True)
    for plane, component in zip(restored.planes, jpeg.read(odd_files[name]).components, strict=True):
        rows, columns = component.levels.shape[:2]
        again = blocks.quantise(plane[: rows * 8, : columns * 8], component.table)
        assert np.array_equal(again, component.levels)


def test_without_projection_levels_change(make_card, draw, encode):
    data = encode(draw(75, 93), quality=50)
    restored = restore(data, model=make_card("blur"), keep_planes=True, consistent=False)
    changed = [not np.array_equal(again, levels) for again, levels in levels_again(restored, jpeg.read(data))]
    assert all(changed)
    assert not restored.report.consistent


def test_on_by_default_and_said(make_card, draw, encode):
    report = restore(encode(draw(75, 93), quality=50), model=make_card("identity")).report
    assert report.consistent
    assert report.consistent_why.startswith("on")


def test_not_possible_without_tables(identity, draw):
    with pytest.raises(InvalidOption, match="needs a JPEG"):
        restore(draw(40, 40), model=identity, consistent=True)


def test_re_encoding_gives_back_the_file_when_quantised_from_gray_pixels(make_card, draw, encode):
    """From the 16-bit pixels of a gray file, not only from its planes."""
    data = encode(draw(64, 64), mode="L", quality=20)
    restored = restore(data, model=make_card("blur"))
    (component,) = jpeg.read(data).components
    again = blocks.quantise(restored.to_array(16).astype(np.float32) / 65535, component.table)
    assert (again == component.levels).mean() > 0.999
    assert Image.open(io.BytesIO(data)).size == (64, 64)
