"""Small pictures to work on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def make_picture(path: Path, seed: int, side: int = 24) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, : side + seed % 9]
    base = 128 + 70 * np.sin(columns / 5 + seed) + 40 * np.cos(rows / 3)
    noisy = base[:, :, None] + rng.normal(0, 9, (*base.shape, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(
        path, **({"quality": 20} if path.suffix != ".png" else {})
    )


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of JPEGs, one of them below, and a PNG."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a.jpg", "b.JPG", "c.jpeg", "d.png", "below/e.jpg")):
        make_picture(tmp_path / "scans" / name, seed)
    return tmp_path / "scans"
