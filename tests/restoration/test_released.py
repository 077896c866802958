"""Every released network with exact tiles gives the same result tiled, with the halo of its card."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jpegmend import restore, weights
from jpegmend.restoration.tile_sizes import TILE_BYTES
from jpegmend.runtimes import PictureFacts, open_runtime
from jpegmend.runtimes.memory import grown_bytes

LARGEST = 1e5
"""Multiply-adds a pixel of the networks tried here; the others are for benchmarks."""


def is_quick_and_exact(card):
    return card.released and card.tiling == "exact" and card.multiply_adds < LARGEST


EXACT = [name for name, card in weights.PACKAGED.items() if is_quick_and_exact(card)]


@pytest.mark.parametrize("name", ["mend-s", "mend-q"])
def test_a_run_takes_no_more_memory_than_the_card_says(name):
    card = weights.MODELS[name]
    run, planes = open_runtime(card, threads=1), np.full((3, 704, 704), 0.5, np.float32)
    grown = grown_bytes(lambda: run(planes, np.full((3, 8, 8), 30, np.float32), PictureFacts(sampling=(2, 2))))
    if grown is None:
        pytest.skip("the system does not tell the memory of a process")
    assert grown / 704**2 < 1.15 * card.bytes_per_pixel


def chessboard():
    """Squares of 4 pixels, black and white, in noise: as much contrast as there can be."""
    rows, columns = np.mgrid[:64, :64]
    board = (rows // 4 + columns // 4) % 2 * 255
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    return np.concatenate([board, noise], 1).astype(np.uint8)


@pytest.mark.parametrize("name", [name for name, card in weights.PACKAGED.items() if card.released and card.scale == 1])
def test_no_network_diverges_where_contrast_is_greatest(name):
    stream = io.BytesIO()
    Image.fromarray(chessboard()).save(stream, "JPEG", quality=10)
    plain, free, restored = (
        restore(stream.getvalue(), model=name, strength=strength, consistent=consistent, threads=1, bits=8).pixels
        for strength, consistent in ((0, False), (1, False), (1, True))
    )
    # What is infinite is a ModelError; the network's own answer counts, as what contradicts the file stays as decoded.
    assert np.abs(free.astype(int) - plain).mean() > 0
    assert np.abs(restored.astype(int) - plain).mean() < 64


@pytest.fixture(scope="module")
def picture():
    """Soft shapes at many scales, [H, W, 3]: networks answer differently everywhere."""
    random = np.random.default_rng(5)
    total = np.zeros((416, 432, 3))
    for size in (4, 12, 40, 120):
        small = Image.fromarray(random.integers(0, 255, (size, size, 3), np.uint8))
        total += np.asarray(small.resize((432, 416), Image.Resampling.BICUBIC)) / 4.0
    return total.astype(np.uint8)


@pytest.mark.parametrize("name", EXACT)
def test_tiled_equals_untiled(name, picture):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=10)
    card = weights.MODELS[name]
    # Tiles as small as their halo: the hardest case there is.
    many = replace(card, bytes_per_pixel=TILE_BYTES / (3 * card.halo + 16) ** 2)
    whole, tiled = (
        restore(stream.getvalue(), model=each, keep_planes=True, consistent=False, threads=1) for each in (card, many)
    )
    assert whole.report.tiles == 1
    assert tiled.report.tiles > 1
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_caution_takes_strength_back_at_high_quality_only():
    def strength(quality: int) -> float:
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(
            buffer, "JPEG", quality=quality
        )
        return restore(buffer.getvalue(), model="mend-s").report.strength

    assert strength(20) == strength(90) == 1.0
    assert strength(95) == dict(weights.MODELS["mend-s"].caution)[95] < 1
    assert 0 < strength(100) < strength(95)
