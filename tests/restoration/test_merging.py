"""Quality and traces of a network, merged over tiles and windows into values of the whole picture."""

import json

import numpy as np
import pytest

from jpegmend import restore
from jpegmend.errors import InvalidOption
from jpegmend.restoration.merging import MergedAnswer
from jpegmend.restoration.tiles import Window
from jpegmend.runtimes import Answer


@pytest.fixture(scope="module")
def data(draw, encode):
    return encode(draw(304, 208), quality=30)


@pytest.mark.parametrize("tiling", [{}, {"tiling": "window", "window": 64}])
def test_tiles_give_the_quality_and_traces_of_the_whole(tiling, make_card, data):
    card = make_card("judge", **tiling)
    whole, tiled = (
        restore(data, model=card, traces=("half", "ends"), keep_planes=True, consistent=False, memory=memory)
        for memory in (None, 163_000_000)
    )
    planes = np.stack(tiled.planes)
    half = planes.reshape(3, 152, 2, 104, 2).mean((2, 4))
    assert tiled.report.tiles > 1
    for restored in (whole, tiled):
        assert restored.report.quality_by_network == pytest.approx(100 * planes[0].mean(), abs=1.5)
        assert [part.shape for part in restored.traces["ends"]] == [(3, 304, 208)] * 2
        np.testing.assert_allclose(restored.traces["half"][0], half, rtol=0, atol=1e-5)
        np.testing.assert_allclose(restored.traces["ends"][0], planes, rtol=0, atol=1e-5)
        np.testing.assert_allclose(restored.traces["ends"][1], planes**2, rtol=0, atol=1e-5)
    assert json.dumps(tiled.report.as_dict())


def test_blocks_that_are_replaced_in_part_count_by_that_part():
    merged = MergedAnswer(16, 32, 8)
    assert merged.contradicted is None
    merged.add_kept(np.array([[0.25, 1]], np.float32))
    merged.add_kept(np.array([[1, 1]], np.float32))
    assert merged.contradicted == 0.75 / 4


def test_quality_is_weighted_by_pixels():
    merged = MergedAnswer(16, 32, 8)
    for left, width, quality in ((0, 8, 20.0), (8, 24, 60.0)):
        part = Window(0, 16, left, left + width)
        planes = np.zeros((1, 16, width), np.float32)
        merged.add(Answer(planes, quality), part, part)
    assert merged.quality == pytest.approx(50.0)
    assert MergedAnswer(16, 32, 8).quality is None


def test_traces_off_the_grid_are_those_of_the_first_tile():
    merged = MergedAnswer(8, 16, 8)
    vector, scalar, odd = np.arange(3, dtype=np.float32), np.float32(2), np.ones((1, 3, 8), np.float32)
    for left in (0, 8):
        part = Window(0, 8, left, left + 8)
        traces = {"vector": (vector + left,), "scalar": (np.asarray(scalar + left),), "odd": (odd + left,)}
        merged.add(Answer(np.zeros((1, 8, 8), np.float32), None, traces), part, part)
    assert np.array_equal(merged.traces["vector"][0], vector)
    assert merged.traces["scalar"][0] == 2
    assert np.array_equal(merged.traces["odd"][0], odd)


def test_only_luma_speaks_where_components_go_alone(make_card, data):
    restored = restore(data, model=make_card("judge", planes="y"), traces=("ends",), keep_planes=True, consistent=False)
    np.testing.assert_allclose(restored.traces["ends"][0], restored.planes[0][None], rtol=0, atol=1e-6)
    assert restored.report.quality_by_network == pytest.approx(100 * restored.planes[0].mean(), abs=0.06)


def test_a_quality_from_the_middle_is_told_to_every_tile(make_card, encode):
    picture = np.full((512, 512, 3), 255, np.uint8)
    picture[128:384, 128:384] = 40 * 255 // 100
    data = encode(picture, mode="L", quality=100)
    options = {"keep_planes": True, "consistent": False}
    plain = restore(data, model=make_card("identity", planes="y"), **options)
    blind = restore(data, model=make_card("blind", planes="y", bytes_per_pixel=5e4), memory=400_000_000, **options)
    assert blind.report.tiles > 1
    assert blind.report.quality_by_network == pytest.approx(40, abs=0.1)
    assert blind.planes[0] - plain.planes[0] == pytest.approx(0.04, abs=1e-3)
    told = restore(data, model=make_card("blind", planes="y"), quality=70, **options)
    assert told.planes[0] - plain.planes[0] == pytest.approx(0.07, abs=1e-6)


def test_nothing_is_kept_unasked(make_card, data):
    card = make_card("judge")
    assert restore(data, model=card).traces == {}
    assert restore(data, model=card, strength=0, traces=("half",)).traces == {}
    assert restore(data, model=make_card("identity")).report.quality_by_network is None
    with pytest.raises(InvalidOption, match="no trace 'codes'"):
        restore(data, model=card, traces=("codes",))
    with pytest.raises(InvalidOption, match="several names"):
        restore(data, model=card, traces="half")
