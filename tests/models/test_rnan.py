"""RNAN: attention and parameter count of its paper, and equal results with gradient checkpointing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.conftest import check_recomputing

from jpegmend.errors import InvalidOption
from jpegmend.models import attention, cost, rnan
from jpegmend.models.files import example

SMALL = rnan.Config(width=6, blocks=3)
PAGE = Path(__file__).parents[2] / "docs" / "models" / "rnan.md"


def build(config: rnan.Config = SMALL) -> rnan.RNAN:
    torch.manual_seed(0)
    return rnan.RNAN(config).eval()


@pytest.mark.parametrize(
    ("config", "count"),
    [(rnan.Config(), 7_445_121), (rnan.Config(up_kernel=6, closing=True), 8_920_321)],
)
def test_counts_are_those_of_the_page(config: rnan.Config, count: int) -> None:
    with torch.device("meta"):
        assert cost.parameters(rnan.RNAN(config)) == count
    assert f"{count:,}" in PAGE.read_text()


def test_default_has_the_size_the_paper_prints() -> None:
    with torch.device("meta"):
        assert cost.parameters(rnan.RNAN(rnan.Config())) == pytest.approx(7.409e6, rel=0.005)


def test_non_local_is_a_softmax_over_all_pixels() -> None:
    torch.manual_seed(1)
    layer = attention.NonLocal(4).double()
    x = torch.randn(1, 4, 3, 5, dtype=torch.float64)

    def matrix(one_by_one: torch.nn.Conv2d, values: np.ndarray) -> np.ndarray:
        weight, bias = one_by_one.weight.detach().numpy()[:, :, 0, 0], one_by_one.bias.detach().numpy()
        return values @ weight.T + bias

    pixels = x[0].flatten(1).T.numpy()  # [15, 4]
    theta, phi, g = (matrix(part, pixels) for part in (layer.theta, layer.phi, layer.g))
    likeness = np.exp(theta @ phi.T)
    expected = pixels + matrix(layer.W, likeness / likeness.sum(1, keepdims=True) @ g)
    actual = layer(x)[0].flatten(1).T.detach().numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def test_only_the_ends_are_non_local() -> None:
    kinds = [
        isinstance(block.mask.non_local, attention.NonLocal) for block in build(rnan.Config(width=2, blocks=4)).blocks
    ]
    assert kinds == [True, False, False, True]


def test_the_ends_see_a_pixel_that_the_middle_does_not() -> None:
    torch.manual_seed(0)
    shape = attention.BlockShape(width=4, head=1, trunk=1, mask=1, tail=1, up_kernel=3)
    picture = torch.randn(1, 4, 48, 48)
    other = picture.clone()
    other[..., :4, :4] += 1
    for non_local in (True, False):
        block = attention.AttentionBlock(shape, non_local)
        change = (block(picture)[0] - block(other)[0])[..., 40:, 40:].abs().max().item()
        assert (change > 1e-7) is non_local


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 9)])
def test_masks_fit_any_size(kernel: int, size: tuple[int, int]) -> None:
    config = rnan.Config(width=2, blocks=2, up_kernel=kernel)
    seen = example(rnan.SPEC, config, *size)
    answer = build(config)(seen, collect=True)
    assert answer.planes.shape == seen.planes.shape
    assert len(answer.traces["masks"]) == 2
    for mask in answer.traces["masks"]:
        assert mask.shape == (1, 2, *size)
        assert mask.min() >= 0 and mask.max() <= 1


def test_answer_is_the_picture_plus_a_residual() -> None:
    network, seen = build(), example(rnan.SPEC, SMALL, 16, 24)
    assert not torch.allclose(network(seen).planes, seen.planes, atol=1e-3)
    torch.nn.init.zeros_(network.tail.weight)
    torch.nn.init.zeros_(network.tail.bias)
    assert torch.equal(network(seen).planes, seen.planes)


def test_checkpointing_changes_no_gradient() -> None:
    check_recomputing(build(), example(rnan.SPEC, SMALL, 16, 24))


def test_nothing_is_collected_unasked() -> None:
    assert build()(example(rnan.SPEC, SMALL, 8, 8)).traces == {}


@pytest.mark.parametrize("wrong", [{"blocks": 0}, {"width": 0}, {"up_kernel": 1}, {"channels": 0}])
def test_impossible_configs_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        rnan.Config(**wrong)


def test_colour_is_rgb() -> None:
    assert rnan.SPEC.planes(rnan.Config(channels=3)) == "rgb"
    assert rnan.SPEC.planes(rnan.Config()) == "y"
