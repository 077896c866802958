"""Dual: each of the three steps is the mathematics the paper writes down."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from jpegmend.errors import InvalidOption
from jpegmend.models import cost, dual
from jpegmend.models.files import example
from jpegmend.training.recipe import read_recipe

TINY = {"stages": 2, "inner": 2, "features": 6, "units": 2, "reduced": 3, "classifier_features": 8}
PAGE = Path(__file__).parents[2] / "docs" / "models" / "dual.md"


def build(**changes: object) -> dual.Dual:
    torch.manual_seed(0)
    return dual.Dual(dual.Config(**{**TINY, **changes})).eval()


def picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def difference_matrices(height: int, width: int) -> list[np.ndarray]:
    """Horizontal and vertical forward differences of a raveled picture, no next pixel: no difference."""
    matrices = []
    for step_i, step_j in ((0, 1), (1, 0)):
        D = np.zeros((height * width, height * width))
        for i in range(height - step_i):
            for j in range(width - step_j):
                D[i * width + j, (i + step_i) * width + j + step_j] += 1
                D[i * width + j, i * width + j] -= 1
        matrices.append(D)
    return matrices


def test_counts_are_those_of_the_page() -> None:
    with torch.device("meta"):
        network = dual.Dual(dual.Config())
    counts = [cost.parameters(part) for part in (network.deblocker, network.classifier, network)]
    assert counts == [8_934_017, 47_937, 8_981_958]
    assert counts[2] == pytest.approx(88.21e5, rel=0.02)  # table 1
    assert all(f"{count:,}" in PAGE.read_text() for count in counts)


def test_gradient_and_its_adjoint() -> None:
    x, g = picture(1, 1, 7, 9), picture(1, 2, 7, 9, seed=1)
    D_h, D_v = difference_matrices(7, 9)
    ravelled = x.numpy().ravel()
    np.testing.assert_allclose(dual.gradient(x)[0, 0].numpy().ravel(), D_h @ ravelled, atol=1e-15)
    np.testing.assert_allclose(dual.gradient(x)[0, 1].numpy().ravel(), D_v @ ravelled, atol=1e-15)
    left, right = (dual.gradient(x) * g).sum(), (x * dual.gradient_adjoint(g)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("size", [(16, 16), (11, 6), (1, 5)])
@pytest.mark.parametrize(("alpha", "beta"), [(0.01, 0.01), (0.5, 20.0)])
def test_x_solves_the_normal_equations(size: tuple[int, int], alpha: float, beta: float) -> None:
    y, u, g = picture(1, 1, *size), picture(1, 1, *size, seed=1), picture(1, 2, *size, seed=2) - 0.5
    x = dual.solve(y.float(), u.float(), g.float(), torch.tensor(alpha), torch.tensor(beta)).double().numpy().ravel()
    D = difference_matrices(*size)
    A = (1 + alpha) * np.eye(size[0] * size[1]) + beta * sum(D_d.T @ D_d for D_d in D)
    b = y.numpy().ravel() + alpha * u.numpy().ravel()
    b += beta * sum(D_d.T @ g[0, d].numpy().ravel() for d, D_d in enumerate(D))
    assert np.linalg.norm(A @ x - b) / np.linalg.norm(b) < 1e-5
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-5)


def test_x_is_equation_10_of_the_mirrored_picture() -> None:
    H, W, alpha, beta = 6, 9, 0.3, 2.0
    y, u, g = picture(1, 1, H, W), picture(1, 1, H, W, seed=1), picture(1, 2, H, W, seed=2)

    def mirrored(plane: np.ndarray) -> np.ndarray:
        plane = np.concatenate([plane, plane[:, ::-1]], 1)
        return np.concatenate([plane, plane[::-1]], 0)

    def mirrored_difference(plane: np.ndarray) -> np.ndarray:
        """A difference along the last axis changes its sign in the mirror, and is zero at the mirror."""
        inner, zero = plane[:, :-1], np.zeros((plane.shape[0], 1))
        plane = np.concatenate([inner, zero, -inner[:, ::-1], zero], 1)
        return np.concatenate([plane, plane[::-1]], 0)

    F = np.fft.fft2
    h, v = np.zeros((2 * H, 2 * W)), np.zeros((2 * H, 2 * W))
    h[0, 0] = v[0, 0] = -1
    h[0, -1] = v[-1, 0] = 1
    g_h, g_v = mirrored_difference(g[0, 0].numpy()), mirrored_difference(g[0, 1].numpy().T).T
    above = F(mirrored(y[0, 0].numpy())) + alpha * F(mirrored(u[0, 0].numpy()))
    above = above + beta * (F(h).conj() * F(g_h) + F(v).conj() * F(g_v))
    below = 1 + alpha + beta * (abs(F(h)) ** 2 + abs(F(v)) ** 2)
    expected = np.fft.ifft2(above / below).real[:H, :W]
    actual = dual.solve(y, u, g, torch.tensor(alpha), torch.tensor(beta))
    np.testing.assert_allclose(actual[0, 0].numpy(), expected, atol=1e-7)


def test_opposite_borders_do_not_touch() -> None:
    step = torch.zeros(1, 1, 8, 48)
    step[..., 24:] = 1
    smooth = dual.solve(step, step, torch.zeros(1, 2, 8, 48), torch.tensor(0.0), torch.tensor(4.0))
    assert smooth[..., 0].abs().max() < 1e-4
    assert (smooth[..., -1] - 1).abs().max() < 1e-4
    assert 0.1 < smooth[0, 0, 4, 23] < 0.5


@pytest.mark.parametrize("deblocker", ["dense", "l1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_x_step_stays_in_float32(dtype: torch.dtype, deblocker: str) -> None:
    network, seen = build(deblocker=deblocker), example(dual.SPEC, dual.Config(), 16, 24)
    plain = network(seen).planes
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(seen).planes
    assert mixed.dtype == torch.float32
    assert (mixed - plain).abs().max() < 2e-3
    answer = network.to(dtype)(seen._replace(planes=seen.planes.to(dtype))).planes
    assert answer.dtype == dtype
    assert (answer.float() - plain).abs().max() < 2e-2


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


def test_gradients_flow_through_the_whole_solver() -> None:
    network = build(start=0.5).double()
    seen = example(dual.SPEC, dual.Config(), 5, 6)

    def restore(planes: Tensor) -> Tensor:
        return network(seen._replace(planes=planes)).planes

    assert torch.autograd.gradcheck(restore, (picture(1, 1, 5, 6).requires_grad_(True),))


def test_gradients_of_the_scalars_are_true() -> None:
    network = build(start=0.3).double()
    seen = example(dual.SPEC, dual.Config(), 8, 8)
    seen = seen._replace(planes=seen.planes.double())
    network(seen).planes.square().sum().backward()
    for name, value in network.scalars[0].values.items():
        with torch.no_grad():
            ends = []
            for step in (1e-5, -1e-5):
                value += step
                ends.append(network(seen).planes.square().sum().item())
                value -= step
        assert value.grad.item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3), name


@pytest.mark.parametrize("deblocker", ["dense", "l1"])
def test_answers_do_not_depend_on_the_gradient_mode(deblocker: str) -> None:
    network, seen = build(start=0.5, deblocker=deblocker), example(dual.SPEC, dual.Config(), 16, 24)
    expected = network(seen, collect=True)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            inside = example(dual.SPEC, dual.Config(), 16, 24)
            answer = network(inside, collect=True)
        assert not answer.planes.requires_grad
        torch.testing.assert_close(answer.planes, expected.planes)
        torch.testing.assert_close(answer.traces["derivative"], expected.traces["derivative"])


def test_a_frozen_classifier_still_guides() -> None:
    network, seen = build(start=0.5).train(), example(dual.SPEC, dual.Config(), 16, 16)
    network.classifier.requires_grad_(False)
    network(seen).planes.square().mean().backward()
    assert all(parameter.grad is None for parameter in network.classifier.parameters())
    for name, parameter in network.named_parameters():
        if not name.startswith("classifier"):
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_traces_are_the_solver_s_own_values() -> None:
    network, seen = build(start=0.5, stages=3), example(dual.SPEC, dual.Config(), 12, 10)
    answer = network(seen, collect=True)
    u, g, x = (answer.traces[name] for name in ("u", "g", "x"))
    assert [len(answer.traces[name]) for name in ("u", "g", "x", "derivative")] == [3] * 4
    before = (seen.planes, *x[:-1])
    for k in range(3):
        torch.testing.assert_close(u[k], network.deblocker(before[k]))
        again = dual.solve(seen.planes, u[k], g[k], torch.tensor(0.5), torch.tensor(0.5))
        torch.testing.assert_close(x[k], again)
    assert torch.equal(x[-1], answer.planes)
    assert network(seen).traces == {}


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


@pytest.mark.parametrize("value", [-50.0, 0.0, 50.0])
def test_scalars_are_positive_whatever_is_learned(value: float) -> None:
    """So the denominator of eq. 10, at least 1 + alpha + beta 0 and at most 1 + alpha + 8 beta, is above 1."""
    network, seen = build(), example(dual.SPEC, dual.Config(), 16, 16)
    with torch.no_grad():
        for parameter in network.scalars.parameters():
            parameter.fill_(value)
        assert all(number >= 0 for number in network.scalars[0]().values())
        x = network(seen, collect=True).traces["x"]
    assert all(torch.isfinite(stage).all() for stage in x)


@pytest.mark.parametrize("size", ["sum", "unit"])
def test_training_can_move_every_scalar(size: str) -> None:
    """Adam divides by the gradient's size plus 1e-8: gradients must be far above that."""
    network = build(start=0.5, semantic_size=size).train()
    network.classifier.requires_grad_(False)
    truth, seen = picture(2, 1, 64, 64).float(), example(dual.SPEC, dual.Config(), 64, 64, batch=2)
    (network(seen).planes - truth).abs().mean().backward()
    for name, value in network.scalars[0].values.items():
        assert value.grad is not None and abs(value.grad.item()) > 1e-6, name


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
    recipe = read_recipe(PAGE.parents[2] / "recipes" / "dual-c.toml")
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


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (17, 30)])
def test_folded_network_takes_any_size(size: tuple[int, int]) -> None:
    seen = example(dual.SPEC, dual.Config(), *size, batch=2)
    answer = build(fold=2)(seen, collect=True)
    assert answer.planes.shape == answer.traces["u"][0].shape == (2, 1, *size)
    assert answer.traces["derivative"][0].shape == (2, 2, *size)


def test_compact_recipe_stays_compact() -> None:
    config = read_recipe(PAGE.parents[2] / "recipes" / "dual-c.toml").build_config()
    assert 60e3 < cost.count(dual.SPEC, config).multiply_adds < 150e3


def test_dncnn_as_deblocker() -> None:
    network, seen = build(deblocker="dncnn", stages=1), example(dual.SPEC, dual.Config(), 10, 12)
    assert network(seen).planes.shape == seen.planes.shape
    assert cost.parameters(network.deblocker) == pytest.approx(6.69e5, rel=0.01)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (17, 30)])
def test_any_size(size: tuple[int, int]) -> None:
    seen = example(dual.SPEC, dual.Config(), *size, batch=2)
    assert build()(seen).planes.shape == (2, 1, *size)


@pytest.mark.parametrize(("shared", "count"), [(True, 4), (False, 8)])
def test_scalars_start_where_the_paper_starts(shared: bool, count: int) -> None:
    network = build(shared=shared)
    assert cost.parameters(network.scalars) == count
    for stage in network.scalars:
        assert {name: pytest.approx(0.01) for name in ("alpha", "beta", "lambda_2", "eta")} == {
            name: value.item() for name, value in stage().items()
        }


def test_checkpointing_changes_no_gradient() -> None:
    network, seen = build(start=0.5).train(), example(dual.SPEC, dual.Config(), 12, 14)
    gradients = []
    for network.recompute in (False, True):
        network.zero_grad()
        network(seen).planes.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


@pytest.mark.parametrize(
    "wrong", [{"stages": 0}, {"deblocker": "vdsr"}, {"normalisation": "rows"}, {"start": 0.0}, {"fold": 0}]
)
def test_impossible_configs_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        dual.Config(**wrong)
