"""Truncated and damaged files: what can be decoded is returned, missing blocks are counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegmend import jpeg
from jpegmend.errors import DamagedJpeg, InputError


def data_start(data: bytes) -> int:
    """Offset of the first entropy-coded byte."""
    scan = data.index(b"\xff\xda")
    return scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")


@pytest.fixture(scope="module")
def whole(draw, encode) -> dict[str, bytes]:
    picture = draw(160, 200)
    return {
        "gray": encode(picture, mode="L"),
        "4:4:4": encode(picture, subsampling=0),
        "4:2:0": encode(picture, subsampling=2),
        "progressive": encode(picture, progressive=True),
        "restart": encode(picture, restart_marker_rows=1),
    }


@pytest.mark.parametrize("name", ["gray", "4:4:4", "4:2:0", "restart"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_cut_file_gives_what_is_there(name, kept, whole):
    data = whole[name]
    sound, cut = jpeg.read(data), jpeg.read(data[: data_start(data) + int(kept * (len(data) - data_start(data)))])
    assert cut.lost == pytest.approx(1 - kept, abs=0.08)
    assert "early" in cut.warnings[0]
    # The last MCU that arrived may be garbled; all before it are the sound file's.
    columns = sound.components[0].levels.shape[1]
    intact = int((1 - cut.lost) * sound.components[0].levels.shape[0]) - 1
    rows = slice(0, max(0, intact // 2 * 2))
    assert np.array_equal(cut.components[0].levels[rows], sound.components[0].levels[rows])
    assert columns == cut.components[0].levels.shape[1]


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1), name=st.sampled_from(["4:2:0", "progressive", "restart"]))
def test_any_cut(whole, share, name):
    data = whole[name][: int(share * len(whole[name]))]
    if len(data) < data_start(whole[name]):
        with pytest.raises(InputError):
            jpeg.read(data)
        return
    image = jpeg.read(data)
    assert 0 <= image.lost <= 1
    assert (image.warnings == ()) == (len(data) == len(whole[name]))


def test_more_missing_is_more_lost(whole):
    data = whole["4:2:0"]
    losses = [jpeg.read(data[:end]).lost for end in range(data_start(data), len(data), len(data) // 12)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0.98


def test_a_sequential_file_without_the_scan_of_a_component_is_told(stored):
    data = stored["one-scan-each"]
    last = data.rindex(b"\xff\xda")
    sound, without = jpeg.read(data), jpeg.read(data[:last] + b"\xff\xd9")
    assert sound.warnings == () and sound.header.unknown_bits is None
    assert "33% of the frequencies" in without.warnings[0]
    assert [int(part.unknown_bits.min()) for part in without.components] == [0, 0, 16]


def test_a_missing_end_marker_alone_loses_nothing(whole):
    for data in whole.values():
        image = jpeg.read(data[:-2])
        assert image.lost == 0
        assert image.warnings


def test_a_progressive_file_without_its_refinements_loses_nothing(whole):
    data = whole["progressive"]
    second = data.index(b"\xff\xda", data_start(data))
    image = jpeg.read(data[: second + 60])
    assert image.lost == 0
    assert any("early" in line for line in image.warnings)
    assert jpeg.read(data[: data_start(data) + 100]).lost > 0.3


def test_components_that_never_came_are_lost(stored):
    data = stored["one-scan-each"]
    image = jpeg.read(data[: data.index(b"\xff\xda", data_start(data))])
    blocks = [c.levels.shape[0] * c.levels.shape[1] for c in image.components]
    assert image.lost == pytest.approx((blocks[1] + blocks[2]) / sum(blocks))
    assert not image.components[1].levels.any()


def test_restart_markers_confine_the_loss(whole):
    data = whole["restart"]
    marks = [i for i in range(data_start(data), len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    middle = len(marks) // 2
    gap = data[: marks[middle] + 2 + (marks[middle + 1] - marks[middle]) // 2] + data[marks[middle + 1] :]
    sound, broken = jpeg.read(data), jpeg.read(gap)
    assert 0 < broken.lost < 0.8 / len(marks)
    assert np.array_equal(sound.components[0].levels[:2], broken.components[0].levels[:2])
    assert np.array_equal(sound.components[0].levels[-2:], broken.components[0].levels[-2:])


def test_strict_refuses_what_is_damaged(whole):
    for data in whole.values():
        assert jpeg.read(data, strict=True).lost == 0
        with pytest.raises(DamagedJpeg, match="strict"):
            jpeg.read(data[:-2], strict=True)
        with pytest.raises(DamagedJpeg, match="strict"):
            jpeg.read(data[: data_start(data) + 60] + data[data_start(data) + 90 :], strict=True)


def test_a_bad_segment_after_the_first_scan_costs_only_what_follows(whole):
    data = whole["progressive"]
    second = data.index(b"\xff\xda", data_start(data))
    for bad in (b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0", b"\xff\xdb\0\3\x77", b"\xff\xda\0\2"):
        image = jpeg.read(data[:second] + bad + data[second:])
        assert image.lost == 0
        assert "left out" in image.warnings[0]
        assert image.components[0].levels[..., 0, 0].any()
