import json
import sys

import numpy as np
import pytest
from PIL import Image

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure import downstream
from jpegmend.evaluation.measure.face_detection import agreement, detect
from jpegmend.evaluation.measure.methods_under_test import JPEG, Method
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import read_rows
from jpegmend.evaluation.measure.run import evaluate
from jpegmend.evaluation.report import evaluation_report, plots, report_crops
from jpegmend.evaluation.report.html_page import to_html
from jpegmend.weights import Card


@pytest.fixture
def smoother(monkeypatch):
    """A stand-in for a network: the answer of restore, blurred a little, under a name of its own."""
    card = Card(name="smoother", network="smoother", title="a blur", planes="y", halo=0, released=True, parameters=9)
    plain = Method.restore

    def restore(self, data, *, threads=None):
        pixels, seconds = plain(Method(JPEG), data, threads=threads)
        if self.card.name != "smoother":
            return pixels, seconds
        soft = pixels.astype(float)
        soft[1:-1] = (soft[:-2] + 6 * soft[1:-1] + soft[2:]) / 8
        return np.round(soft).astype(np.uint8), seconds

    monkeypatch.setattr(Method, "restore", restore)
    monkeypatch.setattr(
        "jpegmend.evaluation.measure.methods_under_test.find", lambda name: card if name == "smoother" else JPEG
    )
    return card


def test_the_report_has_tables_plots_and_crops(picture_set, tmp_path, smoother):
    out = tmp_path / "out"
    result = evaluate(["smoother", "jpeg"], [picture_set], find("papers-gray"), out, qualities=[(10,), (30,)])
    assert {(m.label, m.quality) for m in result.means} == {
        (name, quality) for name in ("smoother", "smoother + projection", "jpeg") for quality in ("10", "30")
    }
    written = evaluation_report.write_report(result, ["smoother", "jpeg"], [picture_set], out)
    text, page = (path.read_text() for path in written)
    assert "| tiny (2) | 10 | JPEG |" in text and "gain.svg" in text and "crop-0.png" in text
    assert page.count("<svg") == 3 and page.count("data:image/png") == 2 and "<script" not in page
    assert "least gain" in page and "most gain" in page
    with Image.open(out / "crop-0.png") as crop:
        assert crop.height == 96  # 48 rows of the picture, each twice


def test_plots_are_the_same_every_time(picture_set, tmp_path, smoother):
    result = evaluate(["smoother"], [picture_set], find("papers-gray"), tmp_path, qualities=[(10,)])
    rows = read_rows(tmp_path / "images.csv")
    for draw, what in ((plots.gain_by_quality, result), (plots.frontier, result), (plots.scatter, rows)):
        assert draw(what) == draw(what) and "smoother" in draw(what)


def test_the_crop_lies_where_restoring_changed_most():
    decoded = np.zeros((300, 400), np.uint8)
    restored = decoded.copy()
    restored[200:210, 300:310] = 200
    top, left = report_crops.largest_change(decoded, restored)
    assert top <= 200 < top + report_crops.SIDE and left <= 300 < left + report_crops.SIDE


def test_markdown_becomes_escaped_html():
    page = to_html("# a\n\ntext <b>\n\n| x | y |\n| --- | ---: |\n| <i> | 1 |\n\nafter")
    assert page.startswith("<h1>a</h1>\n<p>text &lt;b&gt;</p>\n<table>") and "<p>after</p>" in page
    assert "<td>&lt;i&gt;</td>" in page and '<td style="text-align:right">1</td>' in page


def test_without_matplotlib_the_report_is_whole_and_says_what_is_missing(picture_set, tmp_path, smoother, monkeypatch):
    result = evaluate(["smoother", "jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=[(10,)])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # importing it raises ImportError
    written = evaluation_report.write_report(result, ["smoother"], [picture_set], tmp_path)
    text, page = (path.read_text() for path in written)
    remark = 'No plots: plotting needs matplotlib; pip install "jpegmend[evaluation]".'
    assert f"\n\n{remark}\n\n" in text and "<p>No plots:" in page and "<svg" not in page


def test_a_found_face_counts_once_and_a_wrong_one_costs():
    box = (10, 10, 40, 40)
    assert agreement([box], [box]) == 1 and agreement([], []) == 1 and agreement([box], []) == 0
    assert agreement([box], [box, box]) == pytest.approx(2 / 3)
    assert agreement([box], [(30, 30, 40, 40)]) == 0


def test_a_face_is_found_again_after_mild_compression():
    from skimage import data

    portrait = data.astronaut()[:256, 64:320]
    (face,) = detect(portrait)
    assert 0 < face[0] < 150 and 60 < face[2] < 200
    found = downstream.run(downstream.find("faces"), [portrait], [Method(JPEG)], find("rgb-420"), (50,))
    assert found["pictures"] == 1 and found["JPEG"] == found["jpeg"] == 1.0


def test_reports_can_be_read_as_json(picture_set, tmp_path):
    evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=[(10,)])
    json.loads((tmp_path / "result.json").read_text(), parse_constant=lambda text: pytest.fail(text))


def test_a_task_needs_a_protocol_that_compresses():
    with pytest.raises(InvalidOption, match="pairs, which compresses nothing"):
        downstream.run(downstream.find("faces"), [], [Method(JPEG)], find("pairs"), ())
