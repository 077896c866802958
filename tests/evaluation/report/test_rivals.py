"""Printed scores of well-known networks, and the README's table."""

from tests.evaluation.made_up import mean, result

from jpegmend.evaluation.report import rivals
from jpegmend.weights import MODELS

SPEED = {
    "speed": [
        {"what": "mend-s", "width": 512, "height": 512, "seconds_per_megapixel": 9.0},
        {"what": "mend-s", "width": 1024, "height": 1024, "seconds_per_megapixel": 0.84},
        {"what": "reference", "width": 512, "height": 512, "seconds_per_megapixel": 4.36},
    ],
    "environment": {"machine": "a machine", "commit": "c0ffee"},
}


def test_the_networks_readers_know_are_quoted_from_the_data():
    assert "| Classic5 | DnCNN-3 | 29.40 | 31.63 | 32.91 | 33.77 |" in rivals.rivals()
    assert "| LIVE1 | SwinIR | 29.86 |" in rivals.rivals()


def test_a_doubtful_score_is_not_quoted():
    assert "| Classic5 | AR-CNN | 29.03 | 31.15 | 32.51 |  |" in rivals.rivals()
    text = rivals.readme([], [])
    assert "| AR-CNN | 29.03 / 31.15 / ? | 28.96 / 31.29 / ? |" in text
    assert "? where the printed score is [doubtful]" in text


def thousands(name: str) -> str:
    """The cell of a network's multiply-adds: its card's, or of a rival without a card those counted by us."""
    rival = next((rival for rival in rivals.RIVALS if rival.name == name), None)
    return f"{(rival.cost() if rival else MODELS[name].multiply_adds) / 1e3:,.0f} k"


def test_the_table_of_the_readme_has_the_jpeg_ours_and_three_others_with_what_is_known():
    means = [mean("mend-s", "LIVE1", quality, psnr) for quality, psnr in {"10": 29.29, "20": 31.6, "40": 33.98}.items()]
    jpeg = mean("jpeg", "LIVE1", "20", 30.07)
    text = rivals.readme([result(*means, mean("mend-s", "Classic5", "10", 29.53), jpeg)], [{"memory": []}, SPEED])
    lines = text.split("\n\n")[0].splitlines()
    ours = {card.name for card in MODELS.values() if card.network == "mend" and card.released}
    assert len(lines) == 2 + 1 + len(ours) + 3
    assert [line.split(" | ")[0] for line in lines[2:5]] == ["| JPEG, not restored", "| **mend-s**", "| **mend-m**"]
    assert "| JPEG, not restored | ? / ? / ? | ? / 30.07 / ? |  |  |" in lines
    assert f"| **mend-s** | 29.53 / ? / ? | 29.29 / 31.60 / 33.98 | {thousands('mend-s')} | 0.8 |" in lines
    assert f"| DnCNN-3 | 29.40 / 31.63 / 33.77 | 29.19 / 31.59 / 33.96 | {thousands('DnCNN-3')} | 4.4 |" in lines
    assert f"| FBCNN | 30.12 / 32.31 / 34.35 | 29.75 / 32.13 / 34.53 | {thousands('FBCNN')} |  |" in lines
    assert "a machine" in text and "commit c0ffee" in text


def test_commits_of_other_networks_results_are_not_named():
    other = result(mean("dcsc-c", "LIVE1", "10", 29.0), commit="beef")
    text = rivals.readme([result(mean("mend-s"), commit="c0ffee"), other], [])
    assert "c0ffee" in text and "beef" not in text


def test_without_a_benchmark_there_are_no_seconds():
    text = rivals.readme([result(mean("mend-s"))], [])
    assert f"| {thousands('mend-s')} |  |" in text and "machine" not in text
