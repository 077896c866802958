"""Code statistics for a DCSC with known iterations: S = 1/2, so that codes approach twice their initial value."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from jpegmend.evaluation.report.code_statistics import as_markdown, code_statistics, decoded_and_clear, main
from jpegmend.models.dcsc import DCSC, Config


@pytest.fixture
def network():
    """One dilation copies the picture, G the feature, and H is a tenth of the code: U_r = (2 - 2^-r) J."""
    made = DCSC(Config(features=1, filters=2, dilations=(1,), iterations=4))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.extract[0].weight[0, 0, 1, 1] = 1
        made.G.weight[0, 0, 1, 1] = 1  # the second filter stays 0
        made.S.weight[0, 0, 1, 1] = 0.5
        made.W_R.weight[0, 0, 1, 1] = 0.1
    return made.eval()


def test_statistics_of_a_known_recursion(network):
    decoded = torch.full((1, 1, 16, 16), 0.4)
    clear = decoded * 1.25
    rows = code_statistics(network, [(decoded, clear)] * 2)
    assert [row.iteration for row in rows] == [0, 1, 2, 3, 4]
    assert math.isnan(rows[0].change) and all(row.zeros == pytest.approx(0.5) for row in rows)
    for r, row in enumerate(rows[1:], 1):
        assert row.change == pytest.approx(2.0**-r / (2 - 2.0**-r), rel=1e-5)
    for r, row in enumerate(rows):
        left = 0.25 - 0.1 * (2 - 2.0**-r)
        assert row.gain_db == pytest.approx(20 * math.log10(0.25 / left), rel=1e-4)


def test_table_shows_the_iterations_asked_for(network):
    rows = code_statistics(network, [(torch.full((1, 1, 8, 8), 0.4), torch.full((1, 1, 8, 8), 0.5))])
    assert as_markdown(rows, [0, 1, 99]).splitlines()[2:] == ["| 0 |  | 50 % | 4.44 |", "| 1 | 0.333 | 50 % | 7.96 |"]


def test_the_command_fills_a_page_with_a_released_network(tmp_path, capsys):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (48, 64), dtype=np.uint8)).save(tmp_path / "noise.png")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table:codes -->\n<!-- /table -->\nafter\n")
    main(["dcsc-32", str(tmp_path / "noise.png"), "--iterations", "3", "--page", str(page), "--shown", "0", "3", "9"])
    lines = page.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after"
    assert [line.split(" | ")[0] for line in lines[4:6]] == ["| 0", "| 3"] and len(lines) == 8
    decoded, clear = decoded_and_clear(tmp_path / "noise.png", 10)
    assert decoded.shape == clear.shape == (1, 1, 48, 64) and 0 < float((decoded - clear).abs().mean()) < 0.5
