"""Dual's g step: the derivative of the classifier and its scale (eq. 9)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.dual_networks import build, picture
from torch import Tensor

from jpegmend.errors import InvalidOption
from jpegmend.models import dual
from jpegmend.models.files import example
from jpegmend.training.recipe_checks import read_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "dual-c.toml"


def classified(size: tuple[int, int] = (9, 11)) -> tuple[dual.Dual, Tensor]:
    network = build().double()
    return network, 2 * picture(2, 2, *size) - 1


def test_g_follows_the_true_derivative() -> None:
    network, g = classified()
    slope = network.derivative(g)
    generator, step = np.random.default_rng(0), 1e-6
    for _ in range(5):
        at = tuple(int(generator.integers(n)) for n in g.shape)
        up, down = g.clone(), g.clone()
        up[at] += step
        down[at] -= step
        expected = (network.classifier(up).sum() - network.classifier(down).sum()) / (2 * step)
        # On the scale of the paper's patches of 64 x 64, the derivative falling as 1 / (H W).
        expected *= g.shape[-2] * g.shape[-1] / 64**2
        assert slope[at].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("fold", [1, 2])
@pytest.mark.parametrize("of_logit", [False, True])
def test_the_written_derivative_is_that_of_automatic_differentiation(fold: int, of_logit: bool) -> None:
    classifier = build(fold=fold).classifier.double()
    g = (2 * picture(3, 2, 9, 14) - 1).requires_grad_(True)
    found = (classifier.logit if of_logit else classifier)(g)
    (expected,) = torch.autograd.grad(found.sum(), g)
    torch.testing.assert_close(classifier.derivative(g, of_logit), expected)
    assert expected.abs().max() > 0


def test_g_step_is_equation_9() -> None:
    network, seen = build(start=0.5, stages=1).double(), example(dual.SPEC, dual.Config(), 9, 11)
    answer = network(seen._replace(planes=seen.planes.double()), collect=True)
    grad_x = dual.gradient(seen.planes.double())
    g = grad_x
    for _ in range(2):
        g = g - 0.5 * (0.5 * (g - grad_x) + 0.5 * network.derivative(g))
    torch.testing.assert_close(answer.traces["g"][0], g)
    assert (g - grad_x).abs().max() > 0


def test_g_step_lowers_what_it_minimises() -> None:
    network, g = classified()
    grad_x = g.clone()

    def energy(g: Tensor) -> float:
        with torch.no_grad():
            return float(0.5 * (g - grad_x).square().sum() + 5 * network.classifier(g).sum())

    moved = g
    for _ in range(3):
        moved = moved - 0.1 * ((moved - grad_x) + 5 * network.derivative(moved))
    assert energy(moved) < energy(g)


def test_gradients_flow_through_the_inner_derivative() -> None:
    network, g = classified((4, 5))
    assert torch.autograd.gradcheck(network.derivative, (g[:1].clone().requires_grad_(True),), atol=1e-9)


def test_a_frozen_classifier_still_guides() -> None:
    network, seen = build(start=0.5).train(), example(dual.SPEC, dual.Config(), 16, 16)
    network.classifier.requires_grad_(False)
    network(seen).planes.square().mean().backward()
    assert all(parameter.grad is None for parameter in network.classifier.parameters())
    for name, parameter in network.named_parameters():
        if not name.startswith("classifier"):
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_without_f_s_g_is_the_gradient_of_x() -> None:
    network, seen = build(semantic=False), example(dual.SPEC, dual.Config(), 12, 10)
    traces = network(seen, collect=True).traces
    assert torch.equal(traces["g"][0], dual.gradient(seen.planes))
    assert torch.equal(traces["g"][1], dual.gradient(traces["x"][0]))
    assert "derivative" not in traces
    with pytest.raises(InvalidOption, match="semantic"):
        network.derivative(traces["g"][0])


def test_scales_of_the_derivative() -> None:
    """By definition: of one picture of 64 x 64, times its pixels, and as long as g."""
    g = (picture(1, 2, 64, 64) - 0.5).float()
    mean, total, unit = (build(semantic_size=size) for size in ("mean", "sum", "unit"))
    g.requires_grad_(True)
    (plain,) = torch.autograd.grad(mean.classifier(g).sum(), g)
    torch.testing.assert_close(mean.derivative(g), plain)
    torch.testing.assert_close(total.derivative(g), plain * 64**2)
    torch.testing.assert_close(unit.derivative(g), plain * (g.norm() / plain.norm()))


def test_a_certain_classifier_still_guides_by_unit_steps() -> None:
    network, g = build(semantic_size="unit"), (picture(1, 2, 16, 16) - 0.5).float()
    expected = network.derivative(g)
    with torch.no_grad():
        network.classifier.fc2.bias.fill_(200.0)
    assert network.classifier(g).detach().item() == 1
    torch.testing.assert_close(network.derivative(g), expected)


def test_unit_steps_are_bounded_however_steep_the_classifier_is() -> None:
    network, seen = build(semantic_size="unit", start=0.2), example(dual.SPEC, dual.Config(), 32, 32)
    with torch.no_grad():
        for layer in network.classifier.convolutions:
            layer.weight.mul_(100.0)
        traces = network(seen, collect=True).traces
    for g, x in zip(traces["g"], (seen.planes, *traces["x"]), strict=False):
        assert (g - dual.gradient(x)).norm() < 0.15 * dual.gradient(x).norm()


@pytest.mark.parametrize("size", ["mean", "sum", "unit"])
@pytest.mark.parametrize("fold", [1, 2])
def test_the_derivative_does_not_depend_on_the_size_of_the_window(size: str, fold: int) -> None:
    """A picture repeated 2 x 2 has the same mean features; away from the seams its derivative is the same."""
    network = build(semantic_size=size, fold=fold)
    g = (picture(1, 2, 48, 48) - 0.5).float()
    # Borders are padded by zeros, which a repeated picture does not have: an inner margin of zeros keeps them equal.
    inner = torch.zeros_like(g)
    inner[..., 16:32, 16:32] = g[..., 16:32, 16:32]
    with torch.no_grad():
        for layer in network.classifier.convolutions:
            layer.bias.zero_()
    small, large = network.derivative(inner), network.derivative(inner.repeat(1, 1, 2, 2))
    torch.testing.assert_close(large[..., :48, :48], small, rtol=1e-3, atol=1e-6)
    assert small.abs().max() > 0


def test_first_order_has_the_same_answer_and_no_graph_through_the_derivative() -> None:
    second, first = build(start=0.5), build(start=0.5, second_order=False)
    g = (picture(1, 2, 9, 11) - 0.5).float().requires_grad_(True)
    torch.testing.assert_close(first.derivative(g), second.derivative(g))
    assert second.derivative(g).requires_grad and not first.derivative(g).requires_grad
    seen = example(dual.SPEC, dual.Config(), 16, 16)
    torch.testing.assert_close(first(seen).planes, second(seen).planes)
    first(seen).planes.square().mean().backward()
    assert all(parameter.grad is None for parameter in first.classifier.parameters())
    assert all(value.grad is not None for value in first.scalars.parameters())


def test_a_detached_g_makes_no_graph() -> None:
    network = build()
    network.classifier.requires_grad_(False)
    assert not network.derivative((picture(1, 2, 9, 11) - 0.5).float()).requires_grad


def test_the_semantic_prior_moves_the_picture() -> None:
    """At the compact recipe's settings f_s changes x by a visible part of a gray level even before training."""
    recipe = read_recipe(RECIPE)
    torch.manual_seed(0)
    network, seen = dual.Dual(recipe.build_config()).eval(), example(dual.SPEC, dual.Config(), 64, 64)
    with torch.no_grad():
        acting = network(seen).planes
        difference = (acting - dual.without_semantic(network)(seen).planes).abs().mean() * 255
    assert difference > 0.05


def test_without_semantic_drops_only_f_s() -> None:
    network, seen = build(start=0.5, semantic_size="sum"), example(dual.SPEC, dual.Config(), 16, 16)
    other = dual.without_semantic(network)
    assert network.classifier is not None and other.classifier is None
    plain = build(start=0.5, semantic=False)
    plain.load_state_dict(other.state_dict())
    assert torch.equal(other(seen).planes, plain(seen).planes)
