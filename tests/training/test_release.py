"""A run becomes a released network, by the command line, and the pipeline's runtime agrees with PyTorch."""

import contextlib
import hashlib
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from jpegmend import cli, models, weights
from jpegmend.cli.release import read_caution
from jpegmend.errors import InvalidOption, InvalidRecipe, NotExportable, OutputError, WeightsDamaged, WeightsMissing
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import METRICS, Mean, Result
from jpegmend.models import files
from jpegmend.models.contract import Observation
from jpegmend.runtimes import PictureFacts, open_runtime
from jpegmend.training import release
from jpegmend.weights import read_card

RECIPE = """
name = "tiny"
network = "arcnn"
config = { kernels = [3, 3], widths = [4], deviation = 0.1 }
minutes = 90
[[phases]]
share = 1.0
crop = 16
batch = 2
"""


@pytest.fixture(scope="module")
def run(pictures, others, tmp_path_factory):
    """A run of three steps, made by the command."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "tiny.toml").write_text(RECIPE)
    words = ["train", str(folder / "tiny.toml"), "--data", str(pictures), "--validate", str(others)]
    words += ["--set", "steps=3", "optimiser.rate=1e-3", "--out", str(folder / "run"), "--device", "cpu"]
    assert cli.run(words) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """What the command made of it, and in ``said`` what it said meanwhile."""
    made = tmp_path_factory.mktemp("cards")
    words = ["release", str(run), "--name", "mine", "--out", str(made), "--data", "waves (CC0)", "--notes", "a test"]
    words += ["--caution", "60:1", "80:0"]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert cli.run(words) == 0
    (made / "said").write_text(said.getvalue())
    return made


def test_each_step_is_told(folder):
    """A release of a large network takes minutes."""
    lines = (folder / "said").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["measuring", "writing", "measuring", "drawing"]
    assert all(line.endswith(" ...") for line in lines)
    assert "curve.png" in lines[-1]


def test_the_card_says_all_that_is_known(run, folder):
    card = read_card(folder / "mine.json")
    assert card.released and card.name == "mine" and card.network == "arcnn"
    assert (card.data, card.notes, card.recipe) == (("waves (CC0)",), "a test", None)
    assert card.trained["steps"] == 3
    assert card.caution == ((60, 1), (80, 0))
    assert card.parameters == 4 * 9 + 4 + 4 * 9 + 1
    assert card.multiply_adds == 72
    assert {row["quality"] for row in card.scores} == {10, 20, 30, 40}
    for entry in card.files.values():
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (run / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_both_forms_of_the_weights_agree(folder):
    network, header = files.load_weights(folder / "mine.safetensors")
    assert header["recipe"]["phases"][0]["crop"] == 16
    planes = np.random.default_rng(0).random((1, 40, 56), np.float32)
    with torch.inference_mode():
        blank = torch.ones(1, 1, 8, 8)
        expected = network(Observation(torch.from_numpy(planes)[None], blank, torch.zeros(1, 2))).planes[0]
    given = (planes, np.ones((1, 8, 8), np.float32), PictureFacts())
    found = open_runtime(read_card(folder / "mine.json"), runtime="onnx")(*given).planes
    assert np.abs(found - expected.numpy()).max() < 1e-5


def test_a_graph_that_differs_is_not_released(folder):
    network, _ = files.load_weights(folder / "mine.safetensors")
    spec = models.find("arcnn")
    config = spec.config(kernels=(3, 3), widths=(4,))
    assert release.check_onnx(folder / "mine.onnx", network, spec, config) < 1e-5
    with torch.no_grad():
        next(network.parameters()).add_(0.5)
    with pytest.raises(NotExportable, match="differs"):
        release.check_onnx(folder / "mine.onnx", network, spec, config)


def test_rounding_of_large_answers_is_allowed(folder, tmp_path):
    network, _ = files.load_weights(folder / "mine.safetensors")
    spec, graph = models.find("arcnn"), tmp_path / "large.onnx"
    config = spec.config(kernels=(3, 3), widths=(4,))
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.mul_(3000)
    files.export_onnx(graph, network, spec, config, half=False)
    assert release.check_onnx(graph, network, spec, config) < 1e-5


@pytest.fixture
def without_export(monkeypatch):
    """Releases the weights alone: the graph is tested above, and takes seconds."""
    monkeypatch.setattr(files, "export_onnx", lambda path, *_: path.write_bytes(b""))
    monkeypatch.setattr(release, "check_onnx", lambda *_: 0.0)
    monkeypatch.setattr(release, "measured_bytes", lambda *_: 100)


def test_the_best_weights_can_be_named(run, tmp_path, without_export):
    assert release.release(run / "best", "best", folder=tmp_path).released


def test_a_second_run_in_the_same_folder_needs_resume(run, pictures, capsys):
    words = ["train", str(run.parent / "tiny.toml"), "--data", str(pictures), "--out", str(run), "--set", "steps=3"]
    assert cli.run(words) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.run([*words, "--resume", "--device", "cpu"]) == 0


def test_weights_that_do_not_name_their_data_can_be_released(run, tmp_path, without_export):
    network, header = files.load_weights(run / "average.safetensors")
    old = tmp_path / "old"
    old.mkdir()
    spec = models.find("arcnn")
    about = {key: header[key] for key in ("recipe", "steps", "seconds")}
    files.save_weights(
        old / "average.safetensors", spec.name, spec.config(**_plain(header)), network.state_dict(), about
    )
    (old / "log.jsonl").write_text(json.dumps({"step": 3, "minutes": 0.1, "loss": 0.1, "share": 1.0}) + "\n")
    card = release.release(old, "old", folder=tmp_path / "cards")
    assert card.scores == () and card.trained["machine"]


def _plain(header):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in header["config"].items()}


def test_a_card_of_the_package_names_the_recipe_in_the_repository(run, tmp_path, without_export, monkeypatch):
    monkeypatch.setattr(release, "CARDS", tmp_path / "cards")
    assert release.release(run, "another", folder=tmp_path / "cards").recipe == "recipes/tiny.toml"
    for card in weights.PACKAGED.values():
        assert card.foreign or (Path(__file__).parents[2] / card.recipe).is_file(), card.name


def test_a_weights_file_without_a_log_gets_no_curve(folder, tmp_path, without_export):
    shutil.copy(folder / "mine.safetensors", tmp_path)
    release.release(tmp_path / "mine.safetensors", "again", folder=tmp_path / "cards")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.safetensors"]


def test_without_matplotlib_all_but_the_curve_is_written(run, tmp_path, without_export, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    said = []
    assert release.release(run, "mine", folder=tmp_path, say=said.append).released
    assert "matplotlib" in said[-1] and said[-1].startswith("leaving it out: ")


def test_a_release_that_fails_leaves_an_earlier_one_as_it_was(run, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(NotExportable, match="no trace 'nonesuch'"):
        release.release(run, "mine", folder=folder, traces=["nonesuch"], facts=release.Facts(licence="other"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "name, facts, error",
    [
        ("", {}, InvalidOption),
        ("../mine", {}, InvalidOption),
        ("a b", {}, InvalidOption),
        ("mine.onnx", {}, InvalidOption),
        ("mine", {"caution": [(900.0, 3.0)]}, WeightsDamaged),
    ],
)
def test_what_no_card_may_have_is_refused_before_anything_is_written(run, folder, name, facts, error):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(error, match="name|caution"):
        release.release(run, name, folder=folder, facts=release.Facts(**facts), say=pytest.fail)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(error):
        release.release(run, name, folder=folder / "new", facts=release.Facts(**facts), say=pytest.fail)
    assert not (folder / "new").exists()


def test_a_card_of_another_network_is_not_replaced(run, folder, tmp_path):
    """The default network, where --out was forgotten."""
    with pytest.raises(
        InvalidOption, match=r"mend-s\.json is the card of mend weights, these are arcnn weights; give another --name"
    ):
        release.release(run, "mend-s", say=pytest.fail)
    (tmp_path / "notes.json").write_text("[]")
    with pytest.raises(InvalidOption, match=r"notes\.json is no card"):
        release.release(run, "notes", folder=tmp_path, say=pytest.fail)
    assert (tmp_path / "notes.json").read_text() == "[]"


def test_weights_of_the_run_are_not_replaced(run, tmp_path):
    kept = shutil.copytree(run, tmp_path / "run")
    before = (kept / "best.safetensors").read_bytes()
    with pytest.raises(InvalidOption, match=r"best\.safetensors has no card.*give another --name"):
        release.release(kept, "best", folder=kept, say=pytest.fail)
    assert (kept / "best.safetensors").read_bytes() == before


def test_a_run_is_released_from_its_own_folder(run, tmp_path, without_export, monkeypatch):
    monkeypatch.chdir(run)
    assert release.release(Path(), "mine", folder=tmp_path).released


def test_a_file_is_no_folder_for_a_release(run, capsys):
    assert cli.run(["release", str(run), "--name", "x", "--out", str(run / "log.jsonl")]) == 2
    assert "is a file; give a folder" in capsys.readouterr().err
    with pytest.raises(OutputError, match="cannot be made: Not a directory"):
        release.release(run, "x", folder=run / "log.jsonl" / "cards")


def test_no_run_is_said(tmp_path):
    with pytest.raises(WeightsMissing, match="jpegmend train"):
        release.release(tmp_path, "x", folder=tmp_path)


@pytest.mark.parametrize("points", [["90"], ["a:1"], ["90:1:2"]])
def test_caution_that_is_no_pair_is_refused(points):
    with pytest.raises(InvalidOption, match="QUALITY:SHARE"):
        read_caution(points)


def test_measuring_leaves_the_weights_alone(run, folder, tmp_path, without_export):
    scores = [{"protocol": "papers-gray", "quality": 10, "psnr_db": 29.13}]
    facts = release.Facts(data=["waves (CC0)"], notes="a test", scores=scores)
    card = release.release(run, "mine", folder=tmp_path, facts=facts)
    assert card.scores == tuple(scores)
    assert card.files["safetensors"] == read_card(folder / "mine.json").files["safetensors"]


def test_scores_of_other_weights_are_refused(run, folder, tmp_path, capsys):
    """Those that an evaluation states of the released ONNX file are taken, also by the next release."""
    entry = read_card(folder / "mine.json").files["onnx"]
    row = {"model": "mine", "consistent": False, "data_set": "waves", "quality": "10", "pictures": 1}
    scores = {name: 30.0 for name in METRICS}
    mean = Mean(**row, scores=scores, gain=1.0, worse=0.0, seconds_per_megapixel=1.0)
    words = ["release", str(run), "--name", "mine", "--out", str(tmp_path), "--scores", str(tmp_path / "result.json")]
    for sha256, fits in (("0" * 64, False), (entry["sha256"], True), ("", False)):
        facts = {"mine": {"sha256": sha256}}
        Result(protocol=find("papers-gray"), environment={}, models=facts, means=(mean,)).save(tmp_path / "result.json")
        assert (cli.run(words) == 0) == fits
        assert (tmp_path / "mine.json").exists() == (sha256 != "0" * 64)
    assert read_card(tmp_path / "mine.json").scores[0]["psnr_db"] == 30.0
    said = capsys.readouterr().err
    assert f"the scores are of weights with the sha256 {'0' * 12}, mine.safetensors has" in said
    assert "does not state the sha256" in said


def test_what_came_before_a_warm_start_counts(run, pictures, tmp_path, without_export):
    words = ["train", str(run.parent / "tiny.toml"), "--data", str(pictures), "--device", "cpu", "--set", "steps=2"]
    first = [*words, "--warm-start", str(run / "average.safetensors"), "--out", str(tmp_path / "second")]
    assert cli.run(first) == 0
    assert cli.run([*words, "--resume", "--out", str(tmp_path / "second"), "--set", "steps=4"]) == 0
    assert release.release(tmp_path / "second", "x", folder=tmp_path / "cards").trained["steps"] == 3 + 4


def test_the_context_is_the_measured_one(run, tmp_path, without_export, monkeypatch):
    monkeypatch.setattr(release, "measured_halo", lambda *_: 7)
    assert release.release(run, "x", folder=tmp_path).halo == 7


def test_iterations_are_chosen_at_release(tmp_path):
    """A card of its own for fewer iterations of the same weights, as ONNX too; other settings are refused."""
    dcsc = models.NETWORKS["dcsc"]
    config = dcsc.config(features=2, filters=3, iterations=5)
    torch.manual_seed(0)
    weights = tmp_path / "five.safetensors"
    files.save_weights(weights, dcsc.name, config, dcsc.build(config).state_dict(), {})
    words = ["release", str(weights), "--name", "two", "--out", str(tmp_path), "--set"]
    assert cli.run([*words, "iterations=2"]) == 0
    card = read_card(tmp_path / "two.json")
    assert card.config["iterations"] == 2 and card.halo == 4 + 1 + 2 + 1
    assert set(card.files) == {"safetensors", "onnx"}
    with pytest.raises(InvalidOption, match="filters"):
        release.release(weights, "two", folder=tmp_path, changes={"filters": 4})
    with pytest.raises(InvalidRecipe, match=r"iterations: .*valid integer.*found 2\.5"):
        release.release(weights, "two", folder=tmp_path, changes={"iterations": 2.5})


def test_scores_are_those_of_the_released_step():
    """``best.safetensors`` of step 200, in a run that went on to 300."""
    log = [{"step": step, "psnr_10": 28 + step / 100, "gain_10": 1.0} for step in (100, 200, 300)] + [{"step": 300}]
    assert [row["psnr_db"] for row in release.validation_scores(log, 200)] == [30.0]
    assert [row["psnr_db"] for row in release.validation_scores(log, 250)] == [30.0]
    assert [row["psnr_db"] for row in release.validation_scores(log)] == [31.0]


def test_no_folder_of_the_machine_is_released():
    recipe = {
        "name": "x",
        "teacher": "/home/me/runs/t.safetensors",
        "stages": [{"auxiliary": "classifier", "weights": "/home/me/runs/c.safetensors"}, {}],
    }
    record = {"data": [], "licence": "Apache-2.0", "trained": {}}
    header = release._header({"recipe": recipe, "steps": 3}, record)
    assert [stage.get("weights") for stage in header["recipe"]["stages"]] == ["c.safetensors", None]
    assert header["recipe"]["teacher"] == "t.safetensors"
