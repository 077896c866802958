"""Comparison picture of a result: file name, labels, gain over a reference."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jpegmend
from jpegmend import cli, metrics
from jpegmend.batch import comparison
from jpegmend.batch.comparison import Gain
from jpegmend.errors import OutputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "edge.jpg"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clear picture and a JPEG of it, in the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :96]
    waves = 128 + 80 * np.sin(columns / 9 + rows / 14)
    clear = np.clip(waves[..., None] + rng.normal(0, 2, (64, 96, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(clear).save("clear.png")
    Image.fromarray(clear).save("a.jpg", quality=10)
    return tmp_path


@pytest.mark.parametrize(
    ("output", "beside"),
    [
        ([], "a.restored.compare.png"),
        (["-o", "out/"], "out/a.restored.compare.png"),
        (["-o", "p4.tif"], "p4.compare.png"),
        (["-o", "p4.jpg"], "p4.compare.png"),
        (["--format", "webp"], "a.restored.compare.png"),
        (["-o", "out/", "--name", "{model}/{stem}{suffix}"], "out/mend-s/a.compare.png"),
    ],
)
def test_its_name_is_the_results_with_compare_and_it_is_told(
    folder: Path, output: list[str], beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["a.jpg", "--compare", *output]) == 0
    assert Path(beside).is_file() and f"before and after: {beside}" in capsys.readouterr().out
    assert cli.run(["a.jpg", "--compare", "--overwrite", "--json", *output]) == 0
    assert json.loads(capsys.readouterr().out)["compared"] == beside


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_also_where_the_result_is_left_to_the_viewer(folder: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open("a.jpg") as image:
        image.save("lying.jpg", quality="keep", exif=exif)
    for keep in ([], ["--keep-orientation"]):
        assert cli.run(["lying.jpg", "--compare", "-q", "--strength", "0", "-o", f"{len(keep)}.png", *keep]) == 0
    applied, kept = (np.asarray(Image.open(f"{number}.compare.png")) for number in (0, 1))
    assert np.array_equal(applied, kept)


def test_the_gain_is_that_of_the_metric(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--reference", "clear.png", "--json", "-o", "out.png"]) == 0
    told = json.loads(capsys.readouterr().out)["reference"]
    clear = np.asarray(Image.open("clear.png")).astype(np.uint16) * 257
    expected = [
        metrics.psnr(clear, jpegmend.restore("a.jpg", strength=strength).to_array(16), peak=65535)
        for strength in (0, 1)
    ]
    # The command's result has 8 bits a sample here, which costs hundredths.
    assert [told["decoded_db"], told["restored_db"]] == pytest.approx(expected, abs=0.05)
    assert told["gain_db"] == pytest.approx(told["restored_db"] - told["decoded_db"], abs=0.002) and told["gain_db"] > 0
    assert told["file"] == "clear.png"
    assert cli.run(["a.jpg", "--reference", "clear.png", "-o", "out.png", "--overwrite"]) == 0
    assert f"{told['gain_db']:+.2f} dB" in capsys.readouterr().out


@pytest.mark.parametrize(("strength", "restored"), [("0", "no difference restored\n"), ("1", " dB restored\n")])
def test_no_infinity_is_told(folder: Path, strength: str, restored: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["a.jpg", "--reference", "a.jpg", "-o", "out.png", "--strength", strength, "--compare"]
    assert cli.run(words) == 0
    told = capsys.readouterr().out
    assert "PSNR to a.jpg: no difference decoded, " in told and restored in told
    assert comparison.labels(jpegmend.restore("a.jpg", strength=0).report.as_dict(), Gain("a.jpg", np.inf, 40.0)) == (
        "decoded: quality 10\nno difference",
        "restored: nothing to do\n40.00 dB",
    )


def test_a_reference_of_one_page_is_that_of_any_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Image.open("clear.png"), Image.open("a.jpg").convert("RGB")
    first.rotate(180).save("two.tif", save_all=True, append_images=[second])
    first.rotate(180).save("clear.tif", save_all=True, append_images=[first])
    for reference in ("clear.png", "clear.tif"):
        words = ["two.tif", "--pages", "2", "--reference", reference, "--json", "--overwrite", "-o", "out.png"]
        assert cli.run([*words, "--strength", "0"]) == 0
        told = json.loads(capsys.readouterr().out)["reference"]
        assert told["decoded_db"] == pytest.approx(
            metrics.psnr(np.asarray(second), np.asarray(first), peak=255), abs=0.01
        )


def test_a_reference_in_another_colour_space_is_converted() -> None:
    """The same colours, once as sRGB and once with a profile whose red and green are exchanged: no difference."""
    from tests.writing.test_stripping import swapped_profile

    pixels = np.asarray(Image.open(EXAMPLE).convert("RGB"))
    swapped = Image.fromarray(np.ascontiguousarray(pixels[..., [1, 0, 2]]))
    swapped.info["icc_profile"] = swapped_profile()
    plain, other = (jpegmend.restore(image, strength=0) for image in (Image.fromarray(pixels), swapped))
    gain = comparison.measure(None, other, plain, plain)
    assert gain.decoded == gain.restored > 40


def test_a_gray_reference_stands_for_each_plane_and_an_equal_one_is_infinite() -> None:
    gray = np.random.default_rng(0).integers(0, 255, (30, 40), np.uint8)
    plain, colour = (jpegmend.restore(each, strength=0) for each in (gray, gray[..., None].repeat(3, 2)))
    gain = comparison.measure(Path("g.png"), plain, colour, plain)
    assert gain.decoded == gain.restored == np.inf
    assert gain.as_dict() == {"file": "g.png", "decoded_db": None, "restored_db": None, "gain_db": None}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["a.jpg", "--reference", "gone.png"], 1, "the reference gone.png"),
        (["a.jpg", "--reference", "small.png"], 1, "10x10 pixels, the picture 96x64"),
        (["a.jpg", "clear.png", "--reference", "clear.png"], 2, "evaluate --pairs"),
        ([".", "--reference", "clear.png"], 2, "evaluate --pairs"),
        (["a.jpg", "--reference", "clear.png", "-o", "clear.png", "--overwrite"], 1, "is an input"),
        (["a.jpg", "a.restored.compare.png", "--compare", "--overwrite"], 1, "is an input"),
        (["a.jpg", "-o", "-", "--compare"], 2, "--compare"),
    ],
)
def test_mistakes_cost_no_file(
    folder: Path, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (10, 10)).save("small.png")
    Image.new("RGB", (96, 64)).save("a.restored.compare.png")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert cli.run([*arguments, "-q"]) == code
    assert said in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in before.items())


def test_an_existing_comparison_is_noticed_before_the_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.restored.compare.png").write_bytes(b"mine")
    assert cli.run(["a.jpg", "--compare"]) == 1
    assert "a.restored.compare.png exists" in capsys.readouterr().err
    assert not Path("a.restored.png").exists() and Path("a.restored.compare.png").read_bytes() == b"mine"


@pytest.mark.parametrize("output", [[], ["-o", "out/"]])
@pytest.mark.parametrize("fails", ["jpegmend.writing.comparison.write", "jpegmend.batch.work.save_result"])
def test_the_picture_is_done_by_the_next_run_if_one_of_both_files_could_not_be_written(
    folder: Path, output: list[str], fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("no space left on the device")

    with monkeypatch.context() as patched:
        patched.setattr(fails, full)
        assert cli.run(["a.jpg", "--compare", "-q", *output]) == 1
    assert not list(folder.rglob("*.restored.*")), "neither file without the other"
    assert cli.run(["a.jpg", "--compare", "-q", *output]) == 0
    assert {path.name for path in folder.rglob("*.restored.*")} == {"a.restored.png", "a.restored.compare.png"}


def test_comparisons_are_no_inputs_of_the_next_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = [".", "--compare", "--name", "{stem}.better{suffix}"]
    assert cli.run([*again, "-q"]) == 0
    there = set(folder.iterdir())
    assert {path.name for path in there} >= {"a.better.compare.png", "clear.better.compare.png"}
    assert cli.run(again) == 0
    assert "0 done, 2 skipped, 0 failed" in capsys.readouterr().out and set(folder.iterdir()) == there
