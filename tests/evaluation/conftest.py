"""Small pictures that look like photos to a codec: a smooth field, texture, edges."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image


def make_photo(height: int, width: int, seed: int) -> np.ndarray:
    """RGB uint8 [H, W, 3]."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    field = np.stack([np.sin(rows / (9 + c)) * np.cos(columns / (13 - c)) for c in range(3)], -1)
    grain = noise.normal(0, 6, (height, width, 1))
    square = ((rows // 16 + columns // 16) % 2)[..., None] * np.array([40, -20, 10])
    return np.clip(128 + 60 * field + grain + square, 0, 255).astype(np.uint8)


@pytest.fixture
def picture_set(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for seed in range(2):
        Image.fromarray(make_photo(48, 56, seed)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(name="photo")
def photo_fixture():
    return make_photo


def tiny_networks() -> ModuleType:
    """The module ``tests/tiny_networks.py``."""
    spec = importlib.util.spec_from_file_location("tiny_networks", Path(__file__).parents[1] / "tiny_networks.py")
    networks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(networks)
    return networks


@pytest.fixture
def blur_card(tmp_path: Path) -> Path:
    """The card of a network that blurs by one convolution of 3x3, as a file."""
    tiny_networks().blur(tmp_path, 1, 1)
    return tmp_path / "blur.json"


@pytest.fixture
def tripling_card(tmp_path: Path) -> Path:
    """The card of a network that repeats each pixel three times in both directions, as a file."""
    tiny_networks().enlarger(tmp_path, 3)
    return tmp_path / "enlarger.json"
