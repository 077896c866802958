"""Training and the pipeline give a network the same input for the same file: planes, tables and sampling."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import jpegmend
from jpegmend import jpeg, weights
from jpegmend.data import codec
from jpegmend.restoration import opening
from jpegmend.runtimes import Answer, PictureFacts


@dataclass
class Recorder:
    """A runtime that keeps what it is given and answers it unchanged."""

    name: str = "recorder"
    planes: Any = None
    tables: Any = None
    sampling: Any = None

    def __call__(self, planes: Any, tables: Any, facts: PictureFacts, *, traces: Any = ()) -> Answer:
        self.planes, self.tables, self.sampling = planes.copy(), tables, facts.sampling
        return Answer(planes)


def photo(height: int, width: int, sampling: codec.Sampling, quality: int) -> bytes:
    """A JPEG with strong colour and noise, so that no plane and no table resembles another."""
    rng = np.random.default_rng(height * width)
    rows, columns = np.mgrid[:height, :width]
    base = np.stack([128 + 100 * np.sin(columns / 9), 3.0 * rows % 256, 128 + 90 * np.cos((rows + columns) / 13)], 2)
    picture = np.clip(base + rng.normal(0, 8, base.shape), 0, 255).astype(np.uint8)
    image, stream = Image.fromarray(picture), io.BytesIO()
    if sampling == "gray":
        image.convert("L").save(stream, "JPEG", quality=quality)
    else:
        image.save(stream, "JPEG", quality=quality, subsampling={"444": 0, "422": 1, "420": 2}[sampling])
    return stream.getvalue()


def shown_in_training(data: bytes, sampling: codec.Sampling) -> Any:
    """``codec.observe`` of the file's levels; blocks of luma are added where chroma reaches further than luma."""
    parts = jpeg.read(data).components
    v, h = codec.FACTORS[sampling] if sampling != "gray" else (1, 1)
    levels = [torch.from_numpy(part.levels.astype(np.float32))[None] for part in parts]
    if len(levels) > 1:
        rows, columns = levels[1].shape[1] * v, levels[1].shape[2] * h
        luma = torch.zeros(1, max(rows, levels[0].shape[1]), max(columns, levels[0].shape[2]), 8, 8)
        luma[:, : levels[0].shape[1], : levels[0].shape[2]] = levels[0]
        levels[0] = luma[:, :rows, :columns]
    tables = [torch.from_numpy(part.table.astype(np.float32))[None] for part in parts]
    return codec.observe(codec.File(tuple(levels), tables[0], tables[min(1, len(tables) - 1)], sampling))


@pytest.mark.parametrize("sampling", list(codec.FACTORS))
@pytest.mark.parametrize("size", [(64, 48), (45, 61), (33, 17)], ids=str)
@pytest.mark.parametrize("quality", [10, 75])
def test_training_and_pipeline_show_the_same(
    sampling: codec.Sampling, size: tuple[int, int], quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, seen = photo(*size, sampling, quality), Recorder()
    monkeypatch.setattr(opening, "open_runtime", lambda *_, **__: seen)
    jpegmend.restore(data, model=weights.find("mend-s"))
    shown = shown_in_training(data, sampling)
    assert tuple(shown.sampling[0].int().tolist()) == seen.sampling
    np.testing.assert_array_equal(shown.tables[0].numpy(), seen.tables)
    # The last row and column of an odd picture: training has whole blocks, and the pipeline repeats the last chroma
    # sample there, as libjpeg does.
    height, width = (length // 8 * 8 if length % 8 == 0 else length - 1 for length in size)
    expected, found = shown.planes[0].numpy()[:, :height, :width], seen.planes[:, :height, :width]
    assert expected.shape == found.shape == (3, height, width)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
