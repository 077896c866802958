"""A folder of small pictures, and a way to make one of them end every process that restores it."""

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jpegmend import cli
from jpegmend.cluster.tasks import Event, Finished, Joined, Task
from jpegmend.cluster.work import Session

POISON = b"ends the process that restores it"

ENDS_AT_POISON = f"""
import importlib.abc, importlib.util, os, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "jpegmend.restoration.pipeline":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            restore = module.restore

            def restore_or_end(data, **options):
                if {POISON!r} in data:
                    os.kill(os.getpid(), 9)
                return restore(data, **options)

            module.restore = restore_or_end

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""


def jpeg(seed: int, comment: bytes = b"") -> bytes:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:24, : 24 + seed % 9]
    base = 128 + 70 * np.sin(columns / 5 + seed) + 40 * np.cos(rows / 3)
    noisy = base[:, :, None] + rng.normal(0, 9, (*base.shape, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=20, comment=comment)
    return buffer.getvalue()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; ``src`` in it holds 11 pictures, two of them in a folder below."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src" / "below").mkdir(parents=True)
    for seed in range(9):
        (tmp_path / "src" / f"{seed}.jpg").write_bytes(jpeg(seed))
    for seed in (9, 10):
        (tmp_path / "src" / "below" / f"{seed}.jpeg").write_bytes(jpeg(seed))
    return tmp_path


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bytes]:
    """Makes a picture that ends every worker process that restores it, by SIGKILL."""
    folder = tmp_path / "poison"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ENDS_AT_POISON)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return lambda: jpeg(99, comment=POISON)


@pytest.fixture
def cluster(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Runs ``jpegmend cluster ... --json`` here; its exit code and what it printed."""

    def run(*words: object) -> tuple[int, Any]:
        code = cli.run(["cluster", *map(str, words), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


class CrewHere:
    """One worker in this process, for jobs in which processes do not matter: each takes a second to start."""

    def __init__(self, jobs: int, settings: Any) -> None:
        self._session = Session(*settings)
        self._events: list[Event] = [Joined(0)]

    def now(self) -> float:
        return time.monotonic()

    def give(self, worker: int, task: Task) -> None:
        self._events.append(Finished(worker, self._session.do(task)))

    def wait(self, until: float) -> list[Event]:
        events, self._events = self._events, []
        return events

    def stop(self, worker: int) -> None:
        raise AssertionError("nobody hangs here")

    def close(self) -> None:
        pass


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has ``cluster run`` work in this process."""
    monkeypatch.setattr("jpegmend.cluster.local.LocalCrew", CrewHere)


def results(folder: Path) -> dict[str, bytes]:
    """The restored pictures of a folder, by their path below it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.restored.png")}
