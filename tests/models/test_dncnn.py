"""DnCNN: depth, normalisation and the residual it estimates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from jpegmend.errors import InvalidOption
from jpegmend.models.dncnn import SPEC, Config, DnCNN, halo

pytestmark = pytest.mark.usefixtures("seeded")
SMALL = Config(depth=5, width=6)


def size(network):
    return sum(p.numel() for p in network.parameters())


def test_counts():
    network = DnCNN(Config())
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert size(network) == 667_073
    assert size(network) + statistics == 669_377  # the 6.69e5 that every later paper prints
    assert size(DnCNN(Config(normalised=False))) == 665_921
    assert [size(DnCNN(Config(width=width))) for width in (80, 140, 180)] == [1_041_201, 3_182_901, 5_258_701]


def test_layers_are_the_papers():
    kinds = [type(layer).__name__ for layer in DnCNN(Config()).R]
    assert kinds == ["Conv2d", "ReLU", *["Conv2d", "BatchNorm2d", "ReLU"] * 18, "Conv2d"]
    assert [type(layer).__name__ for layer in DnCNN(Config(depth=2)).R] == ["Conv2d", "ReLU", "Conv2d"]


def test_answer_is_the_picture_less_the_residual(observed):
    network, seen = DnCNN(SMALL).eval(), observed(2, 1, 11, 14)
    told = network(seen, collect=True)
    torch.testing.assert_close(told.planes + told.traces["residual"][0], seen.planes)
    assert told.traces["residual"][0].abs().max() > 1e-3
    assert not network(seen).traces


def test_multiplying_the_normalisation_in_changes_nothing(observed):
    """The form without normalisation is what the normalised one becomes for inference."""
    network, plain = DnCNN(SMALL), DnCNN(Config(depth=5, width=6, normalised=False)).eval()
    for _ in range(3):
        network(observed(4, 1, 16, 16))
    network.eval()
    layers = list(network.R)
    convolutions = [layer for layer in plain.R if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for index, target in zip(
            [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)], convolutions, strict=True
        ):
            source, after = layers[index], layers[min(index + 1, len(layers) - 1)]
            if isinstance(after, nn.BatchNorm2d):
                source = nn.utils.fuse_conv_bn_eval(source, after)
            target.weight.copy_(source.weight)
            target.bias.copy_(source.bias)
        seen = observed(1, 1, 9, 12)
        torch.testing.assert_close(plain(seen).planes, network(seen).planes, atol=1e-5, rtol=0)


def test_starts_as_he_says():
    layer = DnCNN(Config(normalised=False)).R[2]
    assert abs(float(layer.weight.detach().std()) / (2 / (9 * 64)) ** 0.5 - 1) < 0.02
    assert not layer.bias.any()


def test_may_start_near_the_jpeg(observed):
    torch.manual_seed(1)
    plain = DnCNN(SMALL)
    torch.manual_seed(1)
    near = DnCNN(replace(SMALL, last=0.02))
    seen = observed(1, 1, 16, 16)
    away, less = (net(seen).planes - seen.planes for net in (plain, near))
    torch.testing.assert_close(less, 0.02 * away)


def test_halo_is_the_reach_of_the_network(reach):
    assert halo(SMALL) == 5 == reach(SPEC, SMALL, 15)
    assert halo(Config()) == 20


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_size_and_type(observed, channels, dtype):
    seen = observed(2, channels, 17, 9, dtype=dtype)
    config = Config(channels=channels, depth=4, width=6)
    answer = DnCNN(config).to(dtype).eval()(seen).planes
    assert answer.shape == seen.planes.shape and answer.dtype == dtype and answer.isfinite().all()
    assert SPEC.planes(config) == ("rgb" if channels == 3 else "y")


def test_impossible_depth_is_refused():
    with pytest.raises(InvalidOption, match="depth=1"):
        Config(depth=1)
