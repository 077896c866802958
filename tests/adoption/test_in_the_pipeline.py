"""Networks of others in the pipeline: projection, strength, depth, batches, evaluation, and what the command says."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tests.adoption import graphs

import jpegmend
from jpegmend import cli
from jpegmend.adoption import adopt


@pytest.fixture
def name(tmp_path: Path, user_models: Path) -> str:
    """An adopted network that darkens: 0.9 of every pixel, and a little of its neighbours'."""
    path = graphs.write(tmp_path / "net.onnx", graphs.blur(2))
    return adopt(path, "mine", licence="CC-BY-NC-4.0").name


def test_the_projection_keeps_the_file(name: str, photo: bytes) -> None:
    plain = jpegmend.restore(photo, strength=0).to_array(16).astype(int)
    free, kept = (jpegmend.restore(photo, model=name, consistent=way) for way in (False, True))
    assert kept.report.consistent and kept.report.model == name and kept.report.licence == "CC-BY-NC-4.0"
    apart = [np.abs(each.to_array(16).astype(int) - plain).mean() for each in (free, kept)]
    assert apart[1] < apart[0]


def test_strength_and_depth(name: str, photo: bytes) -> None:
    none, half, full = (
        jpegmend.restore(photo, model=name, strength=share, consistent=False).to_array(16).astype(int)
        for share in (0, 0.5, 1)
    )
    assert np.abs(half - (none + full) / 2).max() <= 2
    assert len(np.unique(full % 257)) > 100, "values between the levels of 8 bits"


def test_the_command_restores_a_folder_and_tells_the_licence(
    name: str, photo: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.jpg").write_bytes(photo)
    assert cli.run([str(folder), "--model", name, "--jobs", "1"]) == 0
    assert "for non-commercial use only" in capsys.readouterr().err
    assert len(list(folder.glob("*.restored.png"))) == 2
    assert cli.run([str(folder / "0.jpg"), "--model", name, "--quiet", "--overwrite"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.run(["models"]) == 0
    assert "CC-BY-NC-4.0" in capsys.readouterr().out


def test_every_verb_that_runs_the_network_tells_the_licence(
    name: str, photo: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a verb does after its message is not done here: a run starts processes, and a report has many figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jpegmend.cli.cluster._crew", lambda *given: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr("jpegmend.cluster.drive.run_off", lambda *given: None)
    for folder in ("clear", "photos"):
        (tmp_path / folder).mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(photo)
    Image.fromarray(np.full((48, 48), 99, np.uint8)).save(tmp_path / "clear" / "a.png")
    cluster = ["cluster", "run", "done", "--jobs", "1"]
    for words in (
        ["cluster", "plan", "photos", "done", "--model", name],
        cluster,
        ["evaluate", "--model", name, "--data", "clear", "--quality", "10", "--no-report"],
        ["benchmark", "--model", name, "--size", "64", "--repeats", "1", "--no-memory", "--no-reference"],
    ):
        assert cli.run(words) == 0, words
        assert capsys.readouterr().err.count("mine: licence CC-BY-NC-4.0, for non-commercial use only") == 1, words
    (tmp_path / "broken.jpg").write_bytes(b"")
    assert cli.run(["explain", "broken.jpg", "--model", name]) != 0
    assert "for non-commercial use only" in capsys.readouterr().err
    assert cli.run([*cluster, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_adopts(tmp_path: Path, user_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.blur(2))
    assert cli.run(["adopt", str(path), "--name", "mine"]) == 0
    assert "exact tiles with a halo of 8" in capsys.readouterr().out
    assert json.loads((user_models / "mine.json").read_text())["foreign"]["input"] == "x"
    assert cli.run(["adopt", str(path), "--name", "mine"]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_evaluate_measures_it(name: str, tmp_path: Path) -> None:
    from jpegmend.evaluation import PROTOCOLS
    from jpegmend.evaluation.measure.run import evaluate

    folder = tmp_path / "set"
    folder.mkdir()
    rows, columns = np.mgrid[:48, :56]
    Image.fromarray(np.uint8(128 + 60 * np.sin(rows / 7) * np.cos(columns / 9))).save(folder / "a.png")
    result = evaluate([name, "jpeg"], [folder], PROTOCOLS["papers-gray"], tmp_path / "out", qualities=[(10,)])
    assert {mean.model for mean in result.means} == {name, "jpeg"}
    assert result.models[name]["sha256"]


def test_the_explanation_has_its_general_figures(name: str, photo: bytes) -> None:
    found = jpegmend.explain(photo, model=name, side=64)
    assert len(found.figures) >= 5
