import io

import numpy as np
import pytest
from PIL import Image

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import tables


@pytest.mark.parametrize("quality", [1, 2, 10, 24, 25, 49, 50, 51, 75, 95, 99, 100])
def test_standard_tables_are_those_pillow_writes(quality, draw):
    stream = io.BytesIO()
    Image.fromarray(draw(8, 8)).save(stream, "JPEG", quality=quality)
    written = Image.open(stream).quantization
    assert tables.standard_luma(quality).reshape(64).tolist() == written[0]
    assert tables.standard_chroma(quality).reshape(64).tolist() == written[1]


@pytest.mark.parametrize("chroma", [False, True])
def test_nearest_quality_finds_every_standard_table(chroma):
    make = tables.standard_chroma if chroma else tables.standard_luma
    for quality in range(1, 101):
        found, exact = tables.nearest_quality(make(quality), chroma)
        assert exact
        assert np.array_equal(make(found), make(quality))  # the lowest qualities share tables


def test_nearest_quality_of_a_foreign_table_is_near():
    table = tables.standard_luma(40)
    table[3, 3] += 1
    assert tables.nearest_quality(table) == (40, False)


def test_tables_without_the_baseline_limit_are_known():
    unlimited = (tables.standard_luma(50).astype(int) * 500 + 50) // 100
    assert tables.nearest_quality(unlimited) == (10, True)
    assert unlimited.max() > 255


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_qualities_outside_1_to_100_are_refused(quality):
    with pytest.raises(InvalidOption, match="1 to 100"):
        tables.standard_luma(quality)


def test_zigzag_walks_the_diagonals():
    rows, columns = tables.ZIGZAG // 8, tables.ZIGZAG % 8
    assert sorted(tables.ZIGZAG) == list(range(64))
    assert (np.diff(rows + columns) >= 0).all()
    assert (abs(np.diff(rows)) <= 1).all()
