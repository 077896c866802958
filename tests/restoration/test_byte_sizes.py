"""Parsing of memory sizes."""

import numpy as np
import pytest

import jpegmend
from jpegmend.errors import InvalidOption
from jpegmend.restoration.byte_sizes import parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2e9), ("800M", 8e8), ("1.5 GB", 1.5e9), ("4096", 4096), ("3GiB", 3 * 2**30), ("7kb", 7000), ("1KI", 1024)],
)
def test_sizes(text: str, size: float) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["much", "", "-1G", "2 apples", "3iB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidOption, match="2GiB"):
        parse_bytes(text)
    with pytest.raises(InvalidOption, match="2GiB"):
        jpegmend.Options(memory=text)


def test_memory_may_be_a_text() -> None:
    assert jpegmend.Options(memory="2GiB").memory_bytes == 2**31
    with pytest.raises(InvalidOption, match="memory"):
        jpegmend.restore(np.zeros((64, 64), np.uint8), memory="1M", quality=20)
