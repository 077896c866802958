import json

import numpy as np
import pytest
from PIL import Image

from jpegmend import metrics
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.benchmark.window_cost import middle, window_cost
from jpegmend.evaluation.measure.degrade_and_score import degrade
from jpegmend.evaluation.measure.methods_under_test import Method
from jpegmend.evaluation.measure.protocols import find
from jpegmend.weights import read_card


@pytest.fixture
def pictures(tmp_path, photo):
    for seed in range(2):
        Image.fromarray(photo(100, 120, seed)).save(tmp_path / f"{seed}.png")
    return [tmp_path / f"{seed}.png" for seed in range(2)]


def work_in_windows(card_file, window):
    """Windows without halo: they have borders that the whole picture has not."""
    card = json.loads(card_file.read_text()) | {"tiling": "window", "window": window, "halo": 0}
    card_file.write_text(json.dumps(card))


def test_the_whole_is_what_the_network_does_without_windows(pictures, blur_card):
    exact = read_card(blur_card)
    work_in_windows(blur_card, 32)
    found = window_cost([str(blur_card)], pictures, find("rgb-444"), (30,), side=64)
    (line,) = found["window"]
    expected = []
    for path in pictures:
        trial = degrade(middle(np.asarray(Image.open(path)), 64), find("rgb-444"), (30,))
        expected.append(metrics.psnr(trial.truth, Method(exact).restore(trial.file)[0], peak=255))
    assert line["psnr_whole"] == pytest.approx(np.mean(expected), abs=1e-6)
    # Zero padding darkens the borders of each window: four windows of 32 have more of them than one of 64.
    assert line["difference"] == pytest.approx(line["psnr_whole"] - line["psnr"]) and line["difference"] > 0.01
    assert line["worst"] >= line["difference"]
    assert (found["side"], found["quality"], found["pictures"]) == (64, "30", 2)


def test_networks_that_do_not_work_in_windows_are_refused(pictures, blur_card):
    with pytest.raises(InvalidOption, match="jpeg works in windows of less than 64"):
        window_cost(["jpeg"], pictures, find("papers-gray"), (10,), side=64)
    work_in_windows(blur_card, 64)
    with pytest.raises(InvalidOption, match="name one that does"):
        window_cost([str(blur_card)], pictures, find("papers-gray"), (10,), side=64)


def test_the_middle_of_a_picture():
    picture = np.arange(10 * 20).reshape(10, 20).astype(np.uint8)
    assert (middle(picture, 4) == picture[3:7, 8:12]).all()
    assert middle(picture, 16).shape == (10, 16)
