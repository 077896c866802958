"""The documentation's pages of figures, and the plots of all networks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import jpegmend
from jpegmend import weights
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import METRICS, Mean, Result
from jpegmend.explanation import documents, frontier


def result(model: str, psnr: float, protocol: str = "papers-gray", consistent: bool = False) -> Result:
    mean = Mean(
        model=model,
        consistent=consistent,
        data_set="LIVE1",
        quality="10",
        pictures=29,
        scores={**dict.fromkeys(METRICS, 0.0), "psnr": psnr},
        gain=1.0,
        worse=0.0,
        seconds_per_megapixel=2.0,
    )
    return Result(protocol=find(protocol), environment={}, models={}, means=(mean,))


def test_a_page_has_every_figure_and_old_ones_go(photo, tmp_path):
    found = jpegmend.explain(photo)
    # One figure of pixels and one of lines: each kind has its own format.
    few = [found.figures[name] for name in ("close", "grid")]
    assert [drawing.photographic for drawing in few] == [True, False]
    found = replace(found, sections=(replace(found.sections[0], drawings=tuple(few)),))
    (tmp_path / "mend-s").mkdir()
    (tmp_path / "mend-s" / "old.svg").write_text("old")
    page = documents.write_page(found, tmp_path)
    files = set(re.findall(r"\]\((mend-s/[\w.-]+)\)", page.read_text()))
    assert {file.split("/")[1].split(".")[0] for file in files} == set(found.figures)
    assert {f"mend-s/{path.name}" for path in (tmp_path / "mend-s").iterdir()} == files


def test_ours_are_those_of_one_protocol_without_projection():
    stored = [
        result("mend-s", 29.0),
        result("mend-s", 29.3),
        result("dncnn", 35.0, consistent=True),
        result("arcnn", 36.0, protocol="full-gray"),
        result("jpeg", 27.0),
    ]
    line = {"what": "mend-s", "width": 1024, "height": 1024, "seconds_per_megapixel": 2.0}
    (dot,) = frontier.measured(stored, [{"speed": [line]}])
    assert (dot.name, dot.psnr, dot.seconds) == ("mend-s", 29.3, 2.0)
    assert dot.multiply_adds == weights.MODELS["mend-s"].multiply_adds


def test_others_are_as_printed():
    found = {dot.name: dot for dot in frontier.printed()}
    assert found["DnCNN-3"].psnr == 29.19
    assert found["MDU"].psnr == 29.61
    assert found["SwinIR"].multiply_adds == 4.5e6
    assert len(found) >= 10


def test_names_of_dots_do_not_overlap(check_words):
    ours = [frontier.Dot(name, 28.6 + 0.1 * n, 1.1e5 + n, 1.0 + n / 50) for n, name in enumerate("abcdef")]
    assert check_words(frontier.frontier(ours, frontier.printed())) == []


def test_the_photograph_is_a_jpeg_of_quality_10():
    pytest.importorskip("skimage")
    clear, compressed = documents.photograph()
    facts = jpegmend.inspect(compressed)
    assert (facts.width, facts.height, facts.quality) == (256, 256, 10)
    assert clear[:4] == b"\x89PNG"
