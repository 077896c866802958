import json
import sys

import numpy as np
import pytest
from PIL import Image

from jpegmend import cli
from jpegmend.cli.evaluate import choose
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure import downstream
from jpegmend.evaluation.papers import tables


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def test_a_file_in_the_place_of_the_results_is_said(pictures, tmp_path, capsys):
    (tmp_path / "taken").write_bytes(b"mine")
    words = ["evaluate", "--model", "jpeg", "--data", str(pictures), "--out", str(tmp_path / "taken")]
    assert cli.run(words) == 2
    assert f"--out {tmp_path / 'taken'} is a file; give a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_bytes() == b"mine"


def test_several_values_after_one_option(pictures, tmp_path, capsys):
    words = ["evaluate", "--model", "jpeg", "--data", str(pictures), "--quality", "10", "30", "10"]
    assert cli.run([*words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out  # a quality that is given twice does not make two pictures of one
    assert "| set (1) | 10 | JPEG |" in printed and "| set (1) | 30 | JPEG |" in printed
    assert (tmp_path / "out" / "report.html").exists()


def test_a_table_is_printed_with_ours(pictures, tmp_path, capsys):
    named = pictures.rename(tmp_path / "CLASSIC5")  # upper or lower case
    words = ["evaluate", "--table", "mdu:I", "--data", str(named), "--out", str(tmp_path / "out")]
    assert cli.run(words) == 0
    printed, told = capsys.readouterr()
    assert "has no set" not in told
    (jpeg,) = [line for line in printed.splitlines() if line.startswith("| Classic5 | 10 | JPEG |")]
    cells = [cell.strip() for cell in jpeg.split("|")]
    assert cells[4] == "27.82" and float(cells[5]) > 0 and cells[6] == "not comparable"
    assert jpeg.endswith("| the set has 5 pictures, ours 1 |")


def test_a_set_that_the_table_lacks_is_told(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tables, "released", lambda model: False)  # the JPEG alone, which is quick
    words = ["evaluate", "--table", "mdu:I", "--data", str(pictures), "--out", str(tmp_path / "out")]
    assert cli.run(words) == 0
    assert "mdu:I has no set set, but Classic5, LIVE1" in capsys.readouterr().err


def test_a_figure_of_several_protocols_is_shown_again_from_what_was_measured(pictures, tmp_path, capsys, monkeypatch):
    two = tables.Figure("a figure", "qgcn", ("jpeg",), ("qgcn-rgb", "qgcn-rgb-quarter"))
    monkeypatch.setitem(tables.FIGURES, "qgcn:fig9", two)
    monkeypatch.setattr(tables, "released", lambda model: False)
    monkeypatch.chdir(tmp_path)  # no results stored
    assert cli.run(["evaluate", "--table", "qgcn:fig9", "--data", str(pictures)]) == 0
    measured = capsys.readouterr().out
    assert cli.run(["evaluate", "--table", "qgcn:fig9"]) == 0
    printed, told = capsys.readouterr()
    assert "By qgcn-rgb-quarter:" in printed and measured.endswith(printed) and not told


def test_lists_of_names(capsys):
    for words, name in (
        (["--table", "list"], "dual:1"),
        (["--protocol", "list"], "do-no-harm"),
        (["--task", "list"], "faces"),
    ):
        assert cli.run(["evaluate", *words]) == 0
        assert name in capsys.readouterr().out


def test_a_task_is_printed_and_kept(pictures, tmp_path, capsys, monkeypatch):
    mean = downstream.Task(
        "mean", "distance of means", truth=np.mean, judge=lambda truth, seen: abs(truth - seen.mean()), counts=bool
    )
    monkeypatch.setitem(downstream.TASKS, "mean", mean)
    words = ["evaluate", "--task", "mean", "--data", str(pictures), "--model", "jpeg", "--quality", "10", "90"]
    assert cli.run([*words, "--out", str(tmp_path / "kept")]) == 0
    found = json.loads((tmp_path / "kept" / "mean.json").read_text())
    low, high = found["task"]
    assert (low["quality"], high["quality"], low["pictures"]) == ("10", "90", 1) and low["JPEG"] > high["JPEG"]
    assert f"| 10 | 1 | {low['JPEG']:.3f} |" in capsys.readouterr().out and found["environment"]["commit"]
    assert found["protocol"] == "rgb-420"


@pytest.mark.parametrize(
    ("option", "protocol"), [(("--sampling", "444"), "rgb-444"), (("--colour", "y"), "papers-gray")]
)
def test_a_task_is_measured_by_another_colour_and_sampling(pictures, tmp_path, monkeypatch, option, protocol):
    monkeypatch.setitem(
        downstream.TASKS, "one", downstream.Task("one", "1", truth=np.mean, judge=lambda truth, seen: 1)
    )
    words = ["evaluate", "--task", "one", "--data", str(pictures), "--model", "jpeg", "--quality", "10", "10", *option]
    assert cli.run([*words, "--out", str(tmp_path / "kept")]) == 0
    found = json.loads((tmp_path / "kept" / "one.json").read_text())
    assert found["protocol"] == protocol and len(found["task"]) == 1


@pytest.mark.parametrize(
    ("colour", "sampling", "name"),
    [("y", None, "papers-gray"), ("rgb", None, "rgb-420"), ("rgb", "4:4:4", "rgb-444"), (None, "420", "rgb-420")],
)
def test_colour_and_sampling_pick_the_protocol(colour, sampling, name):
    assert choose(None, colour, sampling).name == name


def test_contradicting_options_are_refused():
    with pytest.raises(InvalidOption, match="leave --colour"):
        choose("papers-gray", "rgb", None)
    with pytest.raises(InvalidOption, match="422"):
        choose(None, "rgb", "422")
    assert cli.run(["evaluate", "--table", "none"]) == 2


def test_nothing_to_measure_is_an_error(capsys):
    assert cli.run(["evaluate", "--model", "jpeg"]) == 1
    assert "--data" in capsys.readouterr().err


def test_a_benchmark_is_printed_and_kept(tmp_path, capsys):
    words = ["benchmark", "--model", "jpeg", "--size", "32", "64x48", "--repeats", "1", "--no-memory"]
    assert cli.run([*words, "--json", str(tmp_path / "b.json")]) == 0
    printed = capsys.readouterr().out
    assert "| jpeg | 32x32 |" in printed and "| jpeg | 64x48 |" in printed and (tmp_path / "b.json").exists()
    assert cli.run([*words, "--json", str(tmp_path / "missing" / "b.json")]) == 1
    said = capsys.readouterr()
    assert "missing does not exist" in said.err and not said.out


def test_the_extra_torch_suffices(pictures, tmp_path, monkeypatch, capsys):
    """It brings neither matplotlib nor scikit-image."""
    for name in ("matplotlib", "matplotlib.figure", "skimage"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["evaluate", "--model", "mend-s", "--quality", "10", "--data", str(pictures)]
    assert cli.run([*words, "--out", str(tmp_path / "out")]) == 0
    assert "No plots: plotting needs matplotlib" in (tmp_path / "out" / "report.html").read_text()


def test_pairs_of_files_are_measured_with_the_jpeg_beside(pictures, tmp_path, capsys):
    (tmp_path / "shared").mkdir()
    Image.open(pictures / "a.png").save(tmp_path / "shared" / "a.jpg", quality=50)
    words = ["evaluate", "--model", "mend-s", "--pairs", str(pictures), str(tmp_path / "shared")]
    assert cli.run([*words, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    name = tmp_path.name
    for model in ("JPEG", "mend-s", "mend-s + projection"):
        assert f"| {name} (1) | file | {model} |" in printed
    assert "as found" in (tmp_path / "out" / "report.md").read_text()
    assert (tmp_path / "out" / "crop-0.png").exists()


def test_pairs_are_two_paths_that_exist(pictures, capsys):
    assert cli.run(["evaluate", "--pairs", str(pictures)]) == 2
    assert "--pairs ORIGINALS COMPRESSED" in capsys.readouterr().err
    assert cli.run(["evaluate", "--pairs", str(pictures), str(pictures / "none")]) == 1
    assert "none" in capsys.readouterr().err


def test_a_table_without_results_says_where_it_looked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["evaluate", "--table", "dcsc:1"]) == 0
    printed = capsys.readouterr()
    assert "no results in ./docs/results" in printed.err and "not measured" not in printed.out


def test_a_set_is_found_where_training_finds_it(pictures, tmp_path, monkeypatch, capsys):
    (tmp_path / "datasets").mkdir()
    pictures.rename(tmp_path / "datasets" / "LIVE1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPEGMEND_DATA", raising=False)
    words = ["evaluate", "--model", "jpeg", "--quality", "10", "--data"]
    assert cli.run([*words, "live1"]) == 0
    assert "| LIVE1 (1) | 10 | JPEG |" in capsys.readouterr().out
    assert cli.run([*words, "Classic5"]) == 1
    assert f"{tmp_path}/datasets" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--pairs", "a", "b", "--quality", "10"], "--quality has no effect with --pairs"),
        (["--pairs", "a", "b", "--sampling", "420"], "--sampling has no effect with --pairs"),
        (["--data", "a", "--results", "r.json"], "--results has no effect with --data"),
        (["--task", "faces", "--pairs", "a", "b"], "--pairs has no effect with --task"),
        (["--table", "dcsc:1", "--data", "a", "--quality", "10"], "--quality has no effect with --table"),
        (["--table", "dcsc:1", "--model", "mend-s"], "give --data or --pairs"),
        (["--docs", "--data", "a"], "--data has no effect with --docs"),
        (["--docs", "--threads", "2"], "--threads has no effect with --docs"),
        (["--docs", "--no-report"], "--no-report has no effect with --docs"),
        (["--docs", "--out", "kept"], "--out has no effect with --docs"),
        (["--docs", "--protocol", "list"], "--protocol has no effect with --docs"),
        (["--protocol", "list", "--data", "nothing"], "--data has no effect with --protocol list"),
        (["--table", "list", "--data", "nothing"], "--data has no effect with --table list"),
        (["--task", "list", "--data", "val"], "--data has no effect with --task list"),
        (["--task", "list", "--no-report"], "--no-report has no effect with --task list"),
        (["--task", "faces", "--data", "a", "--no-report"], "--no-report has no effect with --task"),
        (["--table", "dcsc:1", "--data", "a", "--report"], "--report has no effect with --table"),
        (["--task", "faces"], "give --data"),
        (["--data", "a", "--sampling", "422"], "--colour rgb with --sampling 422"),
    ],
)
def test_options_without_effect_are_refused(words, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["evaluate", *words]) != 0
    assert named in capsys.readouterr().err and not list(tmp_path.iterdir())
