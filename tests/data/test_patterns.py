"""Drawn pictures: what they hold, and their set."""

import numpy as np
import pytest
from PIL import Image

from jpegmend import cli
from jpegmend.data import patterns
from jpegmend.data.sets import locate

KINDS = 9


def _pixels(number: int) -> np.ndarray:
    return np.asarray(patterns.draw(number))


@pytest.mark.parametrize("kind", (0, 1, 4, 5, 6))
def test_dithering_and_chessboards_hold_two_colours(kind):
    for number in (kind, kind + KINDS):
        assert len(np.unique(_pixels(number).reshape(-1, 3), axis=0)) == 2


def test_dithering_has_the_tone_of_a_soft_picture():
    for number in (1, 5):
        tone = _pixels(number).astype(float).mean(2).reshape(16, 16, 16, 16).mean((1, 3))
        assert np.ptp(tone) > 4 * np.abs(np.diff(tone)).mean(), "means of 16x16 pixels change slowly"


def test_each_number_has_a_picture_of_its_own():
    drawn = [_pixels(number).tobytes() for number in range(2 * KINDS)]
    assert len(set(drawn)) == len(drawn)
    assert _pixels(3).tobytes() == drawn[3]


def test_the_set_is_drawn_where_it_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JPEGMEND_DATA", str(tmp_path))
    assert cli.run(["data", "check", "patterns"]) == 1
    assert cli.run(["data", "prepare", "patterns"]) == 0
    assert "Patterns: whole" in capsys.readouterr().out
    folder = locate("Patterns")
    assert len(list(folder.iterdir())) == 90
    (folder / "007.png").unlink()
    assert cli.run(["data", "check", "patterns"]) == 1
    assert cli.run(["data", "prepare", "patterns"]) == 0
    with Image.open(folder / "007.png") as again:
        assert again.mode == "RGB" and np.array_equal(np.asarray(again), _pixels(7))
