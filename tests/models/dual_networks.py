"""Small networks of Dual and random pictures, for its tests."""

import torch
from torch import Tensor

from jpegmend.models import dual

TINY = {"stages": 2, "inner": 2, "features": 6, "units": 2, "reduced": 3, "classifier_features": 8}


def build(**changes: object) -> dual.Dual:
    torch.manual_seed(0)
    return dual.Dual(dual.Config(**{**TINY, **changes})).eval()


def picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
