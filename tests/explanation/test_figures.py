"""The numbers behind the general figures, against values that are known beforehand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.explanation.conftest import as_jpeg, clear_picture
from tests.jpeg.conftest import as_ycck

from jpegmend import blocks, restore
from jpegmend.explanation.coefficients import movements
from jpegmend.explanation.drawing import Drawing
from jpegmend.explanation.general import grid_crop, power, steps_by_phase
from jpegmend.explanation.panels import Panel, mosaic, signed
from jpegmend.explanation.subject import prepare
from jpegmend.restoration.options import Options


@pytest.fixture(scope="module")
def subject(photo, clear):
    return prepare(photo, Options(), clear)


def test_the_page_that_is_asked_for_is_explained(tmp_path):
    path = tmp_path / "pages.tif"
    first, second = (Image.fromarray(np.full((side, side), 90, np.uint8)) for side in (48, 64))
    first.save(path, save_all=True, append_images=[second])
    found = prepare(path, Options(page=2, quality=20))
    assert (found.opened.height, found.opened.width) == found.final.pixels.shape == (64, 64)


@pytest.mark.parametrize("cut", [(0, 0), (3, 6)])
def test_lines_lie_on_the_edges_of_blocks(cut):
    pixels = np.asarray(Image.open(io.BytesIO(as_jpeg(clear_picture()))))[cut[0] :, cut[1] :]
    found = prepare(pixels, Options())
    assert found.final.report.grid == (-cut[0] % 8, -cut[1] % 8)
    drawing = grid_crop(found)
    panel, (window,) = drawing.figure().axes[0], found.strongest(1, 40)
    across, down = (
        {round((line.get_data()[axis][0] + 0.5) / 8) for line in panel.lines if len(set(line.get_data()[axis])) == 1}
        for axis in (0, 1)
    )
    for lines, begin, length, shift in ((down, window.top, 40, cut[0]), (across, window.left, 40, cut[1])):
        assert lines == {n for n in range(1, length) if (n + begin + shift) % 8 == 0}
    assert ("the file's" in drawing.caption) == (cut == (0, 0))


def test_the_ink_of_a_ycck_file_is_not_compared_with_the_luma_of_the_reference():
    found = prepare(as_ycck(as_jpeg(clear_picture().convert("CMYK"))), Options(), clear_picture())
    assert found.colour == "ycck" and found.clear is None and found.component == "the first component"


@pytest.mark.parametrize("model", ["mend-s", "arcnn"])
def test_contradictions_are_those_of_the_restoration(model):
    """All planes together, and each by itself, of which the first counts."""
    pixels = np.array(clear_picture(64, 96))
    pixels[:, 50:] = 255 * (np.indices((64, 46)).sum(0) % 2)[..., None]
    file = as_jpeg(Image.fromarray(pixels), quality=75)
    share = restore(file, model=model).report.contradicted
    assert 0.4 < share < 0.9
    assert prepare(file, Options(model=model)).final.report.contradicted == share


def test_blocks_of_one_value_have_steps_at_their_edges_only():
    plane = np.random.default_rng(0).random((6, 9)).astype(np.float32).repeat(8, 0).repeat(8, 1)
    steps = steps_by_phase(plane)
    assert steps[0] > 10
    assert not steps[1:].any()


def test_a_wave_is_a_peak_at_its_frequency():
    columns = np.arange(256)
    plane = np.tile(0.5 + 0.3 * np.cos(2 * np.pi * columns / 8), (192, 1)).astype(np.float32)
    found = power(plane)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert row == 64
    assert abs(column - 64) == 128 // 8


def test_every_coefficient_of_the_result_is_in_its_cell(subject):
    for moved in movements(subject):
        assert np.abs(moved.final).max() <= 1
    assert [moved.name for moved in movements(subject)] == ["luma", "Cb"]


def test_movement_is_that_of_the_planes(subject):
    luma = movements(subject)[0]
    part = subject.opened.components[0]
    change = subject.final.planes[0] - blocks.decode(part.levels, part.table)
    expected = blocks.dct(blocks.split_blocks(255 * change[: 8 * luma.final.shape[0], : 8 * luma.final.shape[1]]))
    assert np.allclose(luma.final * luma.half, expected, atol=0.01)


def test_the_region_is_where_the_change_is(subject):
    found = subject.strongest(3, 32)
    sums = [np.square(subject.change[window.slices]).sum() for window in found]
    assert sums == sorted(sums, reverse=True)
    assert all(window.height == window.width == 32 for window in found)
    everywhere = [
        np.square(subject.change[top : top + 32, left : left + 32]).sum()
        for top in range(0, 113, 16)
        for left in range(0, 177, 16)
    ]
    assert sums[0] == pytest.approx(max(everywhere), rel=1e-4)


def test_pixels_are_enlarged_by_whole_numbers():
    pixels = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    drawing = Drawing(
        name="a", title="a", caption="a", alt="a", draw=lambda: mosaic([Panel(pixels, "title")], 1, zoom=5)
    )
    buffer = io.BytesIO()
    drawing.figure().savefig(buffer, format="png", dpi=100)
    drawn = np.asarray(Image.open(buffer).convert("L"))
    expected = (pixels.repeat(5, 0).repeat(5, 1) * 255).astype(int)
    height, width = drawn.shape
    places = [
        (top, left)
        for top in range(height - 99)
        for left in range(0, 30)
        if left + 150 <= width and np.abs(drawn[top : top + 100, left : left + 150].astype(int) - expected).max() <= 2
    ]
    assert len(places) == 1


@pytest.mark.parametrize("shape", [(16, 5000), (5000, 16), (20000, 1000, 3)])
def test_long_narrow_pictures_have_figures_of_a_usual_size(shape):
    figure = mosaic([Panel(np.ones(shape, np.float32), "title")] * 3, 3)
    assert max(figure.get_size_inches() * figure.dpi) <= 1700
    assert all(min(axis.get_images()[0].get_array().shape[:2]) for axis in figure.axes)


def test_zero_is_the_middle_of_a_signed_scale():
    scale = signed(np.array([-1.0, 3.0]), "words")
    assert scale.low == -scale.high
    assert 2.9 < scale.high <= 3.0
