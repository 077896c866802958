"""Auxiliary networks: the pairs on which the ranker is trained."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.conftest import tiny

from jpegmend.data.degradation import Degradation
from jpegmend.models import files
from jpegmend.models.cqr import Ranker, RankerConfig
from jpegmend.training import loop
from jpegmend.training.auxiliary import Crops, draw_pair, rank
from jpegmend.training.run import RunSettings

LEVELS = RankerConfig().levels


def crops(pictures, count: int = 8, kind: str = "y") -> Crops:
    pixels = torch.from_numpy(np.asarray(Image.open(pictures / "0.png")).copy()).permute(2, 0, 1)
    places = [(16 * (i % 4), 8 * (i // 4)) for i in range(count)]
    return Crops(torch.stack([pixels[:, y : y + 32, x : x + 32] for y, x in places]), kind, 0.5)


def test_the_two_qualities_of_a_pair_are_independent() -> None:
    rng = random.Random(0)
    pairs = [draw_pair(LEVELS, rng) for _ in range(4000)]
    assert {better - worse for worse, better in pairs} == set(range(1, 30))
    assert not any(first <= worse and better <= last for worse, better in pairs for first, last in LEVELS)
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


DUAL = {"stages": 1, "inner": 1, "features": 4, "units": 1, "reduced": 2, "classifier_features": 4}
CLASSIFIER = {"auxiliary": "classifier", "share": 0.5, "crop": 16, "batch": 2, "rate": 1e-2}


def test_the_classifier_stays_as_it_is_after_a_warm_start_without_stages(pictures, tmp_path) -> None:
    def run(folder: str, stages: list, **more) -> dict[str, torch.Tensor]:
        recipe = tiny(network="dual", config=DUAL, stages=stages, steps=4)
        settings = RunSettings(folder=tmp_path / folder, data=[pictures], **more)
        return loop.train(recipe, settings).network.state_dict()

    first = run("first", [CLASSIFIER])
    weights = tmp_path / "first" / "average.safetensors"
    again = run("again", [], warm_start=weights)
    assert any(not torch.equal(first[name], again[name]) for name in first if name.startswith("deblocker"))
    begun = files.load_weights(weights)[0].state_dict()
    assert all(torch.equal(begun[name], again[name]) for name in begun if name.startswith("classifier"))
