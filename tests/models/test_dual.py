"""Dual as a whole: counts, traces, gradients, sizes and configs; its steps and priors have files of their own."""

from pathlib import Path

import pytest
import torch
from tests.models.conftest import check_recomputing
from tests.models.dual_networks import build, picture
from torch import Tensor

from jpegmend.errors import InvalidOption
from jpegmend.models import cost, dual
from jpegmend.models.files import example
from jpegmend.training.recipe_checks import read_recipe

PAGE = Path(__file__).parents[2] / "docs" / "models" / "dual.md"


def test_counts_are_those_of_the_page() -> None:
    with torch.device("meta"):
        network = dual.Dual(dual.Config())
    counts = [cost.parameters(part) for part in (network.deblocker, network.classifier, network)]
    assert counts == [8_934_017, 47_937, 8_981_958]
    assert counts[2] == pytest.approx(88.21e5, rel=0.02)  # table 1
    assert all(f"{count:,}" in PAGE.read_text() for count in counts)


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
    check_recomputing(build(start=0.5).train(), example(dual.SPEC, dual.Config(), 12, 14))


@pytest.mark.parametrize(
    "wrong",
    [{"stages": 0}, {"deblocker": "vdsr"}, {"normalisation": "rows"}, {"start": 0.0}, {"fold": 0}, {"limit": -1.0}],
)
def test_impossible_configs_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        dual.Config(**wrong)
