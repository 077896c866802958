"""Scaling of planes by any factor and back, against positions computed by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jpegmend.blocks import Scaling

SCALES = st.floats(0.56, 3.0)
EDGES = st.floats(0, 24)


@given(SCALES, SCALES, EDGES, EDGES)
def test_samples_keep_their_place(down: float, across: float, top: float, left: float) -> None:
    """Lanczos resampling keeps a ramp, so each value tells where its sample was taken; ends are repeated."""
    scaling = Scaling.from_blocks((90, 120), (down, across), (top, left))
    y, x = np.mgrid[:90, :120].astype(np.float32)
    for axis, ramp in ((0, y), (1, x)):
        part = scaling[axis]
        assert -8 * part.scale <= part.origin <= 0
        original = scaling.undo(ramp)
        assert original.shape == (scaling.rows.original, scaling.columns.original)
        seen = np.moveaxis(original, axis, 0)[:, 5]
        places = part.origin + (np.arange(part.original) + 0.5) * part.scale - 0.5
        inside = (places > 8) & (places < part.scaled - 9)
        assert np.abs(seen - places)[inside].max() < 0.2
        grid = np.mgrid[: scaling.rows.original, : scaling.columns.original][axis].astype(np.float32)
        again = np.moveaxis(scaling.redo(grid), axis, 0)[:, 5]
        places = ((np.arange(part.scaled) + 0.5) - part.origin) / part.scale - 0.5
        inside = (places > 8) & (places < part.original - 9)
        assert again.shape == (part.scaled,) and np.abs(again - places)[inside].max() < 0.2


def test_the_original_covers_the_picture_and_begins_at_a_block() -> None:
    scaling = Scaling.from_blocks((300, 301), (1.5, 0.75), (5.0, 6.0))
    assert scaling.rows.origin == 5.0 - 12 and scaling.columns.origin == 0.0
    assert scaling.rows.origin + scaling.rows.original * 1.5 >= 300


@given(SCALES, SCALES, EDGES, EDGES)
def test_rows_of_whole_blocks_are_those_of_the_original(down: float, across: float, top: float, left: float) -> None:
    scaling = Scaling.from_blocks((120, 130), (down, across), (top, left))
    plane = np.random.default_rng(1).random((120, 130), np.float32)
    original = scaling.undo(plane)
    (first, rows), (left_block, columns) = (axis.whole_blocks for axis in scaling)
    for axis, start, count in zip(scaling, (first, left_block), (rows, columns), strict=True):
        begin, end = axis.edges(start, count)
        assert -1e-6 <= begin < 8 * axis.scale and axis.scaled - 8 * axis.scale < end <= axis.scaled + 1e-4
    for number in (first + 1, first + rows - 2):  # at the edges of the picture one repeats them and the other does not
        blocks = scaling.undo_blocks(plane, number)
        assert blocks.shape == (8, 8 * columns)
        same = original[8 * number :][:8, 8 * left_block :][:, : 8 * columns]
        assert np.abs(blocks - same)[:, 8:-8].max() < 1e-4
