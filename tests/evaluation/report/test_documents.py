import dataclasses
import json

import numpy as np
import pytest
from tests.evaluation.made_up import mean, result

from jpegmend import weights
from jpegmend.errors import InvalidOption, MissingData, NotReproducible
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import card_scores
from jpegmend.evaluation.measure.run import evaluate
from jpegmend.evaluation.report import documents

BENCHMARK = {
    "speed": [
        {
            "what": "mend-s",
            "width": 512,
            "height": 512,
            "seconds": 0.25,
            "seconds_per_megapixel": 0.95,
            "times_reference": 21.0,
            "peak_mb": 180.0,
        }
    ],
    "reference": "a stack",
    "environment": {"machine": "a machine", "commit": "c0ffee"},
}


@pytest.fixture
def project(tmp_path, picture_set):
    stored = tmp_path / "docs" / "results"
    stored.mkdir(parents=True)
    evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "out", qualities=[(10,)])
    (stored / "gray.json").write_bytes((tmp_path / "out" / "result.json").read_bytes())
    (stored / "speed.json").write_text(json.dumps(BENCHMARK))
    block = "before\n<!-- table:{} -->\nold\n<!-- /table -->\nafter\n"
    (tmp_path / "README.md").write_text(block.format("papers-gray") + block.format("speed") + block.format("rgb-420"))
    return tmp_path


def test_blocks_are_filled_from_what_is_stored(project):
    changed = documents.write(project, allow_dirty=True)
    text = (project / "README.md").read_text()
    assert "| tiny | JPEG |" in text and "| mend-s | 512x512 | 0.25 | 0.95 | 21.0 | 180 |" in text
    assert text.count("before") == text.count("after") == 3
    assert text.count("old") == 1, "nothing is stored for colour, so that block stays"
    names = {path.name for path in changed}
    assert {"README.md", "gray.md", "published-dcsc.md", "published-mdu.md"} <= names


def test_benchmarks_of_one_kind_are_told_apart_by_their_files(project):
    other = {**BENCHMARK, "speed": [{**BENCHMARK["speed"][0], "what": "dcsc-c"}]}
    (project / "docs" / "results" / "speed-dcsc-c.json").write_text(json.dumps(other))
    block = "<!-- table:{} -->\n<!-- /table -->\n"
    (project / "README.md").write_text(block.format("speed") + block.format("speed-dcsc-c"))
    documents.write(project, allow_dirty=True)
    first, second = (project / "README.md").read_text().split("<!-- table:speed-dcsc-c -->")
    assert "| mend-s |" in first and "dcsc-c" not in first
    assert "| dcsc-c |" in second and "mend-s" not in second


def test_a_second_time_nothing_changes(project):
    documents.write(project, allow_dirty=True)
    assert documents.write(project, allow_dirty=True) == []


def test_results_of_uncommitted_sources_are_refused(project):
    for commit in ("0a54bbf050e5-dirty", "unknown"):
        result(mean(), commit=commit).save(project / "docs" / "results" / "gray.json")
        with pytest.raises(NotReproducible, match=rf"gray.json \({commit}\).*commit, measure again"):
            documents.write(project)
    result(mean(), commit="0a54bbf050e5").save(project / "docs" / "results" / "gray.json")
    assert documents.write(project)
    speed = {**BENCHMARK, "environment": {**BENCHMARK["environment"], "commit": "c0ffee-dirty"}}
    (project / "docs" / "results" / "speed.json").write_text(json.dumps(speed))
    with pytest.raises(NotReproducible, match="speed.json"):
        documents.write(project)


def test_every_card_is_listed_in_pages_below_docs_too(project):
    (project / "docs" / "models").mkdir()
    page = project / "docs" / "models" / "README.md"
    page.write_text("<!-- table:models -->\n<!-- /table -->\n")
    assert page in documents.write(project, allow_dirty=True)
    lines = page.read_text().splitlines()[3:-1]
    assert [line.split("`")[1] for line in lines] == list(weights.MODELS)
    mend = next(line for line in lines if line.startswith("| `mend-s` |"))
    assert "YCbCr together" in mend and mend.endswith("| 59 k | released |")


@pytest.mark.parametrize("rest", ["", "<!-- table:speed -->\n<!-- /table -->\n"])
def test_an_open_block_is_an_error(rest):
    with pytest.raises(InvalidOption, match="close the block"):
        documents.fill("<!-- table:papers-gray -->\n" + rest, {})


def test_a_mark_in_a_sentence_is_no_block():
    text = "write `<!-- table:speed -->` up to `<!-- /table -->`\n"
    assert documents.fill(text, {"speed": lambda: "new"}) == text


def test_missing_or_broken_results_are_named(tmp_path):
    with pytest.raises(MissingData, match="jpegmend evaluate"):
        documents.results([tmp_path / "none"])
    (tmp_path / "card.json").write_text('{"name": "x"}')
    with pytest.raises(MissingData, match=r"card\.json holds no result; give a result\.json"):
        documents.results([tmp_path / "card.json"])
    (tmp_path / "card.json").unlink()
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(MissingData, match="broken.json"):
        documents.results([tmp_path])


def test_a_card_takes_its_scores_from_a_result(tmp_path):
    path = tmp_path / "r.json"
    result(mean(), mean("mend-s", psnr=29.126), mean("mend-s", psnr=29.5, consistent=True)).save(path)
    expected = {"protocol": "papers-gray, projection off", "data_set": "Classic5", "quality": 10, "psnr_db": 29.13}
    assert card_scores(path, "mend-s") == [expected]
    with pytest.raises(MissingData, match="jpeg, mend-s"):
        card_scores(path, "mend-m")


def test_infinite_scores_survive_as_exact_or_empty(tmp_path, picture_set):
    from jpegmend.evaluation.measure.results import Result

    made = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "out", qualities=[(10,)])
    row = made.means[0]
    row.scores["psnr"] = float("inf")
    made.save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["means"][0]["scores"]["psnr"] is None
    assert np.isnan(Result.read(tmp_path / "r.json").means[0].scores["psnr"])


def test_a_stored_gain_without_a_number_is_empty(tmp_path):
    """Where a flat picture is exact before or after the restoration."""
    exact = dataclasses.replace(mean("mend-s", psnr=60.0), gain=-float("inf"))
    result(mean(psnr=float("inf")), exact).save(tmp_path / "r.json")
    stored = documents.results([tmp_path / "r.json"])
    for table in (documents.gains(stored), documents.scores(stored)):
        assert "60.00" in table and "inf" not in table and "nan" not in table
