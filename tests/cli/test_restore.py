"""``jpegmend restore`` on real files: results, messages, exit codes."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from jpegmend import cli

from .conftest import as_jpeg, picture


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg"]) == 0
    assert files(folder) == {"a.jpg", "sub/b.jpg", "a.restored.png"}
    said = capsys.readouterr().out
    assert "80x48" in said and "quality 15" in said and "a.restored.png" in said
    with Image.open("a.restored.png") as image:
        assert image.size == (80, 48)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_result_is_not_replaced_unless_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.restored.png").write_bytes(b"mine")
    assert cli.run(["a.jpg"]) == 0
    assert "--overwrite" in capsys.readouterr().out
    assert cli.run(["a.jpg", "-o", "a.restored.png"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert Path("a.restored.png").read_bytes() == b"mine"
    assert cli.run(["a.jpg", "--overwrite", "--quiet"]) == 0
    assert Path("a.restored.png").read_bytes() != b"mine"


def test_a_result_of_another_input_is_not_replaced_unless_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path("sub/a.jpg")
    other.write_bytes(as_jpeg(picture(2)))
    words = ["-o", "out", "--strength", "0"]
    assert cli.run(["a.jpg", *words]) == 0
    first = Path("out/a.restored.png").read_bytes()
    said = f"out/a.restored.png exists already, made from {folder / 'a.jpg'}; give another -o or --name, or --overwrite"
    for options in ([], ["--bits", "16"], ["--dry-run"]):
        capsys.readouterr()
        assert cli.run(["sub/a.jpg", *words, *options]) == 1
        assert said in "".join(capsys.readouterr())
        assert Path("out/a.restored.png").read_bytes() == first
    other.unlink()
    assert cli.run(["sub/a.jpg", *words]) == 1, "a file that is not there"
    assert "sub/a.jpg: cannot be read" in capsys.readouterr().err
    other.write_bytes(as_jpeg(picture(2)))
    assert cli.run(["sub/a.jpg", *words]) == 1
    assert cli.run(["sub/a.jpg", *words, "--overwrite"]) == 0
    assert Path("out/a.restored.png").read_bytes() != first


def test_a_folder_in_the_place_of_a_result_is_no_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.restored.png").mkdir()
    Path("out/a.restored.png").mkdir(parents=True)
    for words in ([], ["--overwrite"], ["-o", "out"]):
        assert cli.run(["a.jpg", *words]) == 1
        assert "a.restored.png is a folder; give the name of a file in it" in capsys.readouterr().err
    assert cli.run(["a.jpg", "--dry-run"]) == 1
    assert "a.restored.png is a folder" in capsys.readouterr().out


def test_a_file_that_was_moved_is_the_same_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-o", "out", "--strength", "0"]
    assert cli.run(["a.jpg", *words]) == 0
    shutil.move("a.jpg", "sub/a.jpg")
    assert cli.run(["sub/a.jpg", *words]) == 0
    assert "0 done, 1 skipped" in capsys.readouterr().out
    assert cli.run(["sub/a.jpg", *words, "--bits", "16"]) == 0
    assert "1 done" in capsys.readouterr().out
    Path("link").symlink_to("sub")
    Path("sub/a.jpg").write_bytes(as_jpeg(picture(2)))
    assert cli.run(["link/a.jpg", *words]) == 0, "a changed input by another path to it"
    assert "1 done" in capsys.readouterr().out


def test_files_of_one_size_and_time_are_told_apart(folder: Path) -> None:
    for number in (1, 2):
        path = Path(f"{number}/page.bmp")
        path.parent.mkdir()
        picture(number).save(path)
        os.utime(path, ns=(0, 0))
    assert cli.run(["1/page.bmp", "-o", "out", "--strength", "0"]) == 0
    assert cli.run(["2/page.bmp", "-o", "out", "--strength", "0"]) == 1


def test_an_input_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("a.jpg").read_bytes()
    assert cli.run(["a.jpg", "-o", "a.jpg", "--overwrite"]) == 1
    assert "input" in capsys.readouterr().err
    assert Path("a.jpg").read_bytes() == before


def test_an_input_behind_a_link_is_never_overwritten(folder: Path) -> None:
    Path("link.jpg").symlink_to("a.jpg")
    before = Path("a.jpg").read_bytes()
    assert cli.run(["a.jpg", "-o", "link.jpg", "--overwrite"]) == 1
    assert Path("a.jpg").read_bytes() == before


def test_folders(folder: Path) -> None:
    assert cli.run([".", "-r", "-o", "out/", "-q"]) == 0
    assert {"out/a.restored.png", "out/sub/b.restored.png"} <= files(folder)
    assert cli.run([".", "-q", "--format", "webp"]) == 0
    assert "a.restored.webp" in files(folder) and "sub/b.restored.webp" not in files(folder)


def test_earlier_results_are_not_restored_again(folder: Path) -> None:
    assert cli.run([".", "-q"]) == 0
    assert cli.run([".", "-q", "--overwrite"]) == 0
    assert "a.restored.restored.png" not in files(folder)


def test_patterns(folder: Path) -> None:
    assert cli.run(["sub/*.jpg", "-q"]) == 0
    assert "sub/b.restored.png" in files(folder)


@pytest.mark.parametrize("given", [["*.jpg"], ["a.jpg", "a.restored.jpg"]], ids=["pattern", "expanded by a shell"])
def test_a_pattern_that_matches_the_results_can_be_repeated(
    given: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["a.jpg", "-q", "--format", "jpeg"]) == 0
    before = files(folder)
    assert cli.run([*given, "--format", "jpeg"]) == 0
    assert "1 skipped, 0 failed" in (said := capsys.readouterr().out) and "passed over: 1 results" in said
    # A file that was named is an input, which is never overwritten.
    assert cli.run([*given, "-q", "--format", "jpeg", "--overwrite"]) == len(given) - 1
    assert files(folder) == before


@pytest.mark.parametrize(
    ("size", "mode", "suffix", "message"),
    [
        ((16_400, 8), "RGB", ".webp", "16400x8 pixels; webp holds 16383 a side at most, png and tiff more"),
        ((8, 65_510), "L", ".jpg", "8x65510 pixels; jpeg holds 65500 a side at most, png and tiff more"),
        ((64, 48), "RGBA", ".jpg", "jpeg holds no transparency; use png, tiff or webp"),
    ],
)
def test_a_picture_that_the_format_cannot_hold_is_refused_before_the_network_runs(
    size: tuple[int, int],
    mode: str,
    suffix: str,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*given: object) -> None:
        pytest.fail("the network ran")

    Image.new(mode, size).save("a.png")
    monkeypatch.setattr("jpegmend.restoration.pipeline.Restoration.run", run)
    for more in ([], ["--compare"]):
        assert cli.run(["a.png", "-o", f"out{suffix}", *more]) == 1
        assert message in capsys.readouterr().err
    assert not Path(f"out{suffix}").exists()


def test_the_sides_are_those_of_the_turned_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (16_400, 8)).save("a.jpg", exif=exif)
    for option, size in ([], "8x16400"), (["--keep-orientation"], "16400x8"):
        assert cli.run(["a.jpg", "-o", "a.webp", *option]) == 1
        assert f"{size} pixels; webp holds" in capsys.readouterr().err


def test_a_failure_does_not_stop_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.jpg").write_bytes(b"\xff\xd8\xff\xdb nonsense")
    assert cli.run(["broken.jpg", "gone.jpg", "a.jpg"]) == 1
    captured = capsys.readouterr()
    assert "a.restored.png" in files(folder)
    assert "1 done, 0 skipped, 2 failed" in captured.out
    assert captured.err.count("broken.jpg") == 1 and captured.err.count("gone.jpg") == 1
    assert "Traceback" not in captured.err


def test_names_do_not_depend_on_neighbours(folder: Path) -> None:
    picture(2).save("a.png")
    assert cli.run(["a.jpg", "a.png", "-o", "out/", "-q"]) == 0
    assert {"out/a.restored.png", "out/a.png.restored.png"} <= files(folder)


def test_json_is_one_line_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "gone.jpg", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["file"], first["quality"], first["model"]) == ("a.jpg", 15, "mend-s")
    assert second["file"] == "gone.jpg" and second["message"]


def test_standard_input_and_output() -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "JPEG", quality=20)
    command = [sys.executable, "-m", "jpegmend", "-", "-o", "-"]
    done = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(done.stdout)).size == (80, 48)
    assert b"80x48" in done.stderr


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_json_of_a_failure_is_not_written_into_the_picture(
    folder: Path, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["gone.jpg", "-o", "-", "--json", *extra]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["file"] == "gone.jpg"


def test_compare(folder: Path) -> None:
    assert cli.run(["a.jpg", "--compare", "-q"]) == 0
    with Image.open("a.restored.compare.png") as image:
        assert image.width > 160 and image.height > 96


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--bogus"],
        ["a.jpg", "--strength", "2"],
        ["a.jpg", "--bits", "12"],
        ["a.jpg", "--bits", "16", "-o", "o.jpg"],
        ["a.jpg", "-o", "o.xyz"],
        ["a.jpg", "sub/b.jpg", "-o", "one.png"],
        ["a.jpg", "--memory", "much"],
        ["empty/"],
        ["inspect"],
    ],
)
def test_wrong_usage_is_told_apart(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    before = files(folder)
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err or captured.out
    assert files(folder) == before


def test_an_unknown_model_lists_the_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--model", "nope"]) == 2
    assert "mend-s" in capsys.readouterr().err


def test_too_large_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--max-pixels", "100"]) == 1
    assert "100" in capsys.readouterr().err


def test_inspect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", "a.jpg"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "baseline, 4:2:0, 1 scan" in lines
    luma, chroma = lines.index("table of component 1:"), lines.index("table of components 2, 3:")
    # Of libjpeg's tables, scaled to quality 15: 16, 11, 10, ... of luma and 17, 18, 24, ... of chroma, times 10/3.
    assert lines[luma + 1].startswith("53  37  33") and lines[chroma + 1].startswith("57  60  80")
    assert cli.run(["inspect", "a.jpg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quality"] == 15


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models"]) == 0
    assert "mend-s" in capsys.readouterr().out
