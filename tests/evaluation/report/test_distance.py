"""Table of the difference between our networks and their papers."""

import pytest
from tests.evaluation.made_up import mean, result

from jpegmend import weights
from jpegmend.evaluation.papers import published
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.report import distance
from jpegmend.weights import Card


def lines_of(text, name):
    return [line for line in text.splitlines() if line.startswith(f"| {name} |")]


def test_a_released_network_stands_beside_the_printed_figure():
    text = distance.table([result(mean("mend-s", psnr=29.0), mean("mend-s", quality="20", psnr=float("nan")))])
    (line,) = lines_of(text, "mend-s")
    assert "| Classic5 | 29.00 (-0.40) |  |" in line
    assert "k multiply-adds a pixel" in line and "minutes" in line


def test_the_projection_is_not_what_papers_measured():
    (line,) = lines_of(distance.table([result(mean("mend-s", psnr=29.0, consistent=True))]), "mend-s")
    assert "29.0" not in line and "no result stored" in line


def test_networks_without_weights_say_so():
    (line,) = lines_of(distance.table([]), "dual")
    assert "not trained; recipe: `recipes/dual.toml`" in line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mend-s", ("DnCNN", "29.40")),
        ("mend-m", ("FBCNN", "30.12")),
        ("arcnn", ("ARCNN", "29.03")),
        ("dcsc-32", ("DCSC", "29.25")),  # not a row of its own: the whole network's
        ("dcsc-128", ("DCSC-128", "29.62")),
        ("qgcn-gray", ("QGCN", None)),
        ("cqr", ("CQR", "29.92")),
        ("mdu-16", ("MDU", "29.95")),
    ],
)
def test_a_network_is_compared_with_its_own_printed_rows(name, expected):
    method, psnr = expected
    found = distance.reference(weights.MODELS[name])
    assert found.text.split(" (")[0] == method
    row = found.rows.get(("Classic5", "10"))
    assert (f"{row.psnr:.2f}" if row else None) == psnr


def test_a_network_that_somebody_adds_finds_its_rows_by_its_name():
    card = Card(name="fbcnn-small", network="fbcnn", title="FBCNN", planes="y", halo=8)
    assert distance.reference(card).rows["LIVE1", "10"].psnr == 29.75


def test_variants_without_gray_rows_are_not_compared_with_another_network():
    card = Card(name="edsr-gray-c", network="qgcn", title="EDSR", planes="y", halo=8)
    assert distance.reference(card) == distance.Reference("no gray scores are printed", {})


def test_every_gray_network_has_a_line():
    gray = {name for name, card in weights.MODELS.items() if card.planes != "rgb" and card.scale == 1}
    text = distance.table([])
    assert {line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()[2:-2]} == gray


def test_the_ablation_of_dcsc_is_not_the_small_network():
    models = {model_of(row) for row in published.select("dcsc", ("4",))}
    assert {"dcsc-iterations-40-filters-32", "dcsc"} <= models and "dcsc-32" not in models


def test_a_networks_page_has_its_released_weights_alone_with_difference_and_seconds():
    line = {"what": "mdu-c", "width": 1024, "height": 1024, "seconds_per_megapixel": 1.0}
    timed = {"speed": [line], "environment": {"machine": "a machine", "commit": "c0ffee"}}
    text = distance.of_network("mdu", [result(mean("mdu-c", psnr=29.0)), result(mean("mend-s", psnr=30.0))], [timed])
    lines = [line for line in text.splitlines() if line.startswith("| m")][1:]
    assert len(lines) == 1
    assert lines[0].startswith("| mdu-c | MDU (MDU's table I) | Classic5 | 29.00 (-0.95) |  |  |  | 1.0 |")
    assert text.count("commit c0ffee") == 1
