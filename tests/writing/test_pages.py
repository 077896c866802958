"""TIFF files of several pages."""

import io
import os
from collections.abc import Sequence

import numpy as np
import pytest

from jpegmend.errors import InvalidOption, OutputError
from jpegmend.jpeg import Metadata
from jpegmend.writing import files, tiff


@pytest.mark.skipif(os.name == "nt", reason="the file would take its 4 GiB of the disk")
def test_pages_beyond_4_gib_are_told_where_the_first_was_small(tmp_path):
    class Pages(Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, number):
            if number:
                raise IndexError
            stream.truncate((1 << 32) - 100)  # as if the pages before had been as large
            stream.seek(0, io.SEEK_END)
            return noise, Metadata(), False

    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    with (tmp_path / "x.tif").open("w+b") as stream, pytest.raises(OutputError, match="more than 4 GiB"):
        files.write(noise, Metadata(), stream, format="tiff", pages=Pages())


@pytest.mark.parametrize(("count", "form"), [(1, b"II*\0"), (5, b"II+\0")])
def test_a_tiff_of_many_pages_has_room_for_colour_after_a_gray_page(count, form, monkeypatch):
    monkeypatch.setattr(tiff, "_CLASSIC_BYTES", 10_000)
    page, stream = (np.zeros((30, 30), np.uint8), Metadata(), False), io.BytesIO()
    files.write(*page[:2], stream, format="tiff", pages=[page] * (count - 1))
    assert stream.getvalue()[:4] == form


def test_an_option_that_a_later_page_refuses_is_told_as_that(tmp_path):
    class Pages(list):
        def __iter__(self):
            raise InvalidOption("page 2: the memory allowed is too little")

    with pytest.raises(InvalidOption, match="page 2: the memory"):
        files.write(np.zeros((8, 8), np.uint8), Metadata(), tmp_path / "a.tif", pages=Pages([None]))
    assert list(tmp_path.iterdir()) == []
