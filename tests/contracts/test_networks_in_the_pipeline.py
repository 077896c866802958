"""Every network restores a real file by ``restore``, tiled and whole."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.contracts.test_networks import build

import jpegmend
from jpegmend.models import NETWORKS, files
from jpegmend.models.card_fields import card_fields
from jpegmend.models.contract import Spec

WINDOWED = ("cqr", "dual", "rnan")
"""They work in windows and take ten times as long as others: their pictures are small and gray."""


def photo(name: str) -> bytes:
    height, width = (40, 44) if name in WINDOWED else (90, 117)
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 60 * np.sin(columns / 9) + 40 * np.cos(rows / 13)
    colour = np.stack([base, 255 - base, base[::-1]], 2) + rng.normal(0, 8, (height, width, 3))
    buffer = io.BytesIO()
    picture = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
    picture.convert("L" if name in WINDOWED else "RGB").save(buffer, "JPEG", quality=20)
    return buffer.getvalue()


def release(folder: Path, spec: Spec, config: Any) -> Path:
    """A card and weights of a random network, as ``jpegmend release`` would write them; small steps from identity."""
    network = build(spec, config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    weights = folder / "small.safetensors"
    files.save_weights(weights, spec.name, config, network.state_dict(), {})
    card = card_fields("small", spec, config) | {"released": True}
    if card["tiling"] == "window":
        card |= {"window": 32, "halo": 4}
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    card["files"] = {"safetensors": {"file": weights.name, "sha256": digest}}
    (folder / "small.json").write_text(json.dumps(card))
    return folder / "small.json"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_restores_a_file(name: str, tmp_path: Path) -> None:
    card = release(tmp_path, NETWORKS[name], NETWORKS[name].small_configs()[-1])
    restored = jpegmend.restore(photo(name), model=card, runtime="torch", consistent=False)
    assert restored.to_array(8).shape == ((40, 44) if name in WINDOWED else (90, 117, 3))
    assert restored.report.runtime == "torch cpu"
    decoded = jpegmend.restore(photo(name), model=card, strength=0.0)
    assert not np.array_equal(restored.to_array(16), decoded.to_array(16))


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_give_what_the_whole_gives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact and global networks by their halo; windows lie at fixed places, so tiling cannot move them."""
    from jpegmend.restoration import tile_sizes

    card = release(tmp_path, NETWORKS[name], NETWORKS[name].small_configs()[0])
    options: dict[str, Any] = {"model": card, "runtime": "torch", "consistent": False, "keep_planes": True}
    whole = jpegmend.restore(photo(name), **options)
    monkeypatch.setattr(tile_sizes, "tile_pixels", lambda *_, **__: 32**2 if name in WINDOWED else 64**2)
    monkeypatch.setattr(tile_sizes, "cut", _small_tiles(tile_sizes.cut))
    tiled = jpegmend.restore(photo(name), **options)
    assert tiled.report.tiles > whole.report.tiles == 1
    assert whole.planes is not None and tiled.planes is not None
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def _small_tiles(cut: Any) -> Any:
    """The pipeline's own cut, but of so many pixels without their halos."""

    def small(height: int, width: int, *, pixels: int, halo: int, align: int) -> Any:
        return cut(height, width, pixels=pixels, halo=0, align=align)

    return small
