"""A resumed run: what it takes from its checkpoint, also from an earlier one, and what from the recipe at hand."""

import pytest
import torch
from tests.training.conftest import settings, tiny

from jpegmend.training import loop, saving
from jpegmend.training.building import start


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_a_resumed_run_takes_the_settings_of_its_optimiser_from_the_recipe(pictures, tmp_path, kind):
    shape = {"config": {"kernels": [3, 3, 3], "widths": [16, 16]}, "steps": 2}
    before = {"kind": kind, "rates": {"layers.0": 100}}
    loop.train(tiny(**shape, optimiser=before), settings(tmp_path, pictures))
    after = {"kind": kind, "rates": {"layers.0": 50}, "betas": [0.8, 0.9], "decay": 0.1, "momentum": 0.5}
    resumed = start(tiny(**shape, optimiser=after), checkpoint=tmp_path / "checkpoint.pt").optimisers["network"]
    fresh = start(tiny(**shape, optimiser=after)).optimisers["network"]
    for group, wanted in zip(resumed.param_groups, fresh.param_groups, strict=True):
        assert {key: group[key] for key in wanted if key != "params"} == {
            key: value for key, value in wanted.items() if key != "params"
        }
    assert len(resumed.state) == 6
    counts = [group["step"] for group in resumed.param_groups if "step" in group]
    assert counts == ([2] * 3 if kind == "muon" else [])


def test_a_checkpoint_that_names_no_groups_of_parameters_is_resumed(pictures, tmp_path):
    loop.train(tiny(steps=2), settings(tmp_path, pictures))
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["groups"]
    torch.save(content, tmp_path / "checkpoint.pt")
    assert loop.train(tiny(steps=4), settings(tmp_path, pictures, resume=True)).step == 4


def test_a_run_that_has_spent_its_budget_says_so(pictures, tmp_path, capsys):
    loop.train(tiny(steps=2), settings(tmp_path, pictures))
    assert "spent" not in "".join(capsys.readouterr())
    assert loop.train(tiny(steps=2), settings(tmp_path, pictures, resume=True)).step == 2
    assert "the budget of this run is spent" in " ".join("".join(capsys.readouterr()).split())


@pytest.mark.parametrize("changed", [{}, {"qualities": [50]}, {"pictures": 1}], ids=["same", "qualities", "pictures"])
def test_the_best_weights_are_those_of_the_validation_at_hand(pictures, others, tmp_path, monkeypatch, changed):
    """A score on other pictures, or at other qualities, is no reason to keep earlier weights."""
    monkeypatch.setattr(saving, "validate", lambda run, weights: {"gain_10": 3.0 if run.state.step == 2 else 1.0})
    loop.train(tiny(steps=2), settings(tmp_path, pictures, validation=[others]))
    first = (tmp_path / "best.safetensors").read_bytes()
    recipe = tiny(steps=4, validation=changed)
    state = loop.train(recipe, settings(tmp_path, pictures, validation=[others], resume=True))
    assert state.best == (1.0 if changed else 3.0)
    assert ((tmp_path / "best.safetensors").read_bytes() != first) == bool(changed)
    again = start(recipe, checkpoint=tmp_path / "checkpoint.pt")
    assert (again.best, again.best_on) == (state.best, state.best_on)


def test_the_best_score_of_an_earlier_checkpoint_holds(pictures, others, tmp_path, monkeypatch):
    """It does not state what it was measured on."""
    monkeypatch.setattr(saving, "validate", lambda run, weights: {"gain_10": 3.0 if run.state.step == 2 else 1.0})
    loop.train(tiny(steps=2), settings(tmp_path, pictures, validation=[others]))
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del content["counters"]["best_on"]
    torch.save(content, tmp_path / "checkpoint.pt")
    state = loop.train(tiny(steps=4), settings(tmp_path, pictures, validation=[others], resume=True))
    assert state.best == 3.0
    assert state.best_on
