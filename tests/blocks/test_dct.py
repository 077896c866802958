import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegmend import blocks
from jpegmend.blocks.dct import BASIS
from jpegmend.errors import InvalidOption


def test_basis_is_orthonormal_and_is_the_formula_of_the_standard():
    assert np.abs(BASIS @ BASIS.T - np.eye(8)).max() < 1e-14
    for u in range(8):
        for x in range(8):
            scale = np.sqrt(1 / 8) if u == 0 else 0.5
            assert BASIS[u, x] == pytest.approx(scale * np.cos((2 * x + 1) * u * np.pi / 16), abs=1e-15)


def test_dct_is_the_separable_product_in_both_precisions(rng):
    values = rng.normal(0, 100, (3, 5, 8, 8))
    expected = BASIS @ values @ BASIS.T
    assert np.abs(blocks.dct(values) - expected).max() < 1e-11
    single = blocks.dct(values.astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(single - expected).max() < 1e-3


def test_idct_is_inverse_and_transpose(rng):
    x, y = rng.normal(0, 1, (2, 4, 8, 8))
    assert np.abs(blocks.idct(blocks.dct(x)) - x).max() < 1e-13
    assert np.vdot(blocks.dct(x), y) == pytest.approx(np.vdot(x, blocks.idct(y)), abs=1e-11)
    assert np.square(blocks.dct(x)).sum() == pytest.approx(np.square(x).sum())


def test_vertical_frequency_comes_first():
    stripes = np.tile((-1.0) ** np.arange(8), (8, 1))  # changes from column to column
    found = np.abs(blocks.dct(stripes))
    assert found[0, 7] == found.max() and np.abs(found[1:]).max() < 1e-12


def test_integers_become_float32():
    assert blocks.dct(np.ones((8, 8), np.int16)).dtype == np.float32


@given(st.integers(1, 5), st.integers(1, 5), st.booleans())
@settings(max_examples=20, deadline=None)
def test_unblocks_undoes_blocks_for_any_strides(rows, columns, transposed):
    plane = np.arange(rows * columns * 64).reshape(rows * 8, columns * 8)
    plane = plane.T if transposed else plane
    cut = blocks.split_blocks(plane)
    assert np.array_equal(cut[-1, -1], plane[-8:, -8:])
    again = blocks.join_blocks(cut)
    assert np.array_equal(again, plane) and again.flags.c_contiguous


def test_leading_axes_pass_through(rng):
    stack = rng.normal(size=(2, 3, 16, 24))
    assert blocks.split_blocks(stack).shape == (2, 3, 2, 3, 8, 8)
    assert np.array_equal(blocks.join_blocks(blocks.split_blocks(stack)), stack)


@pytest.mark.parametrize("shape", [(7, 8), (8, 20), (64,)])
def test_sides_that_are_no_blocks_are_refused(shape):
    with pytest.raises(InvalidOption, match="multiples of 8"):
        blocks.split_blocks(np.zeros(shape))


def test_wrong_blocks_are_refused():
    with pytest.raises(InvalidOption, match="8, 8"):
        blocks.dct(np.zeros((8, 4)))
    with pytest.raises(InvalidOption, match="8, 8"):
        blocks.join_blocks(np.zeros((2, 8, 8)))
