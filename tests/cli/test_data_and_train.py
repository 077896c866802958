"""The verbs ``data`` and ``train``; what they call is tested in tests/data and tests/training."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend import cli
from jpegmend.cli.train import choose_device, find_data, parse_settings
from jpegmend.errors import InvalidOption, UnknownModel, WeightsMissing
from jpegmend.models.files import read_tensors
from jpegmend.training.building import find_weights


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """The folder of all sets, with a Classic5 of five small pictures in it."""
    monkeypatch.setenv("JPEGMEND_DATA", str(tmp_path))
    (tmp_path / "Classic5").mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "Classic5" / f"{number}.png")
    return tmp_path


def test_the_list_says_what_is_here(sets, capsys):
    assert cli.run(["data"]) == 0
    lines = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines() if line[0].isupper()}
    assert (lines["Classic5"], lines["Kodak"]) == ("here", "missing")


def test_check_names_what_is_missing_and_fails(sets, capsys):
    assert cli.run(["data", "check", "classic5"]) == 0
    assert cli.run(["data", "check", "classic5", "LIVE1"]) == 1
    assert "0 pictures in the set, 29 expected" in capsys.readouterr().out


def test_a_packed_set_is_found_before_its_folder(sets, capsys):
    pytest.importorskip("torch")
    assert cli.run(["data", "pack", "Classic5"]) == 0
    assert "5 pictures" in capsys.readouterr().out
    assert find_data(["Classic5"]) == ([sets / "Classic5.npy"], None)


def test_a_packed_set_is_packed_again_by_its_name(sets, capsys):
    """From its folder, which has other pictures by now."""
    pytest.importorskip("torch")
    assert cli.run(["data", "pack", "Classic5"]) == 0
    (sets / "Classic5" / "4.png").unlink()
    assert cli.run(["data", "pack", "Classic5"]) == 0
    assert "4 pictures" in capsys.readouterr().out


def test_a_packed_folder_has_its_own_name(sets, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(sets / "Classic5")
    for place in (".", "../Classic5/../Classic5", "./"):
        assert cli.run(["data", "pack", place]) == 0
    assert [file.name for file in sets.glob("*.npy")] == ["Classic5.npy"]
    assert not list(sets.glob(".*"))


def test_a_packed_split_has_the_name_of_its_set(sets, monkeypatch):
    """Those of two sets would replace one another."""
    pytest.importorskip("torch")
    (sets / "Classic5").rename(sets / "train")
    for name in ("DIV2K", "BSDS500"):
        shutil.copytree(sets / "train", sets / name / "train")
    monkeypatch.chdir(sets)
    for name in ("DIV2K/train", "BSDS500/train"):
        assert cli.run(["data", "pack", name]) == 0
    assert sorted(file.name for file in sets.glob("*.npy")) == ["BSDS500-train.npy", "DIV2K-train.npy"]
    assert find_data(["div2k/TRAIN"]) == ([sets / "DIV2K-train.npy"], None)


@pytest.mark.parametrize("name", ["all.json", "all.npy"])
def test_a_file_that_is_no_packed_set_is_not_replaced(sets, capsys, name):
    (sets / name).write_text("mine")
    assert cli.run(["data", "pack", "Classic5", "-o", str(sets / "all.npy")]) == 2
    assert f"{sets / name} would be replaced" in capsys.readouterr().err
    assert [file.name for file in sets.glob("all.*")] == [name] and (sets / name).read_text() == "mine"


def test_shares_of_data(sets):
    paths, shares = find_data(["Classic5=0.25", str(sets)])
    assert (paths, shares) == ([sets / "Classic5", sets], [0.25, 1.0])
    with pytest.raises(InvalidOption, match="share"):
        find_data(["Classic5=much"])
    for wrong in ("0", "-1", "nan"):
        with pytest.raises(InvalidOption, match="one of them above 0"):
            find_data([f"Classic5={wrong}"])


def test_validation_takes_no_shares(sets, capsys):
    """They would be dropped."""
    pytest.importorskip("torch")
    recipe = Path(__file__).parents[2] / "recipes" / "arcnn.toml"
    words = ["train", str(recipe), "--data", str(sets), "--out", str(sets / "run"), "--validate", "Classic5=0.5"]
    assert cli.run(words) == 2
    assert "--validate takes no shares" in capsys.readouterr().err
    assert not (sets / "run").exists()


def test_weights_to_begin_from_are_a_file_or_a_released_network():
    assert find_weights("mine/mine.safetensors") == Path("mine/mine.safetensors")
    assert find_weights("dcsc-c").name == "dcsc-c.safetensors"
    with pytest.raises(UnknownModel, match="no model"):
        find_weights("runs/mine")


def test_a_folder_that_is_called_like_a_released_network_does_not_hide_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/dcsc-c").mkdir(parents=True)
    Path("dcsc-c").mkdir()
    assert find_weights("dcsc-c").name == "dcsc-c.safetensors"
    with pytest.raises(WeightsMissing, match="dcsc-c is no file; give the path of weights"):
        read_tensors(find_weights("runs/dcsc-c"))


def test_settings_are_read_as_toml():
    assert parse_settings(["a.b=[1, 2]", "c=true", "d=word"]) == {"a.b": [1, 2], "c": True, "d": "word"}
    with pytest.raises(InvalidOption, match="KEY=VALUE"):
        parse_settings(["nothing"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["data", "prepare"], 2),
        (["data", "prepare", "nonesuch"], 1),
        (["data", "prepare", "LIVE1"], 1),
        (["data", "pack", "Classic5", "-o", "all.zip"], 2),
        (["data", "prepare", "Patterns", "-o", "all.npy"], 2),
        (["data", "list", "Classic5"], 2),
        (["train", "no-such-recipe.toml", "--data", "."], 1),
        (["train", "no-such-recipe.toml", "--data", ".", "--partly"], 2),
        (["train", "no-such-recipe.toml", "--data", ".", "--resume", "--warm-start", "mend-s"], 2),
    ],
)
def test_mistakes_end_with_a_message(sets, words, code, capsys):
    pytest.importorskip("torch")
    assert cli.run(words) == code
    assert capsys.readouterr().err.startswith("jpegmend: ")


@pytest.mark.parametrize("device", ["cup", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(InvalidOption, match=rf"--device {device}: .*; give cpu, or cuda"):
        choose_device(device)
    assert choose_device("cpu") == "cpu"


def test_a_file_in_the_place_of_the_runs_folder_is_said(tmp_path, capsys):
    pytest.importorskip("torch")
    (tmp_path / "taken").write_bytes(b"mine")
    recipe = Path(__file__).parents[2] / "recipes" / "mend-s.toml"
    assert cli.run(["train", str(recipe), "--data", str(tmp_path), "--out", str(tmp_path / "taken")]) == 2
    assert "taken is a file; give a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_bytes() == b"mine"


def test_nothing_is_left_of_the_progress_of_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def prepare(known: object, root: Path, *, progress: Callable[[str, int, int], None]) -> Path:
        progress("pictures.zip", 3_000_000, 12_000_000)
        return root

    monkeypatch.setattr("jpegmend.data.prepare.prepare", prepare)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert cli.run(["data", "prepare", "Classic5"]) == 0
    assert terminal.getvalue().split("\r")[1:] == ["pictures.zip: 3 of 12 MB\x1b[K", "\x1b[K"]
