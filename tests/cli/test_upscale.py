"""``jpegmend upscale``: paths of results, folders, protection of inputs, messages."""

from __future__ import annotations

import io
import json
import sys

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


def test_standard_input_and_output(photo, model, tmp_path, monkeypatch, capfdbinary):
    assert cli.run(["upscale", str(photo), "--model", model, "-q", "-o", str(tmp_path / "kept.png")]) == 0
    for source, given in (str(photo), b""), ("-", photo.read_bytes()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert cli.run(["upscale", source, "--model", model, "-o", "-"]) == 0
        told = capfdbinary.readouterr()
        assert told.out == (tmp_path / "kept.png").read_bytes()
        assert f"{source} -> -: 120x96 from baseline jpeg 4:4:4, quality 90".encode() in told.err


def test_a_folder_takes_the_result_under_its_name(photo, model, tmp_path, monkeypatch):
    assert cli.run(["upscale", str(photo), "--model", model, "-o", str(tmp_path / "large"), "--format", "webp"]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    assert cli.run(["upscale", "-", "--model", model, "-o", f"{tmp_path / 'large'}/"]) == 0
    assert sorted(path.name for path in (tmp_path / "large").glob("*.x3.*")) == ["photo.x3.webp", "stdin.x3.png"]


def test_the_depth_is_that_of_the_input_and_a_loss_is_told(model, tmp_path, capsys):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 8)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert cli.run(["upscale", str(tmp_path / "deep.png"), "--model", model]) == 0
    assert (tmp_path / "deep.png.x3.png").read_bytes()[24] == 16  # IHDR's bit depth
    assert cli.run(["upscale", str(tmp_path / "deep.png"), "--model", model, "--format", "webp"]) == 0
    assert "note: not kept: the 16 bits a sample of the input" in capsys.readouterr().out


def test_notes_are_in_the_words_of_the_command_and_pages_are_chosen(model, tmp_path, capsys):
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    begin = ["upscale", str(tmp_path / "two.tif"), "--model", model]
    assert cli.run(begin) == 0
    assert "page 1 of 2 is enlarged; --pages N selects another, --pages all takes all\n" in capsys.readouterr().out
    assert cli.run([*begin, "--pages", "2", "-o", str(tmp_path / "2.png")]) == 0
    with Image.open(tmp_path / "2.png") as larger:
        assert larger.getpixel((24, 24))[2] > 250
    assert cli.run([*begin, "--pages", "all", "-o", str(tmp_path / "all.tif")]) == 0
    with Image.open(tmp_path / "all.tif") as larger:
        assert (larger.n_frames, larger.size) == (2, (48, 48))
        assert larger.getpixel((24, 24))[0] > 250
        larger.seek(1)
        assert larger.getpixel((24, 24))[2] > 250


def test_a_folder_is_enlarged_and_a_second_run_goes_on(photo, model, tmp_path, capsys):
    (tmp_path / "below").mkdir()
    Image.open(photo).resize((16, 24)).save(tmp_path / "below" / "other.png")
    (tmp_path / "below" / "cut.jpg").write_bytes(photo.read_bytes()[:100])
    words = ["upscale", str(tmp_path), "-r", "-o", str(tmp_path / "out"), "--model", model]
    assert cli.run([*words, "--dry-run"]) == 0
    assert "3 would be enlarged, 0 not; nothing was written" in capsys.readouterr().out
    assert cli.run([*words, "--jobs", "2"]) == 1
    told = capsys.readouterr()
    assert "2 done, 0 skipped, 1 failed" in told.out
    assert "cut.jpg" in told.err
    sizes = {}
    for file in (tmp_path / "out").rglob("*.png"):
        with Image.open(file) as larger:
            sizes[str(file.relative_to(tmp_path / "out"))] = larger.size
    assert sizes == {"photo.x3.png": (120, 96), "below/other.png.x3.png": (48, 72)}
    (tmp_path / "below" / "cut.jpg").write_bytes(photo.read_bytes())
    assert cli.run([*words, "--json"]) == 0
    outcomes = {row["file"]: row["outcome"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert sorted(outcomes.values()) == ["done", "skipped", "skipped"]
    assert outcomes[str(tmp_path / "below" / "cut.jpg")] == "done"


def test_options_of_the_form_of_results_are_those_of_restore(photo, model, tmp_path):
    words = ["upscale", str(photo), "--model", model, "-q", "--format", "jpeg", "--quality", "30", "--mark"]
    assert cli.run([*words, "--name", "{stem}-{model}{suffix}"]) == 0
    written = (tmp_path / "photo-enlarger.jpg").read_bytes()
    assert b"algorithmicallyEnhanced" in written
    with Image.open(tmp_path / "photo-enlarger.jpg") as larger:
        assert larger.size == (120, 96)
        assert larger.quantization[0][0] > 20


def test_a_result_that_the_format_cannot_hold_is_refused_before_the_network_runs(model, tmp_path, monkeypatch, capsys):
    Image.new("L", (5500, 8)).save(tmp_path / "wide.jpg")
    words = ["upscale", str(tmp_path / "wide.jpg"), "--model", model, "--format"]
    assert cli.run([*words, "jpeg"]) == 0
    monkeypatch.setattr("jpegmend.restoration.upscaling._Enlargement.run", lambda *given: pytest.fail("it ran"))
    assert cli.run([*words, "webp"]) == 1
    assert "16500x24 pixels; webp holds 16383 a side at most, png and tiff more" in capsys.readouterr().err


def test_a_missing_part_is_told(model, tmp_path, capsys):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "cut.jpg", quality=50)
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert cli.run(["upscale", str(tmp_path / "cut.jpg"), "--model", model]) == 0
    assert "of the picture never arrived; the rest is restored" in capsys.readouterr().out


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
    assert cli.run(["upscale", str(photo), "--model", model]) == 0
    assert "skipped" in capsys.readouterr().out
    assert cli.run(["upscale", str(photo), "--model", model, "-o", str(taken)]) == 1
    assert taken.read_bytes() == b"mine"
    assert cli.run(["upscale", str(photo), "--model", model, "--overwrite", "-q"]) == 0
    with Image.open(taken) as larger:
        assert larger.size == (120, 96)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--bits", "16", "--format", "webp"], 2, "8 bits"),
        (["--model", "mend-s"], 2, "keeps the size"),
        (["--model", "no-such"], 2, "no-such"),
        (["--max-pixels", "1280"], 1, "--max-pixels allows, 1280"),
    ],
)
def test_what_cannot_be_done_is_said(words, code, message, photo, model, capsys):
    chosen = words if "--model" in words else [*words, "--model", model]
    assert cli.run(["upscale", str(photo), *chosen]) == code
    assert message in capsys.readouterr().err
    assert [path.name for path in photo.parent.glob("photo*")] == ["photo.jpg"]
