"""A small JPEG, and spandrel where it is installed."""

from __future__ import annotations

import io
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from tests.adoption.torchvision_stand_in import stand_in_if_needed


@pytest.fixture(scope="session")
def photo() -> bytes:
    rows, columns = np.mgrid[:96, :120]
    field = np.stack([np.sin(rows / (9 + c)) * np.cos(columns / (13 - c)) for c in range(3)], -1)
    picture = np.clip(128 + 60 * field + np.random.default_rng(0).normal(0, 5, (96, 120, 1)), 0, 255)
    stream = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(stream, "JPEG", quality=30)
    return stream.getvalue()


@pytest.fixture(scope="session")
def spandrel() -> ModuleType:
    """The package; an empty torchvision stands in where none fits PyTorch."""
    stand_in_if_needed()
    return pytest.importorskip("spandrel", reason="spandrel is not installed")
