"""Cards: their fields are checked, unknown ones are refused."""

import json

import pytest

from jpegmend.errors import WeightsDamaged
from jpegmend.weights import Card, read_card

LEAST = {"name": "x", "network": "mend", "title": "t", "planes": "y", "halo": 4}


def written(folder, **facts):
    path = folder / "x.json"
    path.write_text(json.dumps({key: value for key, value in facts.items() if value != "absent"}))
    return path


def test_a_card_is_read(tmp_path):
    card = read_card(written(tmp_path, **LEAST, inputs=["planes", "tables"], scores=[{"psnr_db": 29.4}]))
    assert card == Card(**LEAST, inputs=("planes", "tables"), scores=({"psnr_db": 29.4},))
    assert card.folder == tmp_path
    assert not card.released


@pytest.mark.parametrize(
    "change",
    [
        {"planes": "hsv"},
        {"tiling": "squares"},
        {"tiling": "window"},
        {"tiling": "window", "window": 8},
        {"tiling": "window", "window": 33, "multiple": 8},
        {"inputs": ["tables"]},
        {"inputs": ["planes", "mood"]},
        {"inputs": []},
        {"quality_from": "overview"},
        {"quality_from": "middle"},
        {"multiple": 0},
        {"halo": -1},
        {"halo": "absent"},
        {"halo": "wide"},
        {"bytes_per_pixel": 0},
        {"colour": "red"},
        {"caution": [[90, 1], [80, 0.5]]},
        {"caution": [[90, 1.5]]},
        {"caution": [[float("nan"), 1]]},
        {"caution": [[900, 1]]},
        {"caution": [[90]]},
        {"files": ["x.onnx"]},
        {"files": {"onnx": {"file": "x.onnx"}}},
        {"files": {"onnx": "x.onnx"}},
        {"tiling": "window", "window": 64, "multiple": 0},
    ],
    ids=str,
)
def test_contradictions_are_refused(change, tmp_path):
    with pytest.raises(WeightsDamaged):
        read_card(written(tmp_path, **{**LEAST, **change}))


@pytest.mark.parametrize("text", ["", "[]", "{", "3"])
def test_no_card(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(WeightsDamaged, match=r"x\.json"):
        read_card(path)


def test_a_card_that_is_not_there(tmp_path):
    with pytest.raises(WeightsDamaged, match="no card"):
        read_card(tmp_path / "x.json")
