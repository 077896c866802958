"""Each option of ``jpegmend restore`` has its effect: a test fails for each that is ignored."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from jpegmend import cli, jpeg
from jpegmend.cli import options as command
from jpegmend.cli import restore as restore_verb
from jpegmend.cli import upscale as upscale_verb
from jpegmend.cli.options import OPTIONS, translate
from jpegmend.cli.parser import Parser
from jpegmend.decoding import MAX_PIXELS
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.reading import open_source
from jpegmend.restoration import Options
from jpegmend.restoration.upscaling import UpscaleOptions
from jpegmend.runtimes import RUNTIMES
from jpegmend.runtimes.processor import MOST_PARALLEL

from .conftest import as_jpeg, picture


def restored(*options: str, output: str = "out.png") -> np.ndarray:
    """The pixels the command writes for a.jpg."""
    assert cli.run(["a.jpg", "-o", output, "--overwrite", "-q", *options]) == 0
    with Image.open(output) as image:
        return np.asarray(image)


def reported(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    capsys.readouterr()
    assert cli.run(["a.jpg", "-o", "out.png", "--overwrite", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("bits", [8, 16])
def test_bits(folder: Path, bits: int) -> None:
    restored("--bits", str(bits))
    assert Path("out.png").read_bytes()[24] == bits  # IHDR's bit depth


def test_16_bits_hold_what_the_network_gives(folder: Path) -> None:
    restored("--bits", "16")
    values = open_source("out.png").values
    assert values is not None and values.dtype == np.uint16
    assert (values % 257).any(), "8 bits, spread over 16"


def test_quality_is_that_of_the_jpeg_that_is_written(folder: Path) -> None:
    for quality in (35, 80):
        restored("--quality", str(quality), output="out.jpg")
        table = jpeg.read_header(Path("out.jpg").read_bytes()).components[0].table
        assert nearest_quality(table) == (quality, True)


def test_compression(folder: Path) -> None:
    pixels, sizes = [], []
    for level in ("0", "1", "9"):
        pixels.append(restored("--compression", level))
        sizes.append(Path("out.png").stat().st_size)
    assert np.array_equal(pixels[0], pixels[1]) and np.array_equal(pixels[0], pixels[2])
    assert sizes[0] > pixels[0].size and sizes[0] > sizes[1] > sizes[2]


def test_depth_that_is_lost_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gray = np.random.default_rng(0).integers(0, 65536, (24, 24), np.uint16)
    Image.fromarray(gray).save("deep.png")
    assert cli.run(["deep.png", "-o", "out.png", "--bits", "8"]) == 0
    assert "--bits 16" in capsys.readouterr().out
    assert cli.run(["deep.png", "-o", "out.webp"]) == 0
    assert "not kept: the 16 bits" in capsys.readouterr().out


def test_depth_follows_the_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --bits a picture without traces of compression is left as it is, every bit of it."""
    gray = np.random.default_rng(0).integers(0, 65536, (24, 24), np.uint16)
    Image.fromarray(gray).save("deep.png")
    for output in ("out.png", "out.tif"):
        assert cli.run(["deep.png", "-o", output]) == 0
        assert "not kept" not in capsys.readouterr().out
        with Image.open(output) as image:
            assert np.array_equal(np.asarray(image), gray)
    restored(output="plain.png")
    assert Path("plain.png").read_bytes()[24] == 8


@pytest.mark.parametrize(("suffix", "name"), [("png", "PNG"), ("tif", "TIFF"), ("webp", "WEBP"), ("jpg", "JPEG")])
def test_formats(folder: Path, suffix: str, name: str) -> None:
    form = {"tif": "tiff", "jpg": "jpeg"}.get(suffix, suffix)
    assert cli.run(["a.jpg", "-o", f"by.{suffix}", "-q"]) == cli.run(["a.jpg", "--format", form, "-q"]) == 0
    for path in (f"by.{suffix}", f"a.restored.{suffix}"):
        with Image.open(path) as image:
            assert (image.format, image.size) == (name, (80, 48))


def test_strength_lies_between_the_file_and_the_network(folder: Path) -> None:
    none, half, whole = (restored("--strength", text).astype(int) for text in ("0", "0.5", "1"))
    assert np.abs(none - whole).max() > 3
    assert np.abs(2 * half - none - whole).max() <= 3
    theirs = np.asarray(Image.open("a.jpg").convert("RGB")).astype(int)
    # One level a plane by rounding; the colour transform can make two of it.
    assert np.abs(none - theirs).max() <= 3 and np.abs(none - theirs).mean() < 0.5


def test_strength_zero_is_said_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--strength", "0"]) == 0
    said = capsys.readouterr().out
    assert "decoded only, strength 0" in said and "nothing to restore" not in said


def test_consistent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(capsys)["consistent"] is True
    assert reported(capsys, "--no-consistent")["consistent"] is False
    assert not np.array_equal(restored("--no-consistent"), restored("--consistent"))


def test_assume_quality(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(capsys, "--assume-quality", "5")["estimated"] is True
    assert not np.array_equal(restored("--assume-quality", "5"), restored())


def test_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(capsys, "--model", "arcnn")["model"] == "arcnn"


def test_runtime(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert reported(capsys, "--runtime", "torch")["runtime"].startswith("torch")
    assert reported(capsys, "--runtime", "onnx")["runtime"].startswith("onnx")


def test_strict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path("a.jpg").read_bytes()
    Path("a.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    assert cli.run(["a.jpg"]) == 0
    assert "never arrived" in capsys.readouterr().out
    assert cli.run(["a.jpg", "--strict", "--overwrite"]) == 1


def test_a_picture_of_which_nothing_arrived_has_no_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jpg").write_bytes(as_jpeg(Image.new("L", (64, 64), 128))[:-2])
    assert cli.run(["a.jpg"]) == 0
    assert "100% of the picture never arrived\n" in capsys.readouterr().out


def test_strip(folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Path("a.jpg").write_bytes(as_jpeg(picture(), icc_profile=profile, comment=b"kept"))
    restored()
    assert b"iCCP" in Path("out.png").read_bytes() and b"kept" in Path("out.png").read_bytes()
    restored("--strip")
    assert b"iCCP" in Path("out.png").read_bytes() and b"kept" not in Path("out.png").read_bytes()
    restored("--strip", "all")
    assert b"iCCP" not in Path("out.png").read_bytes() and b"kept" not in Path("out.png").read_bytes()
    restored("--srgb")
    assert b"iCCP" not in Path("out.png").read_bytes() and b"kept" in Path("out.png").read_bytes()


def test_a_file_after_strip_is_a_file(folder: Path) -> None:
    assert cli.run(["--strip", "a.jpg", "-o", "out.png", "-q"]) == 0
    assert b"kept" not in Path("out.png").read_bytes()


def test_strip_gps(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)
    Path("a.jpg").write_bytes(as_jpeg(picture(), exif=exif))
    for options, there in (((), True), (("--strip", "gps"), False)):
        restored(*options)
        with Image.open("out.png") as image:
            found = image.getexif()
            assert found[0x010F] == "Maker" and bool(found.get_ifd(0x8825)) == there


def test_mark(folder: Path) -> None:
    for options, there in (((), False), (("--mark",), True), (("--mark", "--strip", "all"), True)):
        restored(*options)
        assert (b"digitalsourcetype/algorithmicallyEnhanced" in Path("out.png").read_bytes()) == there


def test_keep_orientation(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Path("a.jpg").write_bytes(as_jpeg(picture(), exif=exif))
    assert restored().shape[:2] == (80, 48)
    assert restored("--keep-orientation").shape[:2] == (48, 80)
    with Image.open("out.png") as image:
        assert image.getexif()[0x0112] == 6


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_threads(folder: Path) -> None:
    """A session of n threads starts n - 1 of its own; they are counted in a process that restores one picture."""
    script = (
        "import os, sys; from jpegmend import cli; cli.run(sys.argv[1:]); print(len(os.listdir('/proc/self/task')))"
    )
    command = [sys.executable, "-c", script, "a.jpg", "-o", "out.png", "--overwrite", "-q", "--threads"]
    counts = [int(subprocess.run([*command, number], capture_output=True, check=True).stdout) for number in ("1", "6")]
    assert counts[1] - counts[0] == 5


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_numpy_starts_no_threads_beside_those_of_the_network(folder: Path) -> None:
    script = (
        "import atexit, os, sys; from jpegmend import cli;"
        "atexit.register(lambda: print(len(os.listdir('/proc/self/task')))); cli.main(sys.argv[1:])"
    )
    given = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", script, "a.jpg", "-o", "out.png", "-q", "--threads", "1"]
    assert subprocess.run(command, env=given, capture_output=True, check=True).stdout == b"1\n"


def test_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--memory", "1M"]) == 1
    assert "--memory" in capsys.readouterr().err
    assert cli.run(["a.jpg", "--memory", "1GiB"]) == 0


def test_memory_is_for_all_processes_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([".", "-r", "--jobs", "2", "--memory", "500M"]) == 2
    said = capsys.readouterr().err
    assert "--memory" in said and "--jobs" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-pixels", "100"], "--max-pixels"),
        (["--max-bytes", "100"], "--max-bytes"),
        (["--timeout", "1e-9"], "--timeout"),
    ],
)
@pytest.mark.parametrize("verb", ["restore", "upscale", "inspect"])
def test_limits_are_named_as_options(
    folder: Path, verb: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([verb, "a.jpg", *options]) == 1
    assert said in capsys.readouterr().err


def test_name(folder: Path) -> None:
    assert (
        cli.run([".", "-r", "-o", "out", "--name", "q{quality}/{stem}-{model}{suffix}", "-q", "--strength", "0"]) == 0
    )
    assert {str(path.relative_to("out")) for path in Path("out").rglob("*.png")} == {
        "q15/a-mend-s.png",
        "sub/q30/b-mend-s.png",
    }


def test_every_argument_has_an_option_of_the_command() -> None:
    parser = Parser()
    restore_verb.add(parser)
    there = set().union(*parser.options)
    assert set(OPTIONS.values()) <= there
    upscale_parser = Parser()
    upscale_verb.add(upscale_parser)
    both = {OPTIONS.get(field.name, "--restore-first") for field in fields(UpscaleOptions) if field.name != "progress"}
    assert both <= set().union(*upscale_parser.options)
    only_in_python = {"keep_planes", "traces", "progress"}
    assert {field.name for field in fields(Options)} - set(OPTIONS) == only_in_python
    assert command.RUNTIMES == RUNTIMES and command.MAX_PIXELS == MAX_PIXELS
    assert command.MOST_PARALLEL == MOST_PARALLEL


@pytest.mark.parametrize(
    ("said", "translated"),
    [
        ("consistent=True needs a JPEG file", "--consistent needs a JPEG file"),
        ("try consistent=False", "try --no-consistent"),
        ("raise max_pixels", "raise --max-pixels"),
        ("quality is a word like any other", "quality is a word like any other"),
    ],
)
def test_messages_name_the_options_of_the_command(said: str, translated: str) -> None:
    assert translate(said) == translated
