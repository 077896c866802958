"""An empty torchvision where none fits PyTorch: spandrel cannot be imported without.

spandrel imports three names of it for LaMa (inpainting) and RestoreFormer (faces), which no test or benchmark uses.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def stand_in_if_needed() -> None:
    """Put an empty torchvision among the imported modules, unless the installed one can be imported.

    PyTorch's export to ONNX looks for torchvision too, and complains about an empty one: export before.
    """
    try:
        importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError):
        functional = ModuleType("torchvision.transforms.functional")
        for name in ("InterpolationMode", "rotate", "normalize"):
            setattr(functional, name, None)
        for name in ("torchvision", "torchvision.transforms"):
            sys.modules[name] = ModuleType(name)
        sys.modules[functional.__name__] = functional
