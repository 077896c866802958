import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegmend import blocks
from jpegmend.errors import InvalidOption

FACTORS = st.integers(1, 4)


@given(st.integers(1, 9), st.integers(1, 9), FACTORS, FACTORS, st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_down_box_is_the_scaled_adjoint_of_up_box(rows, columns, v, h, seed):
    rng = np.random.default_rng(seed)
    small, large = rng.normal(size=(rows, columns)), rng.normal(size=(rows * v, columns * h))
    down, up = blocks.down_box(large, v, h), blocks.up_box(small, v, h)
    assert np.vdot(v * h * down, small) == pytest.approx(np.vdot(large, up), abs=1e-10)
    assert np.allclose(blocks.down_box(up, v, h), small, atol=1e-14)
    assert np.allclose(down, large.reshape(rows, v, columns, h).mean(axis=(1, 3)))


def libjpeg_h2v1(row: list[int]) -> list[int]:
    """One row as jdsample.c's h2v1_fancy_upsample does it, in whole numbers."""
    out = [row[0], (row[0] * 3 + row[1] + 2) >> 2]
    for i in range(1, len(row) - 1):
        out += [(row[i] * 3 + row[i - 1] + 1) >> 2, (row[i] * 3 + row[i + 1] + 2) >> 2]
    return [*out, (row[-1] * 3 + row[-2] + 1) >> 2, row[-1]]


@given(st.lists(st.integers(0, 255), min_size=3, max_size=12))
def test_fancy_rows_are_those_of_libjpeg_before_rounding(row):
    ours = blocks.up_fancy(np.array([row], np.float64), 1, 2)[0]
    assert np.abs(ours - libjpeg_h2v1(row)).max() <= 0.5


def test_fancy_doubles_rows_alike():
    plane = np.array([[0.0, 8.0], [4.0, 8.0], [8.0, 0.0]])
    assert blocks.up_fancy(plane, 2, 1)[:, 0].tolist() == [0, 1, 3, 5, 7, 8]
    assert blocks.up_fancy(plane, 2, 1)[:, 1].tolist() == [8, 8, 8, 6, 2, 0]


def test_fancy_in_both_directions_is_one_after_the_other(rng):
    plane = rng.normal(size=(5, 7))
    both = blocks.up_fancy(blocks.up_fancy(plane, 1, 2), 2, 1)
    assert np.allclose(blocks.up_fancy(plane, 2, 2), both)
    # Inside, jdsample.c's weights: 9, 3, 3, 1 sixteenths.
    corner = (9 * plane[2, 3] + 3 * plane[2, 4] + 3 * plane[3, 3] + plane[3, 4]) / 16
    assert blocks.up_fancy(plane, 2, 2)[5, 7] == pytest.approx(corner)


@pytest.mark.parametrize(("v", "h"), [(1, 1), (1, 4), (4, 1), (2, 4), (3, 3)])
def test_other_factors_repeat_samples(rng, v, h):
    plane = rng.normal(size=(4, 5))
    assert np.array_equal(blocks.up_fancy(plane, v, h), np.repeat(np.repeat(plane, v, 0), h, 1))


def test_two_columns_are_repeated_and_three_are_not(rng):
    narrow = rng.normal(size=(6, 2))
    assert np.array_equal(blocks.up_fancy(narrow, 2, 2), blocks.up_box(narrow, 2, 2))
    wider = rng.normal(size=(6, 3))
    assert not np.allclose(blocks.up_fancy(wider, 2, 2), blocks.up_box(wider, 2, 2))


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([(1, 2), (2, 1), (2, 2)]))
@settings(deadline=None)
def test_fancy_keeps_flat_planes_flat_at_any_size(rows, columns, factors):
    plane = np.full((rows, columns), 0.3, np.float32)
    larger = blocks.up_fancy(plane, *factors)
    assert larger.shape == (rows * factors[0], columns * factors[1])
    assert larger.dtype == np.float32 and np.abs(larger - 0.3).max() < 1e-6


def test_input_is_never_written_to(rng):
    plane = rng.normal(size=(8, 8)).astype(np.float32)
    before = plane.copy()
    for change in (blocks.up_box, blocks.up_fancy, blocks.down_box):
        for factors in ((1, 1), (2, 2)):
            result = change(plane, *factors)
            result += 1
            assert np.array_equal(plane, before)


def test_wrong_factors_and_sizes_are_refused():
    with pytest.raises(InvalidOption, match="whole number of 2x2 boxes"):
        blocks.down_box(np.zeros((4, 5)), 2, 2)
    with pytest.raises(InvalidOption, match="whole numbers from 1"):
        blocks.up_box(np.zeros((4, 4)), 0, 1)
    with pytest.raises(InvalidOption, match="whole numbers from 1"):
        blocks.up_fancy(np.zeros((4, 4)), 1, 1.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="not empty"):
        blocks.up_fancy(np.zeros((0, 4)), 2, 2)
