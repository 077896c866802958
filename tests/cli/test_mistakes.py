"""Mistakes of a new user: each is named in a line, with what to do, and costs no file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jpegmend import cli

from .conftest import as_jpeg, picture


def test_a_format_whose_encoder_is_not_installed_is_wrong_usage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jpegmend.writing.lossy.importlib.util.find_spec", lambda name: None)
    for words in (["a.jpg"], ["upscale", "a.jpg"], [".", "-r", "-o", "out"]):
        assert cli.run([*words, "--format", "jxl"]) == 2
        assert 'writing JPEG XL needs pillow-jxl-plugin: pip install "jpegmend[formats]"' in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--verison"], 2, "did you mean --version"),
        (["--overwite"], 2, "no option --overwite, did you mean --overwrite"),
        (["a.jpg", "--strip", "gsp"], 2, "did you mean gps"),
        (["a.jpg", "--model", "mends"], 2, "did you mean mend-s"),
        (
            ["a.jpg", "--model", "dcsc"],
            1,
            "released of network dcsc: dcsc-32, dcsc-64, dcsc-c; recipes/dcsc.toml trains it",
        ),
        (["a.jpg", "--model", "mdu-sr-x3"], 2, "'mdu-sr-x3' enlarges by 3; use upscale"),
        (["a.jpg", "--format", "jpg"], 2, "did you mean jpeg"),
        ([""], 2, "empty file name"),
        (["a.jpg", "-o", ""], 2, "empty name"),
        (["a.jpg", "--memory", "1X"], 2, "--memory '1X'"),
        (["a.jpg", "--max-bytes", "much"], 2, "--max-bytes 'much'"),
        (["inspect", "a.jpg", "--max-bytes", "much"], 2, "--max-bytes 'much'"),
        (["a.jpg", "--timeout", "0"], 2, "--timeout 0"),
        (["a.jpg", "--timeout", "inf"], 2, "--timeout: 'inf'"),
        (["a.jpg", "--timeout", "1e300"], 2, "at most 1,000,000"),
        (["a.jpg", "--quality", "30"], 2, "--quality 30: png is without loss"),
        (["a.jpg", "-o", "x.tif", "--quality", "95"], 2, "--quality 95: tiff is without loss"),
        (["a.jpg", "-o", "x.jpg", "--compression", "9"], 2, "--compression 9: of png alone"),
        (["a.jpg", "-o", "x.jxl", "--keep-orientation"], 2, "--keep-orientation: this encoder of jxl states no"),
        (["a.jpg", "-o", "x.png", "--format", "jpeg"], 2, "-o x.png names a png file, --format jpeg"),
        (["a.jpg", "--pages", "0"], 2, "at least 1, or all"),
        (["a.jpg", "--jobs", "100000"], 2, "--jobs: '100000'; give a whole number from 1 to 1024"),
        (["a.jpg", "--threads", "100000"], 2, "--threads: '100000'; give a whole number from 1 to 1024"),
        (["a.jpg", "--pages", "2", "-q"], 1, "--pages 2: a JPEG file has one picture; leave --pages out"),
        ([".", "-r", "-o", "out", "--provider", "mps"], 2, "--provider 'mps' is PyTorch's, as --runtime torch has it"),
        ([".", "-r", "-o", "out", "--provider", "directml"], 2, "--provider 'directml': the installed ONNX"),
        (["a.jpg", "--thorough", "3"], 2, "choose from 2, 4"),
        (["a.jpg", "--name", "{stem:>9}{suffix}"], 2, "no field {stem:>9}"),
        (["inspect", "a.jpg", "b.jpg", "--ranker", "cqrc"], 2, "no model 'cqrc', did you mean cqr-c"),
        (["upscale", ".."], 2, "no pictures there"),
        (["upscale", ".", "--model", "mend-s"], 2, "'mend-s' keeps the size"),
        (["upscale", "gone.jpg"], 1, "gone.jpg: cannot be read: No such file"),
        (["upscale", "a.jpg", "-o", "x.png", "--format", "jpeg"], 2, "give one"),
        (["train", "a.toml", "--minutes", "0"], 2, "--minutes 0: no time to train in; give a number above 0"),
        (["explain", "."], 2, "explain takes one picture"),
        (["explain", "gone.jpg"], 1, "gone.jpg"),
        (["explain", "a.jpg", "--max-pixels", "10"], 1, "allowed are 10; raise --max-pixels"),
        (["explain", "a.jpg", "--reference", "gone.png"], 1, "a.jpg: the reference: gone.png cannot be read"),
        (["explain", "a.jpg", "--max-bytes", "10"], 1, "more than 10 bytes; raise --max-bytes"),
        (["a.jpg", "--name", "{stem}"], 2, "must end in {suffix}"),
        (["a.jpg", "--name", "{stem}.old.xyz"], 2, "must end in {suffix}"),
        (["a.jpg", "--name", "{stem}.new.tif", "--format", "png"], 2, "give one"),
        (["a.jpg", "-o", "a.jpg/", "-q"], 1, "a.jpg is a file, not a folder; -o names another folder"),
        (["a.jpg", "-o", "a.jpg/below/", "-q"], 1, "a.jpg is a file, not a folder; -o names another folder"),
        (["a.jpg", "-o", "loop/", "-q"], 1, "the journal loop/jpegmend-journal.jsonl cannot be written"),
        (["a.jpg", "-o", "a.jpg/x.png", "-q"], 1, "the folder a.jpg cannot be made"),
        (["empty"], 2, "no pictures there"),
        (["gone.jpg"], 1, "gone.jpg: cannot be read: No such file"),
        (["loop"], 1, "Too many levels of symbolic links"),
        (["help", "nothing"], 2, "no verb 'nothing'"),
        (["sub", "-o", "one.png"], 2, "one.png"),
        (["train", "recipe.toml", "--data", "/nosuch"], 1, "recipe.toml"),
    ],
)
def test_a_mistake_is_named(
    folder: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip({"train": "torch", "explain": "matplotlib"}.get(words[0], "jpegmend"))
    Path("empty").mkdir()
    Path("loop").symlink_to("loop")
    before = sorted(folder.rglob("*"))
    assert cli.run(words) == code
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and "Errno" not in told
    assert sorted(folder.rglob("*")) == before


def test_a_name_that_begins_with_a_dash_follows_two_dashes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("-x.jpg").write_bytes(as_jpeg(picture()))
    Path("--y.jpg").write_bytes(as_jpeg(picture()))
    assert cli.run(["--y.jpg"]) == 2
    assert "write ./--y.jpg" in capsys.readouterr().err
    assert cli.run(["-x.jpg"]) == 2
    assert "no option -x.jpg; for the file of that name write ./-x.jpg" in capsys.readouterr().err
    assert cli.run(["-q", "--strength", "0", "--", "-x.jpg", "--y.jpg"]) == 0
    assert Path("-x.restored.png").exists() and Path("--y.restored.png").exists()


def test_the_suffix_of_a_template_names_the_format(folder: Path) -> None:
    assert cli.run([".", "-o", "out", "--name", "{stem}.new.webp", "-q", "--strength", "0"]) == 0
    assert Path("out/a.new.webp").read_bytes()[8:12] == b"WEBP"


def test_version_may_stand_anywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "--version"]) == 0
    assert capsys.readouterr().out.startswith("jpegmend ")


def test_version_after_two_dashes_is_the_name_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--", "--version"]) == 1
    assert "--version: cannot be read" in capsys.readouterr().err


def test_a_name_at_the_systems_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "n" * 245 + ".jpg"
    shutil.copy("a.jpg", long)
    assert cli.run([long, "-q"]) == 1
    assert "give a shorter one" in capsys.readouterr().err
    assert cli.run([long, "-o", "short.png", "-q", "--strength", "0"]) == 0


needs_setpriv = pytest.mark.skipif(not shutil.which("setpriv"), reason="drops root's right to ignore permissions by it")


def say(*words: str) -> tuple[int, str]:
    """Exit code and messages of the command as a user who is subject to permissions."""
    drop = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if os.getuid() == 0 else []
    command += [sys.executable, "-m", "jpegmend", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@needs_setpriv
def test_without_permission(folder: Path) -> None:
    """A folder that cannot be written, a file and a folder that cannot be read."""
    Path("sub").chmod(0o555)
    assert say("sub/b.jpg") == (
        1,
        "jpegmend: sub/b.jpg: sub/b.restored.png cannot be written: Permission denied; give another -o\n",
    )
    assert (
        say("sub/b.jpg", "--dry-run")
        == say("sub", "--dry-run")
        == say("a.jpg", "-o", "sub/new/", "--dry-run")
        == (1, "")
    )
    code, said = say("sub")
    assert code == 1 and "the journal sub/jpegmend-journal.jsonl cannot be written" in said and "-o" in said
    code, said = say("a.jpg", "-o", "sub/new/a.png")
    assert code == 1 and "the folder sub/new cannot be made: Permission denied" in said
    Path("sub").chmod(0o000)
    code, said = say("sub/b.jpg", "-o", "b.png")
    assert code == 1 and "cannot be read: Permission denied" in said
    unreadable = "jpegmend: sub: cannot be read: Permission denied\n"
    assert say(".", "-r", "-o", "out", "--strength", "0") == (1, unreadable), "there may be pictures in it"
    assert Path("out/a.restored.png").exists()
    assert say("inspect", ".", "-r") == (1, unreadable)
    code, said = say("sub")
    assert code == 2 and "1 unreadable folder" in said
    Path("sub").chmod(0o755)


@needs_setpriv
def test_a_picture_that_may_not_be_read(folder: Path) -> None:
    pytest.importorskip("obstore")
    pytest.importorskip("pyarrow")
    Path("a.jpg").chmod(0o000)
    assert say("cluster", "plan", ".", "out", "--strength", "0") == (0, "")
    assert say("cluster", "run", "out", "--jobs", "1")[0] == 1
    assert Path("out/sub/b.restored.png").exists() and not Path("out/a.restored.png").exists()
    code, said = say("evaluate", "--data", ".", "--quality", "10", "--model", "jpeg")
    assert code == 1 and said.endswith("jpegmend: a.jpg: Permission denied\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_told_and_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["a.jpg", "-o", "/dev/full", "--format", "png"]) == 1
    assert "/dev/full cannot be written: no space is left there" in capsys.readouterr().err
    for words in (["a.jpg", "--overwrite"], ["models"]):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "jpegmend", *words]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "jpegmend: standard output cannot be written: No space left on device\n"
    Path("full").mkdir()
    Path("full/jpegmend-journal.jsonl").symlink_to("/dev/full")
    assert cli.run(["a.jpg", "-o", "full/"]) == 1
    assert "the journal full/jpegmend-journal.jsonl cannot be written: No space" in capsys.readouterr().err


@needs_setpriv
def test_a_folder_that_a_plan_may_not_read_is_counted(folder: Path) -> None:
    pytest.importorskip("obstore")
    pytest.importorskip("pyarrow")
    from jpegmend.cluster.job import JOB

    Path("sub").chmod(0o000)
    assert say("cluster", "plan", ".", "out") == (0, "")
    Path("sub").chmod(0o755)
    assert json.loads(Path("out", JOB).read_text())["passed_over"] == {"unreadable folders": 1}


def test_a_pattern_that_resembles_a_verb_is_no_verb(folder: Path) -> None:
    (folder / "restored").mkdir()
    shutil.copy("a.jpg", folder / "restored")
    assert cli.run(["restored/*", "-o", "out/", "--strength", "0", "-q"]) == 0
    assert Path("out/a.restored.png").exists()


def test_a_package_that_cannot_be_loaded_is_named(folder: Path) -> None:
    # As on Windows where a library that a package needs is missing. Of ONNX Runtime tests/runtimes tells.
    package = folder / "packages" / "numpy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('DLL load failed')")
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-m", "jpegmend", "a.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("jpegmend: a package that it needs cannot be loaded: DLL load failed; `jpegmend doc")


def test_python_may_leave_the_docstrings_out(folder: Path) -> None:
    environment = {**os.environ, "PYTHONOPTIMIZE": "2"}
    command = [sys.executable, "-m", "jpegmend", "a.jpg", "--strength", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("a.restored.png").exists()
