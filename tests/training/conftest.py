"""Fixtures: a small picture, and a network that trains in milliseconds."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend.training.recipe import Recipe
from jpegmend.training.recipe_checks import check_recipe
from jpegmend.training.run import RunSettings


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder with two pictures of 96 x 112 pixels: waves, a box and grain."""
    return draw(tmp_path_factory.mktemp("pictures"), seed=3)


@pytest.fixture(scope="session")
def others(tmp_path_factory) -> Path:
    """A folder with two other pictures of the kind, for validation."""
    return draw(tmp_path_factory.mktemp("others"), seed=4)


def draw(folder: Path, seed: int) -> Path:
    """Writes two pictures into the folder, and returns it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :112].astype(float)
    for number in range(2):
        picture = np.stack([127 + 90 * np.sin(x / (5 + c) + y / (7 + number)) for c in range(3)], -1)
        picture[30:60, 20 : 60 + 10 * number] = rng.integers(0, 256, 3)
        picture += rng.normal(0, 5, picture.shape)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def tiny(**changes) -> Recipe:
    """Two convolutions of AR-CNN's kind on gray crops of 16 pixels."""
    content = {
        "name": "tiny",
        "network": "arcnn",
        "config": {"kernels": [3, 3], "widths": [4], "deviation": 0.1},
        "steps": 8,
        "optimiser": {"rate": 1e-3},
        "phases": [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"mae": 1.0}}],
    }
    return check_recipe(content | changes)


def settings(folder: Path, pictures: Path, **more) -> RunSettings:
    """Settings of a run on one folder of pictures."""
    return RunSettings(folder=folder, data=[pictures], **more)


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a program of ``scripts`` in this process, which has PyTorch loaded.

    Called with its name and arguments; returns the exit code and what it says of errors.
    """

    def run(name: str, *arguments: str) -> tuple[int, str]:
        path = Path(__file__).parents[2] / "scripts" / name
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run
