"""DCSC against ISTA written in numpy, and against the paper's counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models import files
from jpegmend.models.dcsc import DCSC, SPEC, Config, grow, halo

pytestmark = pytest.mark.usefixtures("seeded")
SMALL = Config(features=3, filters=5, iterations=7)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (Config(), 93_697),
        (Config(filters=32), 38_113),
        (Config(filters=128), 260_161),
        (Config(features=48, filters=128), 315_937),
        (Config(features=48, filters=128, channels=3), 320_835),
    ],
)
def test_counts_are_the_papers(config, count):
    assert sum(p.numel() for p in DCSC(config).parameters()) == count


def shifted(planes, rows, columns):
    """``planes [C, H, W]`` read at (y + rows, x + columns), zero outside."""
    H, W = planes.shape[1:]
    out = np.zeros_like(planes)
    y, x = slice(max(0, -rows), min(H, H - rows)), slice(max(0, -columns), min(W, W - columns))
    moved_y = slice(max(0, rows), min(H, H + rows))
    moved_x = slice(max(0, columns), min(W, W + columns))
    out[:, y, x] = planes[:, moved_y, moved_x]
    return out


class Phi:
    """A dictionary in numpy: ``X = sum over taps (k, l) in {0, 1}^2 of A[k, l] U(y + k, x + l)``."""

    def __init__(self, features, filters):
        self.taps = np.random.default_rng(0).normal(size=(2, 2, features, filters))

    def __call__(self, U):
        return sum(np.einsum("xu,uhw->xhw", self.taps[k, m], shifted(U, k, m)) for k in (0, 1) for m in (0, 1))

    def adjoint(self, X):
        return sum(np.einsum("xu,xhw->uhw", self.taps[k, m], shifted(X, -k, -m)) for k in (0, 1) for m in (0, 1))

    def bound(self):
        """An upper bound of the largest eigenvalue of Phi^T Phi."""
        return sum(np.linalg.norm(self.taps[k, m], 2) for k in (0, 1) for m in (0, 1)) ** 2

    def kernels(self):
        """The kernels ``[filters, ..., 3, 3]`` of Phi^T / L and of I - Phi^T Phi / L."""
        features, filters = self.taps.shape[2:]
        G, S = np.zeros((filters, features, 3, 3)), np.zeros((filters, filters, 3, 3))
        S[:, :, 1, 1] = np.eye(filters)
        for k in (0, 1):
            for m in (0, 1):
                G[:, :, 1 - k, 1 - m] = self.taps[k, m].T / self.bound()
                for p in (0, 1):
                    for q in (0, 1):
                        S[:, :, 1 + p - k, 1 + q - m] -= self.taps[k, m].T @ self.taps[p, q] / self.bound()
        return torch.from_numpy(G), torch.from_numpy(S)


def test_coupled_operators_make_the_iterations_ista(observed):
    """With G = Phi^T / L and S = I - G Phi, eq. 3 is ISTA for nonnegative codes (threshold 0), which descends."""
    network = DCSC(SMALL).double()
    phi = Phi(9, 5)
    with torch.no_grad():
        network.G.weight[:], network.S.weight[:] = phi.kernels()
    # Phi cuts off at the border, a convolution by S does not: the picture stands in a wide black frame.
    seen = observed(1, 1, 8, 9, dtype=torch.float64)
    seen = seen._replace(planes=functional.pad(seen.planes, (16,) * 4))
    traces = network(seen, collect=True).traces

    X = torch.cat(traces["X"], 1)[0].detach().numpy()
    U, objective = np.zeros((5, *X.shape[1:])), []
    for code in traces["U"]:
        U = np.maximum(U + phi.adjoint(X - phi(U)) / phi.bound(), 0)
        np.testing.assert_allclose(code[0].detach().numpy(), U, atol=1e-12)
        objective.append(0.5 * np.sum((X - phi(U)) ** 2))
    assert len(objective) == SMALL.iterations + 1
    assert np.all(np.diff(objective) < 0)


def test_traces_hold_the_way_to_the_answer(observed):
    network, seen = DCSC(SMALL), observed(2, 1, 13, 10)
    plain, told = network(seen), network(seen, collect=True)
    assert not plain.traces
    torch.testing.assert_close(plain.planes, told.planes)
    torch.testing.assert_close(seen.planes + told.traces["H"][0], told.planes)  # eq. 6
    assert [tuple(x.shape) for x in told.traces["X"]] == [(2, 3, 13, 10)] * 3
    assert [tuple(u.shape) for u in told.traces["U"]] == [(2, 5, 13, 10)] * 8
    assert all((u >= 0).all() for u in told.traces["U"])


@pytest.mark.parametrize("iterations", [0, 1, 16])
def test_recomputing_changes_no_gradient_and_keeps_less(observed, iterations):
    config, seen = Config(features=3, filters=5, iterations=iterations), observed(1, 1, 12, 11)
    gradients, kept, steps = [], [], []
    for recompute in (False, True):
        torch.manual_seed(3)
        network = DCSC(config)
        network.recompute = recompute
        calls, sizes = [], {}
        network.S.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.setdefault(t.data_ptr(), t).detach(), lambda t: t
        ):
            answer = network(seen).planes
        kept.append(sum(t.numel() for t in sizes.values()))
        answer.square().sum().backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
        steps.append(len(calls))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    assert steps == [iterations, 2 * iterations]  # forward once, and once more on the way back
    assert iterations < 2 or kept[1] < kept[0] / 2


def test_halo_is_the_reach_of_the_network(reach):
    config = Config(features=2, filters=2, iterations=3)
    assert halo(config) == 9 == reach(SPEC, config, 25)
    assert halo(Config()) == 46


@pytest.mark.parametrize("factor", [2, 4])
def test_folded_halo_is_the_reach_in_whole_cells(reach, factor):
    config = Config(features=2, filters=2, iterations=1, dilations=(1, 2), fold=factor)
    cells = 2 + 1 + 1 + 1
    assert reach(SPEC, config, 16 * factor, factor) == cells * factor + factor - 1
    assert halo(config) == (cells + 1) * factor


def test_folded_network_is_the_plain_one_on_folded_planes(observed):
    """Everything but J + H happens on the folded grid; W_R answers for whole cells."""
    config = Config(features=3, filters=5, iterations=3, fold=2)
    network, seen = DCSC(config), observed(2, 1, 13, 10)
    told = network(seen, collect=True)
    assert [tuple(u.shape) for u in told.traces["U"]] == [(2, 5, 7, 5)] * 4
    folded = functional.pixel_unshuffle(functional.pad(seen.planes, (0, 0, 0, 1), mode="replicate"), 2)
    X = torch.cat([extract(folded) for extract in network.extract], 1)
    U = network._code(network.G(X), collect=False)[-1]
    H = functional.pixel_shuffle(network.W_R(U), 2)[..., :13, :]
    assert torch.equal(told.planes, seen.planes + H)
    assert torch.equal(told.traces["H"][0], H)


def test_start_of_the_last_convolution_is_a_factor():
    small, paper = (DCSC(Config(last=last)) for last in (0.1, 1.0) if torch.manual_seed(0))
    torch.testing.assert_close(small.W_R.weight, 0.1 * paper.W_R.weight)
    assert torch.equal(small.S.weight, paper.S.weight)


@pytest.mark.parametrize("recompute", [False, True])
def test_iterations_in_place_change_no_bit(observed, recompute):
    """U <- ReLU(G X + S U) written with a new tensor for each operation: same answer, same gradients."""

    def out_of_place(GX, U, count):
        for _ in range(count):
            U = functional.relu(GX + network.S(U))
        return U

    network, seen = DCSC(SMALL), observed(2, 1, 13, 10)
    network.recompute = recompute
    answers, gradients = [], []
    for iterate in (network._iterate, out_of_place):
        network._iterate = iterate
        network.zero_grad()
        answer = network(seen).planes
        answer.square().sum().backward()
        answers.append(answer)
        gradients.append([p.grad.clone() for p in network.parameters()])
    torch.testing.assert_close(answers[0], answers[1], rtol=0, atol=0)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)


def test_extraction_sees_pixels_of_full_precision(observed):
    network, seen = DCSC(SMALL), observed(1, 1, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        told = network(seen, collect=True)
    assert {x.dtype for x in told.traces["X"]} == {torch.float32} == {told.planes.dtype}
    assert told.traces["U"][-1].dtype == torch.bfloat16


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_size_and_type(observed, channels, dtype):
    config = Config(channels=channels, features=3, filters=5, iterations=4)
    seen = observed(2, channels, 17, 9, dtype=dtype)
    answer = DCSC(config).to(dtype)(seen).planes
    assert answer.shape == seen.planes.shape and answer.dtype == dtype and answer.isfinite().all()
    assert SPEC.planes(config) == ("rgb" if channels == 3 else "y")


def test_forty_fresh_iterations_neither_explode_nor_vanish(observed):
    with torch.no_grad():
        U = DCSC(Config())(observed(1, 1, 24, 24), collect=True).traces["U"]
    assert 0.01 < float(U[-1].std() / U[0].std()) < 100


def test_iterations_of_trained_weights_can_be_chosen(observed, tmp_path):
    path, network = tmp_path / "weights.safetensors", DCSC(SMALL).half().float()
    files.save_weights(path, SPEC.name, SMALL, network.state_dict(), {})
    fewer, header = files.load_weights(path, {"iterations": 2})
    assert header["config"]["iterations"] == 2
    seen = observed(1, 1, 12, 11)
    whole = network(seen, collect=True)
    torch.testing.assert_close(fewer(seen).planes, seen.planes + network.W_R(whole.traces["U"][2]))
    with pytest.raises(InvalidOption, match="dilations.*iterations"):
        files.load_weights(path, {"dilations": (1, 1, 1)})


def test_with_more_filters_the_first_output_is_the_same_and_all_filters_learn(observed):
    old = Config(features=3, filters=5, iterations=7, fold=2)
    new = replace(old, filters=8)
    small, large, seen = DCSC(old), DCSC(new), observed(2, 1, 17, 24)
    large.load_state_dict(grow(small.state_dict(), old, new))
    answer = large(seen).planes
    assert torch.allclose(answer, small(seen).planes, atol=1e-6)
    answer.square().sum().backward()
    assert large.W_R.weight.grad[:, 5:].abs().sum((0, 2, 3)).min() > 0


@pytest.mark.parametrize("other", [{"filters": 4}, {"features": 4}, {"fold": 2}, {"dilations": (1, 2)}])
def test_weights_grow_in_filters_alone(other):
    with pytest.raises(InvalidOption, match="do not grow"):
        grow(DCSC(SMALL).state_dict(), SMALL, replace(SMALL, **other))


def test_export_of_a_folded_grid_agrees_at_another_size(exported):
    assert exported(SPEC, Config(features=3, filters=5, iterations=2, fold=2), (37, 53)) < 1e-5


def test_compiles_as_one_graph(observed):
    network, seen = DCSC(SMALL).eval(), observed(1, 1, 12, 11)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(seen).planes, network(seen).planes)


@pytest.mark.parametrize(
    "wrong", [{"filters": 0}, {"dilations": ()}, {"dilations": (0,)}, {"iterations": -1}, {"fold": 3}]
)
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(InvalidOption):
        Config(**wrong)
