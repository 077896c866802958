"""The distance of our networks to their papers."""

from tests.evaluation.made_up import mean, result

from jpegmend import weights
from jpegmend.evaluation.papers.paper_names import model_of
from jpegmend.evaluation.report import distance


def lines_of(text, name):
    return [line for line in text.splitlines() if line.startswith(f"| {name} |")]


def test_a_released_network_stands_beside_the_printed_figure():
    text = distance.table([result(mean("mend-s", psnr=29.0), mean("mend-s", quality="20", psnr=float("nan")))])
    (line,) = lines_of(text, "mend-s")
    assert "| Classic5 | 29.00 (-0.40) |  |" in line
    assert "k multiply-adds a pixel" in line and "minutes" in line


def test_the_projection_is_not_what_papers_measured():
    (line,) = lines_of(distance.table([result(mean("mend-s", psnr=29.0, consistent=True))]), "mend-s")
    assert "29.0" not in line and "not measured yet" in line


def test_networks_without_weights_say_so():
    (line,) = lines_of(distance.table([]), "dual")
    assert "not trained; recipe: `recipes/dual.toml`" in line


def test_the_networks_readers_know_are_quoted_from_the_data():
    assert "| Classic5 | DnCNN | 29.40 | 31.63 | 32.91 | 33.77 |" in distance.rivals()
    assert "| LIVE1 | SwinIR | 29.86 |" in distance.rivals()


def test_every_reference_is_printed_and_every_network_has_one():
    for reference in distance.REFERENCES.values():
        rows = distance.published.select(reference.paper, (reference.table,))
        assert any(row.method == reference.method and row.channel == "Y" and row.psnr for row in rows), reference
    gray = {name for name, card in weights.MODELS.items() if card.planes != "rgb"}
    assert gray == set(distance.REFERENCES)


def test_the_small_dcsc_is_a_row_of_table_4():
    models = {model_of(row) for row in distance.published.select("dcsc", ("4",))}
    assert {"dcsc-32", "dcsc", "dcsc-iterations-60-filters-32"} <= models
