"""Silent units are found by their output alone, and revived without a change of the network's output."""

import pytest
import torch
from tests.training.conftest import tiny
from torch import nn
from torch.nn import functional

from jpegmend.errors import InvalidRecipe
from jpegmend.models import files
from jpegmend.models.contract import Observation
from jpegmend.training import loop
from jpegmend.training.run import RunSettings, open_run
from jpegmend.training.silent_units import find, revive

SILENT = [1, 3]


def silence(layer, units):
    """Make outputs of a layer negative for every picture."""
    with torch.no_grad():
        layer.weight[units] = 0
        layer.bias[units] = -1


class Chain(nn.Module):
    """A convolution, ReLU, and what ``use`` does with the features; a linear layer reads all positions of them."""

    def __init__(self, use):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.grouped, self.linear = nn.Conv2d(4, 4, 1, groups=4), nn.Linear(4 * 36, 2)
        self.use = use

    def forward(self, x):
        return self.use(self, self.first(x))


def reads(net, h):
    return net.second(functional.relu(h))


def reads_in_place(net, h):
    return net.second(h.relu_())


def reads_flattened(net, h):
    return net.linear(functional.relu(h).flatten(1))


def reads_twice(net, h):
    h = functional.relu(h)
    return net.second(h).sum() + net.linear(h.flatten(1)).sum()


def adds(net, h):
    h = functional.relu(h)
    return net.second(h) + h


def joins(net, h):
    h = functional.relu(h)
    return net.second(h), torch.cat([h, h], 1)


def passes_the_relu(net, h):
    return net.second(functional.relu(h)) + h


def reads_by_groups(net, h):
    return net.grouped(functional.relu(h))


@pytest.mark.parametrize(
    ("use", "readers"),
    [
        (reads, ("second",)),
        (reads_in_place, ("second",)),
        (reads_flattened, ("linear",)),
        (reads_twice, ("linear", "second")),
        (adds, None),
        (joins, None),
        (passes_the_relu, None),
        (reads_by_groups, None),
    ],
)
def test_found_are_units_that_only_layers_read(use, readers):
    network = Chain(use)
    with torch.no_grad():
        network.first.weight.abs_()
        network.first.bias.zero_()
    silence(network.first, SILENT)
    found = find(network, [torch.rand(2, 1, 6, 6) for _ in range(3)])
    assert [one.readers for one in found] == ([] if readers is None else [readers])
    for one in found:
        assert one.layer == "first" and one.units.nonzero().flatten().tolist() == SILENT


def test_a_unit_that_one_crop_moves_is_not_silent():
    network = Chain(reads)
    silence(network.first, [0, 1, 2, 3])
    with torch.no_grad():
        network.first.weight[2] = 1
    dark, bright = torch.zeros(1, 1, 6, 6), torch.ones(1, 1, 6, 6)
    assert find(network, [dark])[0].units.tolist() == [True] * 4
    assert find(network, [dark, bright])[0].units.tolist() == [True, True, False, True]


@pytest.fixture
def trained(pictures, tmp_path):
    """The weights of a short run of a network, two of whose units were then silenced."""
    folder = tmp_path / "trained"
    loop.train(tiny(steps=1), RunSettings(folder=folder, data=[pictures]))
    network, header = files.load_weights(folder / "average.safetensors")
    silence(network.layers[0], SILENT)
    path = tmp_path / "silent.safetensors"
    files.save_weights(path, header["network"], tiny().build_config(), network.state_dict(), {})
    return path


def test_a_revived_network_answers_as_before_and_has_no_silent_unit(pictures, trained, tmp_path):
    run = open_run(tiny(revive=True), RunSettings(folder=tmp_path / "run", data=[pictures], warm_start=trained))
    seen = Observation(torch.rand(2, 1, 16, 16), torch.ones(2, 1, 8, 8), torch.zeros(2, 2))
    network = run.state.network
    before = network(seen).planes
    texts = revive(run)
    assert len(texts) == 1 and texts[0].startswith("2 of 4 in ")
    torch.testing.assert_close(network(seen).planes, before, rtol=0, atol=0)
    assert all(torch.equal(run.state.average[name], tensor) for name, tensor in network.state_dict().items())
    # The fresh units are moved, and what reads them has a gradient.
    assert not revive(run)


def test_training_says_what_it_revived_and_trains_it(pictures, trained, tmp_path, capsys):
    recipe = tiny(revive=True, steps=3, optimiser={"rate": 1e-2})
    state = loop.train(recipe, RunSettings(folder=tmp_path / "run", data=[pictures], warm_start=trained))
    assert "silent units that were given fresh weights: 2 of 4 in" in capsys.readouterr().out
    assert state.network.layers[1].weight[:, SILENT].abs().sum((0, 2, 3)).min() > 0


def test_a_fresh_run_has_nothing_to_revive(pictures, tmp_path):
    with pytest.raises(InvalidRecipe, match="revive: .*give --warm-start"):
        open_run(tiny(revive=True), RunSettings(folder=tmp_path / "run", data=[pictures]))
    assert not (tmp_path / "run").exists()
