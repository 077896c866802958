"""The catalogue, and the checksums of released weights."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from jpegmend import weights
from jpegmend.errors import UnknownModel, WeightsDamaged, WeightsMissing
from jpegmend.weights.catalogue import Catalogue

FACTS = {"network": "mend", "title": "t", "planes": "y", "halo": 4}


@pytest.fixture
def card(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"weights")
    files = {"onnx": {"file": "x.onnx", "sha256": hashlib.sha256(b"weights").hexdigest()}}
    (tmp_path / "x.json").write_text(json.dumps({**FACTS, "name": "x", "released": True, "files": files}))
    return weights.read_card(tmp_path / "x.json")


@pytest.mark.parametrize("name", weights.PACKAGED)
def test_every_card_of_the_package_holds(name):
    card = weights.PACKAGED[name]
    assert card.name == name
    for kind in card.files:
        assert weights.path(card, kind).name.endswith(f".{kind}")
    assert bool(card.files) == card.released


def test_lists_without_reading(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text("no card at all")
    models = Catalogue(tmp_path)
    assert list(models) == ["a", "b"]
    assert len(models) == 2
    assert "a" in models
    assert "c" not in models
    with pytest.raises(WeightsDamaged):
        models["a"]
    with pytest.raises(KeyError):
        models["c"]


def test_cards_are_found_by_name_path_or_themselves(card):
    path = card.folder / "x.json"
    assert weights.find(card) is card
    assert weights.find(path) == weights.find(str(path)) == card
    with pytest.raises(UnknownModel, match="no model 'mendd'"):
        weights.find("mendd")


def test_files_are_checked(card):
    assert weights.path(card, "onnx").read_bytes() == b"weights"
    (card.folder / "x.onnx").write_bytes(b"weightz")
    with pytest.raises(WeightsDamaged, match="sha256.*put the x.onnx that was written with its card beside it"):
        weights.path(card, "onnx")
    (card.folder / "x.onnx").unlink()
    with pytest.raises(WeightsDamaged, match=r"cannot be read: \S*x\.onnx: No such file or directory; put the x\.onnx"):
        weights.path(card, "onnx")
    gone = {"onnx": {"file": "gone.onnx", "sha256": ""}}
    with pytest.raises(WeightsDamaged, match=r"gone\.onnx.*; install again"):
        weights.path(replace(weights.PACKAGED["mend-s"], files=gone), "onnx")


def test_what_is_missing_is_said(card):
    with pytest.raises(WeightsMissing, match="it has onnx"):
        weights.path(card, "safetensors")
    with pytest.raises(WeightsMissing, match="not released"):
        weights.path(replace(card, released=False), "onnx")


@pytest.mark.parametrize("name", ["no-such-file.onnx", "x" * 5000 + ".onnx", "a\0.safetensors"])
def test_files_that_cannot_be_are_unknown_models(name):
    with pytest.raises(UnknownModel, match="no file"):
        weights.find(name)


def test_one_card_that_cannot_be_read_hides_no_message(card, user_models):
    user_models.mkdir()
    (user_models / "broken.json").write_text("{}")
    (user_models / "dangling.json").symlink_to("nowhere.json")
    with pytest.raises(WeightsMissing, match=r"networks with ranker\.onnx: cqr-c"):
        weights.path(card, "ranker.onnx")


def test_a_user_without_a_home_has_the_networks_of_the_package(monkeypatch):
    """As in a container that runs by a number of its own, without HOME."""
    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("JPEGMEND_MODELS", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert set(weights.MODELS) == set(weights.PACKAGED)


def test_the_catalogue_loads_no_numpy():
    code = (
        "import sys, jpegmend; list(jpegmend.MODELS); print([m for m in ('numpy', 'torch', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
