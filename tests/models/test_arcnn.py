"""AR-CNN: the layers of its paper."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models.arcnn import ARCNN, SPEC, Config, halo

pytestmark = pytest.mark.usefixtures("seeded")
SMALL = Config(kernels=(5, 3, 1, 3), widths=(4, 3, 2), deviation=0.3)


def test_layers_and_count_are_the_papers():
    network = ARCNN(Config())
    shapes = [tuple(layer.weight.shape) for layer in network.layers]
    assert shapes == [(64, 1, 9, 9), (32, 64, 7, 7), (16, 32, 1, 1), (1, 16, 5, 5)]
    assert sum(p.numel() for p in network.parameters()) == 106_561


def test_starts_as_srcnn_does():
    network = ARCNN(Config())
    weights = torch.cat([layer.weight.detach().flatten() for layer in network.layers])
    assert abs(float(weights.std()) - 0.001) < 2e-5 and abs(float(weights.mean())) < 2e-5
    assert all(not layer.bias.any() for layer in network.layers)


def test_may_start_as_he_says():
    for layer in ARCNN(Config(deviation=0)).layers[:3]:
        inputs = layer.weight[0].numel()
        assert abs(float(layer.weight.detach().std()) / (2 / inputs) ** 0.5 - 1) < 0.1
        assert not layer.bias.any()


def test_answers_the_picture_itself_and_shows_its_features(observed):
    network, seen = ARCNN(SMALL), observed(2, 1, 11, 14)
    F = seen.planes
    for index, layer in enumerate(network.layers):
        side = layer.weight.shape[-1] // 2
        F = functional.conv2d(functional.pad(F, (side,) * 4, mode="replicate"), layer.weight, layer.bias)
        F = F.relu() if index < 3 else F
    told = network(seen, collect=True)
    torch.testing.assert_close(told.planes, F)
    assert [f.shape[1] for f in told.traces["features"]] == [4, 3, 2]
    assert not network(seen).traces


def test_halo_is_the_reach_of_the_network(reach):
    assert halo(SMALL) == 4 == reach(SPEC, SMALL, 13)
    assert halo(Config()) == 9


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_size_and_type(observed, channels, dtype):
    seen = observed(2, channels, 17, 9, dtype=dtype)
    config = Config(channels=channels, widths=(4, 3, 2))
    answer = ARCNN(config).to(dtype)(seen).planes
    assert answer.shape == seen.planes.shape and answer.dtype == dtype
    assert SPEC.planes(config) == ("rgb" if channels == 3 else "y")


def test_mixed_precision_leaves_the_answer_exact(observed):
    network, seen = ARCNN(SMALL), observed(1, 1, 11, 14)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(seen).planes
    torch.testing.assert_close(rough, network(seen).planes)


@pytest.mark.parametrize(
    "wrong", [{"kernels": (9, 7)}, {"kernels": (8, 7, 1, 5)}, {"widths": (64, 0, 16)}, {"deviation": -1.0}]
)
def test_impossible_layers_are_refused(wrong):
    with pytest.raises(InvalidOption):
        Config(**wrong)
