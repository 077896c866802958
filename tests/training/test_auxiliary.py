"""Auxiliary networks: what pairs the ranker is trained on."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from jpegmend.data.degradation import Degradation
from jpegmend.models.cqr import Ranker, RankerConfig
from jpegmend.training.auxiliary import Crops, draw_pair, rank

LEVELS = RankerConfig().levels


def crops(pictures, count: int = 8, kind: str = "y") -> Crops:
    pixels = torch.from_numpy(np.asarray(Image.open(pictures / "0.png")).copy()).permute(2, 0, 1)
    places = [(16 * (i % 4), 8 * (i // 4)) for i in range(count)]
    return Crops(torch.stack([pixels[:, y : y + 32, x : x + 32] for y, x in places]), kind, 0.5)


def test_the_two_qualities_of_a_pair_are_independent() -> None:
    rng = random.Random(0)
    pairs = [draw_pair(LEVELS, rng) for _ in range(4000)]
    assert {better - worse for worse, better in pairs} == set(range(1, 30))
    config = RankerConfig()
    assert all(config.level(worse) < config.level(better) for worse, better in pairs)
    # Of the pairs from the two outer levels, every quality of one level meets every quality of the other.
    assert len({pair for pair in pairs if pair[0] <= 10 and pair[1] > 20}) > 95


def test_pairs_of_one_batch_differ(pictures) -> None:
    """What the ranker is given is each crop at its own two qualities, compressed alike otherwise."""
    given, batch = [], crops(pictures)
    network = Ranker(RankerConfig(widths=(4, 4)))

    def run(planes: torch.Tensor):
        given.append(planes)
        return network(planes)

    rank(network, run, batch, Degradation(), random.Random(1))
    rng = random.Random(1)
    pairs = [draw_pair(LEVELS, rng) for _ in range(8)]
    assert len({better - worse for worse, better in pairs}) > 3
    for half, qualities in zip(given[0].chunk(2), zip(*pairs, strict=True), strict=True):
        for index, quality in enumerate(qualities):
            alone, _ = batch.compress(Degradation(qualities=((quality, quality, 1.0),)))
            assert torch.equal(half[index], alone.planes[index])


@pytest.mark.parametrize(("kind", "planes"), [("y", 1), ("rgb", 3)])
def test_the_qualities_given_are_those_of_the_tables(pictures, kind: str, planes: int) -> None:
    seen, truth = crops(pictures, 2, kind).compress(Degradation(sampling={"444": 1.0}), [10, 50])
    assert truth.shape[1] == planes
    # libjpeg's luma table at quality 50 begins with 16, at 10 with 80.
    assert [int(table[0, 0, 0]) for table in seen.tables] == [80, 16]
