"""Runs that are killed at random moments: no incomplete file, and the same results after resuming."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from jpegmend.batch.journal import JOURNAL, read

from .conftest import make_picture

KILLS = 20
PICTURES = 120
"""More than a fast machine restores until the last kill."""


def start(folder: str, jobs: int = 2) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jpegmend", "in", "-r", "-o", folder, "--strength", "0", "--jobs", str(jobs), "-q"]
    # What a killed run leaves among temporary files goes with the test's folder.
    return subprocess.Popen(command, start_new_session=True, env={**os.environ, "TMPDIR": os.getcwd()})


def results(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


def lines(folder: Path) -> int:
    journal = folder / JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def test_twenty_kills(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(PICTURES):
        make_picture(tmp_path / "in" / f"{seed % 4}" / f"{seed}.jpg", seed)
    assert start("whole").wait() == 0
    expected = results(tmp_path / "whole")
    assert len(expected) == PICTURES
    rng = random.Random(0)
    out = tmp_path / "out"
    for kill in range(KILLS):
        run = start("out", jobs=1 + kill % 4 // 2)
        enough, ends = lines(out) + rng.randint(1, 3), time.monotonic() + 30
        while lines(out) < enough and run.poll() is None and time.monotonic() < ends:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.02))
        # The parent alone, whose workers have to notice, or all of them at once.
        if run.poll() is None:
            (os.killpg if kill % 2 else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        there = results(out)
        assert {name: expected.get(name) for name in there} == there
    assert len(there) < PICTURES, "all was done before the last kill: this proves nothing, take more pictures"
    assert start("out").wait() == 0
    assert results(out) == expected
    assert not list(out.rglob("*.part"))
    assert {entry.outcome for entry in read(out / JOURNAL).values()} == {"done"}
