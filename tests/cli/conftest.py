"""A folder with a small picture, which is also the working folder."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :80]
    base = 128 + 70 * np.sin(columns / 7) + 30 * np.cos(rows / 5)
    return Image.fromarray(np.clip(base[:, :, None] + rng.normal(0, 9, (48, 80, 3)), 0, 255).astype(np.uint8))


def as_jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 15, **options})
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(as_jpeg(picture(), comment=b"kept", dpi=(300, 300)))
    (tmp_path / "sub").mkdir()
    Path("sub/b.jpg").write_bytes(as_jpeg(picture(1), quality=30))
    return tmp_path
