"""Messages of a run: one line a picture, progress, a summary, each failure once."""

import io
import json
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import as_jpeg, picture

from jpegmend import cli
from jpegmend.batch.journal import JOURNAL
from jpegmend.cli.progress import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr("jpegmend.cli.progress._EVERY", 0.0)
    return Terminal()


def test_progress_of_many(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = Bar(4, shown=True)
    for failed in (False, True, False):
        bar.add(megapixels=2.0, failed=failed)
    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith("3 of 4, 1 failed") and "files/s" in last and "MP/s" in last and "left" in last
    bar.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_progress_of_one_is_its_tiles(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    advance = Bar(1, shown=True).tiles(Path("\x1ba.jpg"))
    advance(1, 2)
    assert terminal.getvalue() == "", "two tiles are done before one has read it"
    advance(3, 12)
    assert "\\x1ba.jpg: 3 of 12 tiles" in terminal.getvalue()


def test_progress_stays_on_one_line_of_the_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    path = Path("pictures of 2026", "a folder with a long name", "photograph.jpg")
    for columns, whole in ((100, True), (60, False), (12, False)):
        monkeypatch.setenv("COLUMNS", str(columns))
        Bar(1, shown=True).tiles(path)(3, 12)
        line = terminal.getvalue().split("\r")[-1].removesuffix("\x1b[K")
        assert len(line) < columns
        assert (str(path) in line) == whole
        assert columns < 60 or "photograph.jpg: 3 of 12 tiles, 0:00 left" in line


def test_nothing_is_drawn_unless_a_person_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(4, shown=True)
    bar.add()
    bar.clear()
    assert capsys.readouterr().err == ""


def test_the_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in ((".hidden.jpg", b"x"), ("x.jp2", b"x"), ("broken.jpg", b"\xff\xd8 nonsense")):
        Path(name).write_bytes(data)
    assert cli.run([".", "-r", "-o", "out", "--strength", "0"]) == 1
    said = capsys.readouterr()
    *lines, last = said.out.splitlines()
    assert [line.split(" -> ")[0] for line in lines] == ["a.jpg", "sub/b.jpg"]
    assert last.startswith("2 done, 0 skipped, 1 failed in ")
    assert "passed over: 1 hidden, 1 .jp2" in last and f"journal: out/{JOURNAL}" in last
    assert said.err.count("broken.jpg") == 1 and said.err.count("\n") == 1
    Path("broken.jpg").unlink()
    assert cli.run([".", "-r", "-o", "out", "--strength", "0"]) == 0
    assert capsys.readouterr().out.startswith("0 done, 2 skipped, 0 failed")


def test_the_summary_of_a_stopped_run_says_how_many_are_left(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jpegmend.cli.show.Show._tell_done", stop)
    assert cli.run([".", "-r", "-o", "out", "--strength", "0", "--jobs", "1"]) == 130
    assert capsys.readouterr().out.startswith("1 done, 0 skipped, 0 failed, 1 left for the same command in ")


def test_a_result_of_unknown_options_is_named_with_what_was_not_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = "a.jpg: skipped, a.restored.png exists"
    Path("a.restored.png").write_bytes(b"mine")
    words = ["a.jpg", "--compare", "--reference", "sub/b.jpg"]
    assert cli.run(words) == 0
    assert f"{skipped}, not measured against sub/b.jpg, not compared; --overwrite" in capsys.readouterr().out
    Path("a.restored.compare.png").write_bytes(b"mine")
    assert cli.run(words[:2]) == 0
    assert f"{skipped}; --overwrite makes it anew" in capsys.readouterr().out
    assert cli.run([".", "--strength", "0"]) == 0
    assert f"{skipped}; --overwrite makes it anew\n0 done, 1 skipped" in capsys.readouterr().out, "with a journal too"


def test_json_of_skipped_and_failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sub", "--strength", "0", "-q"]) == 0
    assert cli.run(["sub", "gone.jpg", "--strength", "0", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["file"], first["outcome"], first["output"]) == ("sub/b.jpg", "skipped", "sub/b.restored.png")
    assert (second["file"], second["outcome"], second["error"]) == ("gone.jpg", "failed", "InputError")


def test_what_no_picture_could_pass_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([".", "-r", "-o", "out", "--model", "cqr", "-q"]) == 1
    said = capsys.readouterr().err
    assert said.count("not released") == 1 and "\n" not in said.strip()


def test_a_pytorch_file_as_model_is_explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.pth").write_bytes(b"x")
    assert cli.run(["a.jpg", "--model", "net.pth"]) == 1
    said = capsys.readouterr().err
    assert "pickle" in said and "net.safetensors" in said and "jpegmend[spandrel]" in said


def test_control_characters_do_not_reach_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sub/b.jpg").rename("sub/\x1b[2J\n.jpg")
    assert cli.run(["sub", "--strength", "0"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\\x1b[2J\\x0a.jpg" in said
    assert cli.run(["upscale", "\x1bx.jpg"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_what_a_file_says_reaches_the_terminal_as_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sub/b\x1b.jpg").write_bytes(as_jpeg(picture(), comment=b"hi\x1b[2J\n  note: all is well"))
    assert cli.run(["inspect", "sub/b\x1b.jpg", "sub/\x1b"]) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "  comment: hi\\x1b[2J note: all is well\n" in said.out
