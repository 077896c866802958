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
    part = scaling.of_part((100, 40), (80, 90))
    assert (part.rows.origin - (scaling.rows.origin - 100)) % 12 < 1e-9
    assert (part.columns.scaled, part.rows.scaled) == (90, 80)
