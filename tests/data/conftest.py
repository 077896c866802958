"""Generated test pictures."""

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def photos() -> Tensor:
    """Four pictures ``[4, 3, 96, 128]`` of gradients, waves, edges and grain; whole numbers 0..255, float32."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:96, :128].astype(float)
    made = []
    for seed in range(4):
        waves = [127 + 90 * np.sin(x / (3 + 4 * c + seed) + y / (9 + seed)) for c in range(3)]
        picture = np.stack(waves) + rng.normal(0, 4 * seed, (3, 96, 128))
        picture[:, 20:50, 30 + 5 * seed : 90] = rng.integers(0, 256, (3, 1, 1))
        picture[seed % 3] = x * 2
        made.append(picture)
    return torch.from_numpy(np.clip(np.stack(made), 0, 255).round()).float()
