"""Pictures, files and tiny networks for the pipeline's tests."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jpegmend.weights import Card

TESTS = Path(__file__).parents[1]


def _load_networks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_networks", TESTS / "tiny_networks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_card(tmp_path_factory) -> Callable[..., Card]:
    """A tiny network by name, with the facts of its card changed as asked."""
    networks = _load_networks()

    def make(name: str, *numbers: Any, **facts: Any) -> Card:
        return getattr(networks, name)(tmp_path_factory.mktemp(name), *numbers, **facts)

    return make


@pytest.fixture(scope="session")
def identity(make_card) -> Card:
    return make_card("identity")


def draw_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """RGB uint8 [H, W, 3]: slow waves, an edge, texture; few colours outside what 8 bits of YCbCr hold."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = np.stack([128 + 70 * np.sin(x / 17), 120 + 60 * np.cos(y / 15 + x / 40), 100 + 0.2 * (x + y)], axis=-1)
    picture[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(height, width) / 4) ** 2] *= 0.7
    noise = np.random.default_rng(seed).normal(0, 5, (height, width, 1))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    return draw_picture


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    def encode_picture(picture: np.ndarray, *, mode: str | None = None, format: str = "JPEG", **options: Any) -> bytes:
        stream = io.BytesIO()
        image = Image.fromarray(picture)
        (image.convert(mode) if mode else image).save(stream, format, **options)
        return stream.getvalue()

    return encode_picture


@pytest.fixture(scope="session")
def decode() -> Callable[[bytes], np.ndarray]:
    def decode_by_pillow(data: bytes) -> np.ndarray:
        image = Image.open(io.BytesIO(data))
        return np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)

    return decode_by_pillow


@pytest.fixture(scope="session")
def odd_files() -> dict[str, bytes]:
    """JPEGs with samplings that Pillow does not write, by name."""
    folder = TESTS / "jpeg" / "files"
    names = ("4-4-0", "4-1-1", "4-1-0", "3x1", "1x3", "1x1-2x2-2x2", "2x2-2x1-1x2", "3x2-1x2-1x1")
    return {name: (folder / f"{name}.jpg").read_bytes() for name in names}
