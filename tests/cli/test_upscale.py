"""``jpegmend upscale``: path of the result, protection of the input, messages."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tests import tiny_networks

from jpegmend import cli


@pytest.fixture
def photo(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(picture).save(tmp_path / "photo.jpg", quality=90, subsampling=0)
    return tmp_path / "photo.jpg"


@pytest.fixture
def model(tmp_path):
    tiny_networks.enlarger(tmp_path, 3)
    return str(tmp_path / "enlarger.json")


def test_the_larger_picture_lies_beside_the_input(photo, model, capsys):
    assert cli.run(["upscale", str(photo), "--model", model]) == 0
    decoded = np.asarray(Image.open(photo)).astype(int)
    larger = np.asarray(Image.open(photo.with_name("photo.x3.png"))).astype(int)
    # Pillow's decoder rounds more often than ours.
    assert np.abs(larger - decoded.repeat(3, 0).repeat(3, 1)).max() <= 3
    assert "120x96" in capsys.readouterr().out


def test_a_file_that_is_named_and_json(photo, model, tmp_path, capsys):
    words = ["upscale", str(photo), "--model", model, "--json", "--bits", "16", "-o", str(tmp_path / "large.tif")]
    assert cli.run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["output"], told["width"], told["model"]) == (str(tmp_path / "large.tif"), 120, "enlarger")
    assert (tmp_path / "large.tif").read_bytes()[:2] in (b"II", b"MM")


def test_restoring_first_is_said_and_chosen(photo, model, capsys):
    for option, said in ("--restore-first", True), ("--no-restore-first", False):
        assert cli.run(["upscale", str(photo), "--model", model, option, "--overwrite"]) == 0
        assert ("note: restored by mend-s" in capsys.readouterr().out) == said


def test_inputs_and_results_are_not_overwritten(photo, model, capsys):
    before = photo.read_bytes()
    assert cli.run(["upscale", str(photo), "--model", model, "-o", str(photo), "--overwrite"]) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert photo.read_bytes() == before
    taken = photo.with_name("photo.x3.png")
    taken.write_bytes(b"mine")
    assert cli.run(["upscale", str(photo), "--model", model]) == 1
    assert taken.read_bytes() == b"mine"
    assert cli.run(["upscale", str(photo), "--model", model, "--overwrite", "-q"]) == 0
    with Image.open(taken) as larger:
        assert larger.size == (120, 96)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--bits", "16", "--format", "webp"], 2, "8 bits"),
        (["--model", "mend-s"], 2, "keeps the size"),
        (["--model", "no-such"], 1, "no-such"),
        (["--max-pixels", "1280"], 1, "--max-pixels allows, 1280"),
    ],
)
def test_what_cannot_be_done_is_said(words, code, message, photo, model, capsys):
    chosen = words if "--model" in words else [*words, "--model", model]
    assert cli.run(["upscale", str(photo), *chosen]) == code
    assert message in capsys.readouterr().err
    assert [path.name for path in photo.parent.glob("photo*")] == ["photo.jpg"]
