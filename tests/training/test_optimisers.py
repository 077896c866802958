"""Optimisers: the parameters that Muon updates, and the size of the updates."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from jpegmend.training.optimisers import build_optimiser
from jpegmend.training.recipe import Optimiser

MUON = Optimiser(kind="muon", rate=0.01)


@pytest.fixture
def network() -> nn.Module:
    """First layer, two inner ones of different shapes, a depthwise one, last layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.Conv2d(16, 24, 3),
        nn.Conv2d(24, 32, 1),
        nn.Conv2d(32, 32, 3, groups=32),
        nn.Conv2d(32, 12, 3),
    )


def step(network: nn.Module, settings: Optimiser) -> dict[str, torch.Tensor]:
    """How much one step moves each parameter."""
    before = copy.deepcopy(network.state_dict())
    optimiser = build_optimiser(settings, network)
    network(torch.rand(2, 1, 24, 24)).square().mean().backward()
    optimiser.step()
    return {name: network.state_dict()[name] - before[name] for name in before}


def test_inner_kernels_move_by_an_orthogonal_matrix(network: nn.Module) -> None:
    moved = step(network, MUON)
    for name, rows, columns in (("1.weight", 24, 16 * 9), ("2.weight", 32, 24)):
        singular = torch.linalg.svdvals(moved[name].reshape(rows, columns)) / (0.01 * 0.2 * max(rows, columns) ** 0.5)
        # Five Newton-Schulz steps bring singular values to 0.7 to 1.2; those near zero in the gradient stay behind.
        assert singular[5] > 0.6
        assert singular[0] < 1.3


def test_kernels_move_by_newton_schulz_in_float32(network: nn.Module) -> None:
    """Against the iteration in float64 by NumPy; bfloat16 has 3 digits, and takes most of a step without AVX-512."""
    torch.manual_seed(2)
    twin, moved = copy.deepcopy(network), step(network, MUON)["1.weight"].reshape(24, -1).double().numpy()
    torch.manual_seed(2)
    twin(torch.rand(2, 1, 24, 24)).square().mean().backward()
    x = twin[1].weight.grad.reshape(24, -1).double().numpy()
    x = x / np.linalg.norm(x)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    np.testing.assert_allclose(moved, -0.01 * 0.2 * (16 * 9) ** 0.5 * x, atol=2e-6)


def test_all_others_move_as_with_adam(network: nn.Module) -> None:
    twin = copy.deepcopy(network)
    torch.manual_seed(1)
    moved = step(network, MUON)
    torch.manual_seed(1)
    by_adam = step(twin, Optimiser(rate=0.01))
    others = moved.keys() - {"1.weight", "2.weight"}
    for name in others:
        torch.testing.assert_close(moved[name], by_adam[name], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(moved["1.weight"], by_adam["1.weight"], rtol=1e-2)


def test_named_layers_stay_with_adam(network: nn.Module) -> None:
    twin = copy.deepcopy(network)
    torch.manual_seed(1)
    moved = step(network, MUON.model_copy(update={"adam": ["1."]}))
    torch.manual_seed(1)
    by_adam = step(twin, Optimiser(rate=0.01))
    torch.testing.assert_close(moved["1.weight"], by_adam["1.weight"], rtol=1e-4, atol=1e-6)


def test_every_group_has_its_factor(network: nn.Module) -> None:
    settings = MUON.model_copy(update={"rates": {"1.": 3.0}})
    factors = {
        id(parameter): group["factor"]
        for group in build_optimiser(settings, network).param_groups
        for parameter in group["params"]
    }
    found = {name: factors[id(parameter)] for name, parameter in network.named_parameters()}
    assert found == {name: 3.0 if name.startswith("1.") else 1.0 for name, _ in network.named_parameters()}
    # An auxiliary network has no factors and no Muon.
    assert len(build_optimiser(settings, network, main=False).param_groups) == 1


def test_a_saved_optimiser_goes_on_as_if_it_had_not_stopped(network: nn.Module) -> None:
    picture = torch.rand(2, 1, 24, 24)

    def move(net: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        net(picture).square().mean().backward()
        optimiser.step()

    optimiser = build_optimiser(MUON, network)
    move(network, optimiser)
    twin = copy.deepcopy(network)
    resumed = build_optimiser(MUON, twin)
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    for net, its in ((network, optimiser), (twin, resumed)):
        move(net, its)
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_betas_and_decay_are_those_of_the_recipe(kind):
    """Three steps with given gradients equal torch's AdamW, told the same; Muon's rest is AdamW too."""
    if kind == "muon":
        pytest.importorskip("pytorch_optimizer")
    settings = Optimiser(kind=kind, rate=0.1, betas=(0.5, 0.7), decay=0.3)
    layer, twin = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    twin.load_state_dict(layer.state_dict())
    ours = build_optimiser(settings, layer)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.1, betas=(0.5, 0.7), weight_decay=0.3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for mine, other in zip(layer.parameters(), twin.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        ours.step()
        theirs.step()
    for mine, other in zip(layer.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
