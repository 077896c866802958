"""``--dry-run``: what a run would do, and where it would fail, without writing anything."""

import json
import shutil
from pathlib import Path

import pytest

from jpegmend import cli


def test_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    assert cli.run([".", "-r", "-o", "out", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "a.jpg -> out/a.restored.png" in said and "2 would be restored" in said
    assert sorted(folder.rglob("*")) == before
    assert cli.run(["a.jpg", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "a.jpg", "output": "a.restored.png", "would": "restore"}
    # Both would be one file: the second one would fail, so the dry run fails too.
    shutil.copy("a.jpg", "sub/a.jpg")
    assert cli.run(["a.jpg", "sub/a.jpg", "-o", "out", "--dry-run"]) == 1
    assert "that of a.jpg too" in capsys.readouterr().out
    assert cli.run(["a.jpg", "sub/a.jpg", "-o", "out", "--dry-run", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "message" not in first and second["would"] == "fail" and "that of a.jpg too" in second["message"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (["-o", "there.png"], "there.png exists already; give another -o, or --overwrite"),
        (["-o", "new.png", "--compare"], "new.compare.png exists already; give another -o, or --overwrite"),
        (
            ["-o", "there.png/below/a.png"],
            "the folder there.png/below cannot be made: there.png is a file; give another -o",
        ),
    ],
)
def test_dry_run_fails_where_the_run_would(
    folder: Path, output: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("there.png", "new.compare.png"):
        Path(name).write_bytes(b"mine")
    assert cli.run(["a.jpg", *output, "--dry-run"]) == 1
    assert f"({said})\n0 would be restored, 1 not" in capsys.readouterr().out
    assert cli.run(["a.jpg", *output, "--strength", "0"]) == 1
    assert cli.run(["a.jpg", "-o", "new/below/a.png", "--dry-run"]) == 0 and not Path("new").exists()


def test_dry_run_fails_for_a_file_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["gone.jpg", "a.jpg", "--dry-run"]) == 1
    said = capsys.readouterr().out
    assert "gone.jpg -> gone.restored.png  (cannot be read: No such file or directory)" in said
    assert "1 would be restored, 1 not" in said


def test_too_little_memory_for_the_processes_is_told_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [".", "-r", "-o", "out", "--jobs", "4", "--memory", "500M"]
    for more in ([], ["--dry-run"]):
        assert cli.run([*words, *more]) == 2
        assert "--memory 500M is too little for --jobs 4" in capsys.readouterr().err
        assert not Path("out").exists()
