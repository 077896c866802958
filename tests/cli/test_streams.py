"""Closed and broken streams, file names that cannot be printed, signals: no traceback, no temporary files."""

import functools
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from jpegmend import cli
from jpegmend.batch import inputs
from jpegmend.batch.journal import JOURNAL

from .conftest import as_jpeg, picture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX streams and signals")


def shell(line: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    line = line.replace("jpegmend", f"{sys.executable} -m jpegmend", 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, **options)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    assert shell(f"jpegmend a.jpg --strength 0 {closed}").returncode == 0
    with Image.open("a.restored.png") as image:
        assert image.size == (80, 48)


def test_the_picture_cannot_go_to_a_closed_stream(folder: Path) -> None:
    assert shell("jpegmend a.jpg --strength 0 -o - >&-").returncode == 1
    assert shell("jpegmend upscale a.jpg -o - >&-").returncode == 1
    assert shell("jpegmend - --strength 0 -o x.png <&-").returncode == 1
    assert not Path("x.png").exists()


def test_a_reader_that_goes_away_ends_the_run_quietly(folder: Path) -> None:
    for number in range(6):
        Path(f"sub/{number}.jpg").write_bytes(Path("a.jpg").read_bytes())
    done = shell("jpegmend sub --strength 0 --jobs 1 | head -1; exit ${PIPESTATUS[0]}")
    assert done.returncode == 141 and done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_a_picture_on_standard_output_is_whole_or_told(folder: Path) -> None:
    Path("a.jpg").write_bytes(as_jpeg(Image.effect_noise((300, 300), 90)))  # more than a pipe holds
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    line = "jpegmend a.jpg --strength 0 --format tiff -o -"
    done = shell(f"{line} | head -c 10 | wc -c; exit ${{PIPESTATUS[0]}}", env=environment)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (141, b"10", b"")
    assert shell(f"ulimit -f 8; {line} > a.tiff", env=environment).returncode == 1
    Path("a.tiff").unlink()
    assert shell(f"{line} >> a.tiff").returncode == 0
    with Image.open("a.tiff") as image:
        image.load()


def test_names_that_cannot_be_printed(folder: Path) -> None:
    for name in ("caf\u00e9-\u6f22.jpg", os.fsdecode(b"bad-\xff\xfe.jpg")):
        Path("sub", name).write_bytes(Path("a.jpg").read_bytes())
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = shell("jpegmend sub --strength 0", env=environment)
    assert done.returncode == 0, done.stderr
    assert len(list(Path("sub").glob("*.restored.png"))) == 3
    assert shell("jpegmend sub --strength 0", env=environment).stdout.startswith(b"0 done, 3 skipped")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_end_it_without_leftovers(folder: Path, number: signal.Signals, code: int) -> None:
    Path("temporary").mkdir()
    for each in range(40):
        Path(f"sub/{each}.jpg").write_bytes(as_jpeg(picture(each).resize((400, 300))))
    command = [sys.executable, "-m", "jpegmend", "sub", "-o", "out", "--jobs", "2", "--strength", "0"]
    run = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where the tests themselves run in a shell's background or under nohup, it is ignored, and would be here too.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert b"Traceback" not in said
    assert not list(Path("temporary").iterdir())
    assert not list(Path("out").glob("*.part"))
    assert 0 < len(list(Path("out").glob("*.png"))) < 41


@pytest.mark.parametrize("source", ["- < /dev/zero", "/dev/zero", "- < <(yes)"])
def test_an_endless_stream_of_no_picture_is_given_up_at_once(folder: Path, source: str) -> None:
    done = shell(f"jpegmend -o x.png {source}", timeout=60)
    assert done.returncode == 1
    assert b"no picture format" in done.stderr


def test_an_endless_picture_is_bounded(folder: Path) -> None:
    done = shell("jpegmend -o x.png --max-bytes 5M - < <(cat a.jpg /dev/zero)")
    assert done.returncode == 1
    assert b"5,000,000 bytes" in done.stderr and b"--max-bytes" in done.stderr


def test_standard_input_and_pipes_among_other_files(folder: Path) -> None:
    os.mkfifo("pipe")
    data = Path("a.jpg").read_bytes()
    threading.Thread(target=lambda: Path("pipe").write_bytes(data), daemon=True).start()
    line = "jpegmend - pipe a.jpg gone.jpg sub -o out/ --jobs 2 --strength 0 --name '{stem}-{quality}{suffix}' < a.jpg"
    assert shell(line, timeout=60).returncode == 1
    made = {path.name: path.read_bytes() for path in Path("out").glob("*.png")}
    assert set(made) == {"stdin-unknown.png", "pipe-unknown.png", "a-15.png", "b-30.png"}
    assert made["stdin-unknown.png"] == made["pipe-unknown.png"] == made["a-15.png"]
    entries = [json.loads(line) for line in Path("out", JOURNAL).read_text().splitlines()]
    read = {entry["output"]: entry["size"] for entry in entries if entry["outcome"] == "done"}
    assert [read[name] for name in ("stdin-unknown.png", "pipe-unknown.png", "a-15.png")] == [len(data)] * 3


def test_files_that_the_shell_has_opened_are_read_by_the_command(folder: Path) -> None:
    """The processes of several pictures have neither its standard input nor its pipes."""
    line = "jpegmend <(cat a.jpg) <(cat sub/b.jpg) /dev/stdin -o out/ --strength 0 < a.jpg"
    done = shell(line, timeout=60)
    assert done.returncode == 0, done.stderr
    made = [path.read_bytes() for path in Path("out").glob("*.png")]
    assert len(made) == 3 and len(set(made)) == 2


def test_an_interrupt_ends_the_wait_for_standard_input(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jpegmend", "-", "a.jpg", "-o", "out/", "--strength", "0"],
        stdin=subprocess.PIPE,
        # Where the tests run in the background their children would ignore it, too.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not Path("out", JOURNAL).exists():
            time.sleep(0.05)
        time.sleep(1)  # until it reads, though the outcome is the same before
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


@pytest.mark.parametrize("source", ["-", "pipe"])
def test_other_data_of_a_stream_replace_no_result(
    folder: Path, source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")

    def run(given: str, *words: str) -> int:
        data = Path(given).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        if source == "pipe":
            threading.Thread(target=lambda: Path("pipe").write_bytes(data), daemon=True).start()
        return cli.run([source, "-o", "out", "--strength", "0", *words])

    assert run("a.jpg") == 0
    (made,) = Path("out").glob("*.png")
    first = made.read_bytes()
    assert run("sub/b.jpg") == 1
    made_from = "an earlier standard input" if source == "-" else folder / "pipe"
    assert f"{source}: {made} exists already, made from {made_from}; give another -o" in capsys.readouterr().err
    assert made.read_bytes() == first
    assert run("a.jpg") == 0 and "1 skipped" in capsys.readouterr().out
    assert run("a.jpg", "--bits", "16") == 0 and "1 done" in capsys.readouterr().out
    assert run("sub/b.jpg", "--overwrite") == 0 and made.read_bytes() != first


def test_standard_input_is_not_a_file_of_that_name(folder: Path) -> None:
    Path("-").write_bytes(Path("a.jpg").read_bytes())
    for given in ("a.jpg", "sub/b.jpg"):
        line = f"jpegmend - -o out/ --overwrite --strength 0 --name '{{stem}}-{{quality}}{{suffix}}' < {given}"
        assert shell(line, timeout=60).returncode == 0
        written = Path("out/stdin-unknown.png").read_bytes()
        assert shell(f"jpegmend {given} -o one.png --strength 0 --overwrite", timeout=60).returncode == 0
        assert written == Path("one.png").read_bytes()


def test_a_pipe_that_nobody_writes_to_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")
    monkeypatch.setattr(inputs, "_PIPE_SECONDS", 0.05)
    assert cli.run(["pipe", "-o", "out/", "--strength", "0"]) == 1
    assert "pipe: nothing was written to this pipe" in capsys.readouterr().err


def test_a_pipe_is_read_once(folder: Path) -> None:
    os.mkfifo("pipe")
    data = Path("a.jpg").read_bytes()
    threading.Thread(target=lambda: Path("pipe").write_bytes(data), daemon=True).start()
    started = time.monotonic()
    assert shell("jpegmend pipe -o out/ --compare --strength 0", timeout=60).returncode == 0
    assert time.monotonic() - started < 60
    assert {path.name for path in Path("out").glob("*.png")} == {"pipe.restored.png", "pipe.restored.compare.png"}
