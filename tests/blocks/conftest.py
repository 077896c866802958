"""Test pictures: photographs that scikit-image ships, and a drawing."""

import numpy as np
import pytest
from skimage import data


def drawing(height: int, width: int) -> np.ndarray:
    """RGB uint8 [H, W, 3]: gradients, a disc of saturated colour, sharp stripes and noise."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = np.stack([255 * x / width, 255 * y / height, 128 + 90 * np.sin(x / 9 + y / 15)], axis=-1)
    picture[np.hypot(y - height / 2, x - width / 2) < min(height, width) / 4] = (230, 20, 30)
    picture[:, width // 5 : width // 4] = np.where((x // 3 % 2 > 0)[:, width // 5 : width // 4, None], 255, 0)
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photos() -> dict[str, np.ndarray]:
    """RGB uint8 [H, W, 3] pictures by name; sides are not all multiples of 8."""
    return {
        "astronaut": data.astronaut()[:203, 150:361],
        "coffee": data.coffee()[100:260, 200:424],
        "drawing": drawing(97, 131),
    }


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
