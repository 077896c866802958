"""Phases with their own learning rate schedule or config: what is kept, and resuming across the change."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from tests.training.conftest import tiny

from jpegmend import models
from jpegmend.errors import InvalidRecipe
from jpegmend.models import files
from jpegmend.training import loop
from jpegmend.training.building import change_config, start
from jpegmend.training.run import RunSettings
from jpegmend.training.schedule import rate_at

DCSC = {"network": "dcsc", "config": {"features": 4, "filters": 4}}
PHASE = {"share": 0.5, "crop": 16, "batch": 2, "losses": {"mae": 1.0}}
CURRICULUM = DCSC | {"phases": [PHASE | {"config": {"iterations": 2}}, PHASE | {"config": {"iterations": 4}}]}


def settings(folder, pictures, **more):
    return RunSettings(folder=folder, data=[pictures], **more)


def train(recipe, folder, pictures, *, stop_at=None, resume=False):
    """The state at the end of a run, or of one that gets SIGTERM after that many steps."""
    real = loop.step

    def step(run):
        loss = real(run)
        if run.state.step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "step", step)
        return loop.train(recipe, settings(folder, pictures, resume=resume))


def assert_same(one, other):
    """Weights, averages and the optimisers' state, bit for bit."""
    mine, theirs = one.content(), other.content()
    assert mine["config"] == theirs["config"]
    for key in mine["networks"]["network"]:
        assert torch.equal(mine["networks"]["network"][key], theirs["networks"]["network"][key]), key
        assert torch.equal(mine["average"][key], theirs["average"][key]), key
    moments, others = (c["optimisers"]["network"]["state"] for c in (mine, theirs))
    assert moments.keys() == others.keys()
    for index, moment in moments.items():
        assert all(torch.equal(value, others[index][key]) for key, value in moment.items())


def test_a_curriculum_over_iterations_is_a_strict_warm_start(pictures, tmp_path):
    """Phase 2 goes on with the weights, averages and moments of phase 1, loaded strictly into the deeper network."""
    whole = train(tiny(**CURRICULUM), tmp_path / "whole", pictures)
    deep = DCSC | {"config": DCSC["config"] | {"iterations": 4}}
    shallow = DCSC | {"config": DCSC["config"] | {"iterations": 2}}
    phases = {"phases": [PHASE | {"share": 1.0}]}
    train(tiny(**shallow, **phases), tmp_path / "parts", pictures, stop_at=4)
    path = tmp_path / "parts/checkpoint.pt"
    content = torch.load(path, weights_only=True)
    assert content["config"]["iterations"] == 2
    torch.save(content | {"config": content["config"] | {"iterations": 4}}, path)
    second = train(tiny(**deep, **phases), tmp_path / "parts", pictures, resume=True)
    assert second.config.iterations == whole.config.iterations == 4
    assert_same(whole, second)


@pytest.mark.parametrize("stop_at", [2, 4, 6], ids=["phase 1", "between", "phase 2"])
@pytest.mark.parametrize("optimiser", [{}, {"kind": "muon"}], ids=["adam", "muon"])
def test_a_run_resumed_across_a_change_of_config_equals_an_uninterrupted_one(pictures, tmp_path, stop_at, optimiser):
    if optimiser:
        pytest.importorskip("pytorch_optimizer")
    wide = {"config": {"features": 16, "filters": 16}, "optimiser": {"rate": 1e-3} | optimiser}
    recipe = tiny(**CURRICULUM | wide)
    whole = train(recipe, tmp_path / "whole", pictures)
    train(recipe, tmp_path / "parts", pictures, stop_at=stop_at)
    assert_same(whole, train(recipe, tmp_path / "parts", pictures, resume=True))


def test_weights_carry_the_config_of_their_phase(pictures, tmp_path):
    for stop_at, iterations in ((3, 2), (None, 4)):
        train(tiny(**CURRICULUM), tmp_path / str(stop_at), pictures, stop_at=stop_at)
        network, _ = files.load_weights(tmp_path / str(stop_at) / "average.safetensors")
        assert network.config.iterations == iterations


def test_a_rollback_over_the_change_goes_back_to_the_earlier_config(pictures):
    state = start(tiny(**CURRICULUM))
    good = state.snapshot()
    change_config(state, "dcsc", replace(state.config, iterations=4))
    assert (state.config.iterations, state.network.config.iterations) == (4, 4)
    state.load_content(good)
    assert (state.config.iterations, state.network.config.iterations) == (2, 2)


def test_filters_that_a_phase_adds_begin_alike_in_the_weights_and_their_average(pictures, others, tmp_path):
    """And alike in a run that is validated, which builds networks, and in one that is not."""
    filters = [PHASE | {"config": {"iterations": 2, "filters": count}} for count in (4, 8)]
    recipe = tiny(**DCSC | {"phases": filters})
    state = start(recipe)
    change_config(state, "dcsc", recipe.build_config())
    for key, tensor in state.network.state_dict().items():
        assert torch.equal(tensor, state.average[key]), key
    often = {"validation": [others], "save_every": 0.0}
    whole = loop.train(recipe, settings(tmp_path / "validated", pictures, **often))
    assert_same(whole, train(recipe, tmp_path / "plain", pictures))


def test_a_network_that_grows_says_what_its_new_layers_begin_with(monkeypatch, pictures, tmp_path):
    """A third convolution begins as a copy of the second; moments of the others are kept, its own begin fresh."""

    def grow(tensors, old, new):
        assert (old.kernels, new.kernels) == ((3, 3, 3), (3, 3, 3, 3))
        names = {"layers.3.bias": "layers.2.bias", "layers.3.weight": "layers.2.weight"}
        copied = {key: tensors["layers.1" + key.removeprefix("layers.2")] for key in names.values()}
        return dict(tensors) | copied | {new: tensors[old] for new, old in names.items()}

    monkeypatch.setitem(models.NETWORKS, "arcnn", replace(models.find("arcnn"), grow=grow))
    base = {"deviation": 0.1}
    short, long = ({"kernels": [3] * n, "widths": [4] * (n - 1)} for n in (3, 4))
    recipe = tiny(config=base, phases=[PHASE | {"config": short}, PHASE | {"config": long}])
    state = train(recipe, tmp_path / "short", pictures, stop_at=4)
    before = {key: value.clone() for key, value in state.network.state_dict().items()}
    average = {key: value.clone() for key, value in state.average.items()}
    moments = {key: state.optimisers["network"].state[p] for key, p in state.network.named_parameters()}
    change_config(state, "arcnn", recipe.build_config())
    after = state.network.state_dict()
    origin = {"0": "0", "1": "1", "2": "1", "3": "2"}
    for key, value in after.items():
        _, layer, kind = key.split(".")
        assert torch.equal(value, before[f"layers.{origin[layer]}.{kind}"])
        assert torch.equal(state.average[key], average[f"layers.{origin[layer]}.{kind}"])
    found = {key: state.optimisers["network"].state.get(p) for key, p in state.network.named_parameters()}
    assert found["layers.3.weight"] is None
    assert found["layers.0.weight"] is moments["layers.0.weight"]


def test_weights_that_do_not_fit_the_next_phase_are_refused(pictures, tmp_path):
    phases = [PHASE, PHASE | {"config": {"widths": [5]}}]
    with pytest.raises(InvalidRecipe, match="do not fit"):
        train(tiny(phases=phases), tmp_path, pictures)


def test_phases_must_see_the_same_planes():
    with pytest.raises(InvalidRecipe, match="planes"):
        tiny(**DCSC, phases=[PHASE, PHASE | {"config": {"channels": 3}}])


def test_a_phase_with_a_rate_starts_a_course_of_its_own():
    phases = [PHASE | {"share": 0.5}, PHASE | {"share": 0.3, "rate": 5e-4}, PHASE | {"share": 0.2}]
    recipe = tiny(phases=phases, optimiser={"rate": 1e-3, "warmup": 0.0})
    expected = [
        (0.0, 0, 0.0, 1e-3),
        (0.25, 0, 0.5, 1e-3),
        (0.5, 1, 0.0, 5e-4),
        (0.75, 1, 0.5, 5e-4),
        (0.9, 2, 0.8, 5e-4),
    ]
    for share, index, course, rate in expected:
        part, found = recipe.part_at(share)
        assert part == recipe.phases[index]
        assert found == pytest.approx(course)
        assert recipe.rate_of(part) == rate
    part, course = recipe.part_at(0.5)
    assert rate_at(recipe.optimiser, course, rate=recipe.rate_of(part)) == 5e-4


def test_a_phase_that_equals_an_earlier_one_has_the_rate_of_its_own_schedule():
    phases = [PHASE | {"share": 0.3}, PHASE | {"share": 0.4, "rate": 1e-5}, PHASE | {"share": 0.3}]
    recipe = tiny(phases=phases, optimiser={"rate": 1e-3})
    part, course = recipe.part_at(0.85)
    assert (recipe.rate_of(part), course) == (1e-5, pytest.approx(0.55 / 0.7))


def test_the_optimiser_gets_the_rate_of_the_phase(pictures, tmp_path):
    phases = [PHASE, PHASE | {"rate": 7e-4}]
    state = train(tiny(phases=phases, optimiser={"rate": 1e-3, "warmup": 0.0}), tmp_path, pictures, stop_at=5)
    assert state.optimisers["network"].param_groups[0]["lr"] == pytest.approx(7e-4)


def test_the_header_names_the_phases(pictures, tmp_path):
    train(tiny(**CURRICULUM), tmp_path, pictures)
    with safe_open(tmp_path / "average.safetensors", "pt") as file:
        assert '"iterations": 2' in file.metadata()["recipe"]


SHORT = PHASE | {"share": 0.25}
OTHER = PHASE | {"config": {"deviation": 0.2}}
STAGE = {"auxiliary": "ranker", "share": 0.4, "crop": 16, "batch": 2, "config": {"widths": [4, 4]}}


@pytest.mark.parametrize(
    "changes, budget, message",
    [
        ({"phases": [OTHER, PHASE]}, 17, "go back from phase 2 to phase 1; give at most 16 steps"),
        ({"phases": [OTHER | {"share": 0.25}, SHORT, SHORT, SHORT]}, 33, "from phase 4 to phase 1; give at most 32"),
        ({"stages": [STAGE]}, 21, "go back from phase 1 to the stage ranker; give at most 20 steps"),
        ({"stages": [STAGE], "phases": [OTHER, PHASE]}, 12, "from phase 2 to phase 1; give at most 11 steps"),
    ],
    ids=["phase", "phases of one network", "stage", "both"],
)
def test_a_larger_budget_by_which_a_run_would_go_back_is_refused(pictures, tmp_path, changes, budget, message):
    train(tiny(**changes), tmp_path, pictures)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(InvalidRecipe, match=message):
        train(tiny(**changes, steps=budget), tmp_path, pictures, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert train(tiny(**changes, steps=budget - 1), tmp_path, pictures, resume=True).step == budget - 1


def test_an_earlier_checkpoint_goes_back_to_no_stage(pictures, tmp_path):
    """It does not state the phase that it reached, but that the network was trained."""
    changes = {"stages": [STAGE], "phases": [PHASE, PHASE]}
    train(tiny(**changes), tmp_path, pictures)
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["counters"]["place"]
    torch.save(content, tmp_path / "checkpoint.pt")
    start(tiny(**changes, steps=20), checkpoint=tmp_path / "checkpoint.pt")
    with pytest.raises(InvalidRecipe, match="go back from phase 1 to the stage ranker; give at most 20 steps"):
        train(tiny(**changes, steps=21), tmp_path, pictures, resume=True)
    assert train(tiny(**changes, steps=20), tmp_path, pictures, resume=True).step == 20
