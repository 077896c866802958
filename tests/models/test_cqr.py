"""CQR: a ranker that learns to order qualities, and a de-blocker whose ablation has as many parameters."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.conftest import check_recomputing

from jpegmend.errors import InvalidOption
from jpegmend.models import cost, cqr
from jpegmend.models.files import example
from jpegmend.training.recipe_checks import read_recipe

SMALL = cqr.Config(width=6, blocks=3)
FOLDED = cqr.Config(width=6, blocks=3, fold=2)
TINY = cqr.RankerConfig(widths=(8, 8, 16, 16))
PAGE = Path(__file__).parents[2] / "docs" / "models" / "cqr.md"


def ranker(config: cqr.RankerConfig = TINY) -> cqr.Ranker:
    torch.manual_seed(0)
    return cqr.Ranker(config).eval()


def test_counts_are_those_of_the_page() -> None:
    with torch.device("meta"):
        counts = [cost.parameters(cqr.CQR(cqr.Config())), cost.parameters(cqr.Ranker(cqr.RankerConfig()))]
    assert counts == [7_199_361, 9_407_297]
    assert all(f"{count:,}" in PAGE.read_text() for count in counts)


def test_ablation_without_dilation_keeps_the_parameters() -> None:
    with torch.device("meta"):
        with_dilation, without = cqr.CQR(SMALL), cqr.CQR(cqr.Config(width=6, blocks=3, dilated=False))
    assert cost.parameters(with_dilation) == cost.parameters(without)
    assert [scale.dilation[0] for scale in with_dilation.blocks[1].dilated.scales] == [1, 2, 4]
    assert [scale.dilation[0] for scale in without.blocks[1].dilated.scales] == [1, 1, 1]


def test_dilation_widens_what_a_block_sees() -> None:
    torch.manual_seed(0)
    reach = {}
    for dilations in ((1, 2, 4), (1, 2)):
        layer = cqr.CQR(cqr.Config(width=4, blocks=2, dilations=dilations)).blocks[0].dilated
        x = torch.zeros(1, 4, 21, 21, requires_grad=True)
        layer(x)[0, :, 10, 10].sum().backward()
        reach[dilations] = int((x.grad.abs().sum((0, 1)).nonzero() - 10).abs().max())
    assert reach == {(1, 2, 4): 4, (1, 2): 2}


@pytest.mark.parametrize("size", [(1, 1), (9, 14), (32, 16)])
def test_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    seen = example(cqr.SPEC, SMALL, *size)
    answer = cqr.CQR(SMALL).eval()(seen, collect=True)
    assert answer.planes.shape == seen.planes.shape
    assert [mask.shape for mask in answer.traces["masks"]] == [(1, 6, *size)] * 3


def test_checkpointing_changes_no_gradient() -> None:
    torch.manual_seed(0)
    check_recomputing(cqr.CQR(SMALL), example(cqr.SPEC, SMALL, 16, 24))


@pytest.mark.parametrize("size", [(1, 1), (9, 14), (32, 16)])
def test_a_folded_network_takes_any_size_and_works_on_a_fourth_of_the_positions(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, seen = cqr.CQR(FOLDED).eval(), example(cqr.SPEC, FOLDED, *size)
    answer = network(seen, collect=True)
    assert answer.planes.shape == seen.planes.shape
    assert {mask.shape[-2:] for mask in answer.traces["masks"]} == {(-(-size[0] // 2), -(-size[1] // 2))}
    # Moving each of the four pixels of a square must be able to move each of them.
    place = torch.zeros_like(seen.planes).requires_grad_()
    network(seen._replace(planes=seen.planes + place)).planes[0, 0, -1, -1].backward()
    assert place.grad is not None and bool((place.grad[0, 0, -2:, -2:] != 0).all())


def test_folding_keeps_the_inner_parameters_and_costs_a_fourth() -> None:
    plain, folded = cqr.CQR(SMALL), cqr.CQR(FOLDED)
    inner = [{name: value.shape for name, value in net.blocks.state_dict().items()} for net in (plain, folded)]
    assert inner[0] == inner[1]
    assert folded.head.in_channels == folded.tail.out_channels == 4
    cheap, dear = (cost.count(cqr.SPEC, config).multiply_adds for config in (FOLDED, SMALL))
    assert cheap < dear / 4  # the non-local operation of the same window falls sixteen-fold


def test_compact_recipe_stays_compact() -> None:
    recipe = read_recipe(PAGE.parents[2] / "recipes" / "cqr-c.toml")
    config = recipe.build_config()
    assert 60e3 < cost.count(cqr.SPEC, config).multiply_adds < 150e3


def test_ranker_answers_one_score_and_features_of_every_layer() -> None:
    score, features = ranker()(torch.rand(3, 1, 37, 53))
    assert score.shape == (3,)
    assert [tuple(f.shape[1:]) for f in features] == [(8, 37, 53), (8, 19, 27), (16, 19, 27), (16, 10, 14)]


def test_paper_s_ranker_has_ten_convolutions() -> None:
    with torch.device("meta"):
        network = cqr.Ranker(cqr.RankerConfig())
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in network.modules()) == 10
    assert network.config.margin == 0.5
    assert network.config.levels == ((1, 10), (11, 20), (21, 30))


def test_score_is_a_linear_map_of_the_pooled_last_features() -> None:
    network = ranker()
    score, features = network(torch.rand(2, 1, 24, 24))
    pooled = features[-1].detach().numpy().mean((2, 3))
    expected = pooled @ network.last.weight.detach().numpy()[0] + network.last.bias.item()
    np.testing.assert_allclose(score.detach().numpy(), expected, rtol=1e-5)


def test_a_frozen_ranker_scores_each_picture_alone() -> None:
    network, pictures = ranker(), torch.rand(3, 1, 24, 24)
    together = network(pictures).score
    alone = torch.cat([network(picture[None]).score for picture in pictures])
    torch.testing.assert_close(together, alone)


def test_gradient_of_the_score_reaches_the_picture() -> None:
    picture = torch.rand(1, 1, 24, 24, requires_grad=True)
    network = ranker().requires_grad_(False)
    torch.sigmoid(-network(picture).score).sum().backward()  # eq. 4
    assert picture.grad is not None and picture.grad.abs().max() > 0


def compressed(picture: np.ndarray, quality: int) -> torch.Tensor:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy())[None].float() / 255


def pairs(generator: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth pictures with an edge at quality 5 and at quality 30."""
    y, x = np.mgrid[:32, :32] / 32
    worse, better = [], []
    for a, b, c in generator.uniform(-1, 1, (count, 3)):
        picture = (128 + 60 * np.sin(4 * (a * x + b * y)) + 40 * (x + c * y > 0.5)).clip(0, 255).astype(np.uint8)
        worse.append(compressed(picture, 5))
        better.append(compressed(picture, 30))
    return torch.stack(worse), torch.stack(better)


def test_ranker_learns_the_order_of_qualities() -> None:
    network, generator = ranker().train(), np.random.default_rng(0)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    worse, better = pairs(generator, 24)
    for _ in range(20):
        low, high = network(torch.cat([worse, better])).score.chunk(2)
        loss = (low - high + network.config.margin).clamp(min=0).mean()  # eq. 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    worse, better = pairs(generator, 24)
    with torch.no_grad():
        low, high = network(torch.cat([worse, better])).score.chunk(2)
    assert (high > low).float().mean() >= 0.9


@pytest.mark.parametrize("levels", [((1, 10),), ((1, 10), (5, 20)), ((11, 20), (1, 10)), ((1, 10), (20,))])
def test_levels_must_be_two_or_more_in_order(levels: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(InvalidOption, match="levels"):
        cqr.RankerConfig(levels=levels)


@pytest.mark.parametrize("wrong", [{"dilations": ()}, {"dilations": (0, 1)}, {"blocks": 0}])
def test_impossible_configs_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        cqr.Config(**wrong)
