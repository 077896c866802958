"""MDU: its operators are those of eq. 7, its stages gradient steps, its proximal operators proximal."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models.mdu import MDU, SPEC, Config, Stage, grow, halo
from jpegmend.models.mdu_operators import Dictionary
from jpegmend.models.proximal import Kind

pytestmark = pytest.mark.usefixtures("seeded")
KINDS = get_args(Kind)
SMALL = {"stages": 2, "width": 4, "depth": 2, "points": 11}


def size(config):
    with torch.device("meta"):
        return sum(p.numel() for p in MDU(config).parameters())


def dictionary(config):
    return Dictionary(config.grid_channels, config.dictionary_atoms, config.dilations)


def test_counts():
    """The paper: about 1e6, 3e6, 5e6 and 104.9e5; the difference is explained on MDU's page of the docs."""
    counts = [size(Config(width=width)) for width in (16, 24, 32, 48)]
    assert counts == [1_070_392, 2_400_448, 4_260_424, 9_570_136]
    assert size(Config(atoms=84)) == 10_505_308


def test_docs_print_the_counts_and_reaches_of_every_operator():
    page = (Path(__file__).parents[2] / "docs/models/mdu.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")][1:]
    assert len(lines) == len(KINDS)
    for kind, line in zip(KINDS, lines, strict=True):
        config = Config(proximal=kind)
        assert f"| `{kind}`" in line and f"| {size(config):,} | {halo(config)} |" in line


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("factor", [1, 2])
def test_without_proximal_operators_a_stage_is_two_gradient_steps(channels, scale, factor):
    """Of ``1/2 |J - Down(O) - W M|^2`` over the pixels, in M and then in O (eq. 13, 17, 26)."""
    config = Config(channels=channels, scale=scale, fold=factor, atoms=5, steps=(0.07, 0.4))
    W, stage = dictionary(config).double(), Stage(config).double()
    stage.prox_M = stage.prox_O = nn.Identity()
    J = torch.randn(2, config.grid_channels, 7, 6, dtype=torch.float64)
    M = torch.randn(2, 15, 7, 6, dtype=torch.float64, requires_grad=True)
    O_ = torch.randn(2, config.grid_channels, 7 * scale, 6 * scale, dtype=torch.float64, requires_grad=True)

    def energy(M, O_):
        pixels = functional.pixel_shuffle(O_, factor)
        J_, H = functional.pixel_shuffle(J, factor), functional.pixel_shuffle(W(M), factor)
        return 0.5 * (J_ - functional.avg_pool2d(pixels, scale) - H).square().sum()

    next_M = M - 0.07 * torch.autograd.grad(energy(M, O_), M)[0]
    next_O = O_ - 0.4 * scale**2 * torch.autograd.grad(energy(next_M.detach(), O_), O_)[0]
    stepped_M, H, stepped_O = stage(W, J, M, W(M), O_)
    torch.testing.assert_close(stepped_M, next_M, rtol=1e-6, atol=1e-7)  # the steps are float32 numbers
    torch.testing.assert_close(stepped_O, next_O, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(H, W(next_M), rtol=1e-6, atol=1e-7)
    assert energy(stepped_M, stepped_O) < energy(M, O_)


@pytest.mark.parametrize("kind", KINDS)
def test_every_operator_learns_with_all_its_parameters(observed, kind):
    network, seen = MDU(Config(proximal=kind, **SMALL)), observed(2, 1, 15, 18)
    answer = network(seen, collect=True)
    truth = seen.planes.roll(1, 3)
    pictures = sum((o - truth).abs().mean() for o in answer.traces["O"])
    artifacts = sum((h - (seen.planes - truth)).abs().mean() for h in answer.traces["H"])
    (pictures + artifacts).backward()  # eq. 24, weights left out
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still
    assert answer.planes.shape == seen.planes.shape


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_alone_reaches_all_parameters_too(observed, kind):
    network = MDU(Config(proximal=kind, **SMALL))
    network(observed(2, 1, 15, 18)).planes.square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("kind", KINDS)
def test_ten_fresh_stages_stay_near_the_picture(observed, kind):
    seen = observed(1, 1, 16, 16)
    with torch.no_grad():
        answer = MDU(Config(proximal=kind, width=8)).eval()(seen).planes
    assert (answer - seen.planes).abs().max() < 0.3


def test_traces_hold_stages_layers_and_steps(observed):
    network, seen = MDU(Config(**SMALL, dilations=(1, 3))), observed(2, 1, 13, 10)
    plain, told = network(seen), network(seen, collect=True)
    torch.testing.assert_close(plain.planes, told.planes)
    assert not plain.traces
    assert {name: len(values) for name, values in told.traces.items()} == {
        "O": 3, "H": 2, "H_by_dilation": 2, "eta_1": 2, "eta_2": 2
    }  # fmt: skip
    torch.testing.assert_close(told.traces["O"][-1], told.planes)
    torch.testing.assert_close(sum(told.traces["H_by_dilation"]), told.traces["H"][-1])
    assert [float(t.detach()) for t in told.traces["eta_1"]] == pytest.approx([0.1, 0.1])
    assert [float(t.detach()) for t in told.traces["eta_2"]] == [1, 1]


def test_recomputing_changes_no_gradient_and_keeps_less(observed):
    seen, gradients, kept = observed(1, 1, 12, 11), [], []
    for recompute in (False, True):
        torch.manual_seed(3)
        network = MDU(Config(**{**SMALL, "stages": 4}))
        network.recompute = recompute
        sizes = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.setdefault(t.data_ptr(), t).detach(), lambda t: t
        ):
            answer = network(seen, collect=True)
        kept.append(sum(t.numel() for t in sizes.values()))
        sum(o.square().sum() for o in answer.traces["O"]).backward()
        gradients.append([p.grad for p in network.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    assert kept[1] < kept[0] / 5


@pytest.mark.parametrize("channels", [1, 3])
def test_super_resolution_triples_the_sides(observed, channels):
    seen = observed(1, channels, 7, 10)
    told = MDU(Config(channels=channels, scale=3, **SMALL))(seen, collect=True)
    assert told.planes.shape == (1, channels, 21, 30)
    assert told.traces["H"][-1].shape == seen.planes.shape
    assert told.traces["O"][0].shape == told.planes.shape


@pytest.mark.parametrize(
    ("options", "side", "expected"),
    [
        ({}, 55, 25),
        ({"proximal": "dla", "depth": 2}, 71, 33),
        ({"proximal": "densenet"}, 55, 25),
        ({"proximal": "l1"}, 25, 9),
        ({"scale": 3}, 45, 21),
        ({"fold": 2}, 107, 51),
    ],
)
def test_halo_is_the_reach_of_the_network(reach, options, side, expected):
    config = Config(**{"stages": 2, "width": 3, "depth": 1, "dilations": (1, 2), "steps": (0.1, 0.5), **options})
    assert halo(config) == reach(SPEC, config, side) == expected


def test_added_stages_are_copies_of_the_last_that_leave_m_alone(observed):
    """The gain a network has learned stays; an added stage of fresh weights lost 2 dB."""
    old, new = Config(**SMALL, fold=2), Config(**{**SMALL, "stages": 4}, fold=2)
    network, grown = MDU(old).eval(), MDU(new).eval()
    with torch.no_grad():
        network.stages[1].eta_1.fill_(0.07)
        for parameter in network.parameters():  # trained networks do not start near the identity
            parameter.add_(0.03 * torch.randn_like(parameter))
    weights = network.state_dict()
    grown.load_state_dict(grow(weights, old, new))
    assert grown.stages[3].eta_1 == network.stages[1].eta_1
    for name, tensor in network.stages[1].state_dict().items():
        added = grown.stages[3].state_dict()[name]
        assert torch.equal(added, torch.zeros_like(tensor) if name.startswith("prox_M.tail") else tensor)
        assert added.data_ptr() != grown.stages[2].state_dict()[name].data_ptr()
    seen = observed(1, 1, 14, 19)
    with torch.no_grad():
        before, after = network(seen, collect=True), grown(seen, collect=True)
    for t in (0, 1, 2):
        assert torch.equal(after.traces["O"][t], before.traces["O"][t])
    change = (before.planes - seen.planes).abs().mean()
    assert 0 < (after.planes - before.planes).abs().mean() < 0.3 * change


def test_as_many_stages_keep_their_weights():
    weights = MDU(Config(**SMALL)).state_dict()
    assert grow(weights, Config(**SMALL), Config(**SMALL)) == weights


def test_halo_at_the_defaults():
    assert halo(Config()) == 521
    assert halo(Config(fold=2)) == 2 * 521 + 1


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16(observed, kind):
    seen = observed(1, 1, 9, 17, dtype=torch.bfloat16)
    network = MDU(Config(proximal=kind, **SMALL))
    exact = network(seen._replace(planes=seen.planes.float())).planes
    rough = network.bfloat16()(seen).planes
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.04, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_trains_as_the_loop_does(observed, kind):
    """Channels last, mixed precision, stages recomputed."""
    network = MDU(Config(proximal=kind, **SMALL)).to(memory_format=torch.channels_last)
    network.recompute = True
    with torch.autocast("cpu", torch.bfloat16):
        answer = network(observed(1, 1, 9, 17), collect=True)
    answer.planes.square().sum().backward()
    assert answer.planes.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_export_agrees_at_other_sizes(exported):
    options = {"proximal": "resnet+piecewise", "fold": 2, "scale": 3}
    assert exported(SPEC, Config(**{**SMALL, "stages": 1, "depth": 1, **options}), (37, 53), (64, 40)) < 1e-5


def test_compiles_as_one_graph(observed):
    network, seen = MDU(Config(**SMALL)).eval(), observed(1, 1, 12, 11)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(seen).planes, network(seen).planes)


@pytest.mark.parametrize(("slope", "learns"), [(0.0, False), (0.1, True)])
def test_a_block_pushed_below_zero_learns_again_only_with_a_slope(slope, learns, observed):
    network = MDU(Config(**SMALL, slope=slope))
    block = network.stages[0].prox_O.body[0]
    with torch.no_grad():
        block.second.bias.fill_(-50.0)
    network(observed(1, 1, 16, 16)).planes.square().mean().backward()
    assert bool(block.second.weight.grad.abs().max() > 0) is learns


@pytest.mark.parametrize(
    "wrong",
    [
        {"proximal": "vgg"},
        {"stages": 0},
        {"atoms": 0},
        {"points": 1},
        {"steps": (0.1,)},
        {"scale": 0},
        {"fold": 3},
        {"slope": 1.0},
        {"slope": 0.1, "proximal": "dla"},
    ],
)
def test_impossible_choices_are_refused(wrong):
    with pytest.raises(InvalidOption):
        Config(**wrong)


def test_planes_follow_the_channels():
    assert SPEC.planes(Config()) == "y"
    assert SPEC.planes(Config(channels=3)) == "rgb"
