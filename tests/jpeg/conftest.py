"""Fixtures: pictures, files and encoders."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

FILES = sorted(Path(__file__).with_name("files").glob("*.jpg"))


def draw_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """RGB uint8 [H, W, 3]: sines, a diagonal ramp, noise; nowhere flat mid-gray."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = np.stack([128 + 90 * np.sin(x / 7), 60 + 50 * np.cos(y / 5), (5 * x + 3 * y) % 256], axis=-1)
    noise = np.random.default_rng(seed).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def encode_picture(picture: np.ndarray, *, mode: str = "RGB", **options: Any) -> bytes:
    """A JPEG by Pillow, in the colour mode given."""
    stream = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    return draw_picture


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    return encode_picture


@pytest.fixture(scope="session")
def stored() -> dict[str, bytes]:
    """The files in ``files/`` by name."""
    return {path.stem: path.read_bytes() for path in FILES}


@pytest.fixture(scope="session")
def kinds(stored: dict[str, bytes]) -> dict[str, bytes]:
    """One file of every kind that is read, by name."""
    picture = draw_picture(45, 61)
    return stored | {
        "gray": encode_picture(picture, mode="L"),
        "4:4:4": encode_picture(picture, subsampling=0),
        "4:2:2": encode_picture(picture, subsampling=1),
        "4:2:0": encode_picture(picture, subsampling=2),
        "progressive": encode_picture(picture, progressive=True),
        "progressive gray": encode_picture(picture, mode="L", progressive=True),
        "restart": encode_picture(picture, restart_marker_rows=1),
        "optimised": encode_picture(picture, optimize=True, quality=31),
        "cmyk": encode_picture(picture, mode="CMYK"),
        "ycck": as_ycck(encode_picture(picture, mode="CMYK")),
        "rgb by pillow": encode_picture(picture, keep_rgb=True),
        "1x1": encode_picture(picture[:1, :1]),
        "9x1": encode_picture(picture[:1, :9], subsampling=2),
        "own tables": encode_picture(picture, qtables=[list(range(1, 65)), [7] * 64]),
        "quality 100": encode_picture(picture, quality=100),
    }


def as_ycck(cmyk: bytes) -> bytes:
    """The same file with its Adobe transform saying YCCK."""
    at = cmyk.index(b"Adobe") + 11
    return cmyk[:at] + b"\2" + cmyk[at + 1 :]
