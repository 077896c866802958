"""A small JPEG, and spandrel where it is installed."""

from __future__ import annotations

import importlib
import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image


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
    """The package; an empty torchvision stands in where none fits PyTorch.

    spandrel imports three names of it for LaMa (inpainting) and RestoreFormer (faces), which no test here uses.
    """
    pytest.importorskip("spandrel.util", reason="spandrel is not installed") if _has_torchvision() else _stand_in()
    return pytest.importorskip("spandrel", reason="spandrel is not installed")


def _has_torchvision() -> bool:
    try:
        importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError):
        return False
    return True


def _stand_in() -> None:
    functional = ModuleType("torchvision.transforms.functional")
    for name in ("InterpolationMode", "rotate", "normalize"):
        setattr(functional, name, None)
    for name in ("torchvision", "torchvision.transforms"):
        sys.modules[name] = ModuleType(name)
    sys.modules[functional.__name__] = functional
