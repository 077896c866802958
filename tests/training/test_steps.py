"""One training step: every setting of a recipe has its effect."""

import random

import pytest
import torch
from tests.training.conftest import tiny
from torch import nn

from jpegmend.data import codec
from jpegmend.data.degradation import degrade
from jpegmend.models.contract import Estimate
from jpegmend.training import loop, steps
from jpegmend.training.run import RunSettings, open_run

MEND = {"network": "mend", "config": {"widths": [4], "blocks": [1], "embedding": 4}}
COLOUR = {"degradation": {"sampling": {"420": 1.0}, "qualities": [[10, 10, 1.0]]}}


def prepare(recipe, folder, pictures, answer=None):
    """A run whose next step trains the network; ``answer`` takes the network's place."""
    run = open_run(recipe, RunSettings(folder=folder, data=[pictures]))
    steps.set_trainable(run, "network")
    if answer:
        run.state.runners["network"] = lambda seen, collect=False: Estimate(answer(seen.planes))
    return run


def loss_of(run):
    """The loss of one batch, and what the network was shown and should have answered."""
    clean = run.pictures.crops(2, 32, random.Random(5))
    loss = float(steps.batch_loss(run, run.recipe.phases[0], clean, random.Random(7)))
    return (loss, *degrade(clean, run.recipe.degradation, random.Random(7)))


def test_the_average_follows_the_weights_by_its_decay(pictures, tmp_path):
    """By hand: a_n = d a_(n-1) + (1 - d) w_n with d = min(ema, (1 + n) / (10 + n)), 0 at the first step."""
    run = prepare(tiny(ema=0.15, optimiser={"rate": 1e-2, "warmup": 0.0}), tmp_path, pictures)
    expected = {}
    for n, decay in enumerate((0.0, 0.15, 0.15, 0.15)):
        steps.step(run)
        assert decay == (min(0.15, (1 + n) / (10 + n)) if n else 0.0)
        weights = run.state.network.state_dict()
        expected = {key: decay * expected.get(key, value) + (1 - decay) * value for key, value in weights.items()}
    for key, value in expected.items():
        torch.testing.assert_close(run.state.average[key], value)
        assert not torch.allclose(run.state.average[key], weights[key], atol=1e-5)


@pytest.mark.parametrize("clip", [1e-3, 0.0])
def test_the_gradient_is_clipped_where_a_limit_is_given(pictures, tmp_path, clip):
    run = prepare(tiny(optimiser={"rate": 1e-3, "clip": clip}), tmp_path, pictures)
    steps.step(run)
    norm = float(torch.stack([p.grad.norm() for p in run.state.network.parameters()]).norm())
    assert norm == pytest.approx(clip, rel=1e-3) if clip else norm > 0.05


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_chroma_counts_by_its_weight(pictures, tmp_path, weight):
    phases = [{"share": 1.0, "crop": 32, "batch": 2, "losses": {"mse": 1.0}}]
    recipe = tiny(**MEND, **COLOUR, phases=phases, chroma_weight=weight)
    loss, seen, truth = loss_of(prepare(recipe, tmp_path, pictures, lambda planes: planes + 0.1))
    y, cb, cr = (seen.planes + 0.1 - truth).square().mean((0, 2, 3)).tolist()
    assert loss == pytest.approx((y + weight * (cb + cr)) / (1 + 2 * weight), rel=1e-5)


@pytest.mark.parametrize("project", [False, True])
def test_projection_brings_luma_into_its_cells_before_the_loss(pictures, tmp_path, project):
    phases = [{"share": 1.0, "crop": 32, "batch": 2, "losses": {"mse": 1.0}}]
    recipe = tiny(**MEND, **COLOUR, phases=phases, chroma_weight=0.0, project=project)
    loss, seen, truth = loss_of(prepare(recipe, tmp_path, pictures, lambda planes: planes + 0.3))
    moved = codec.into_cells(seen.planes[:, :1] + 0.3, seen.planes[:, :1], seen.tables[:, 0])
    expected = moved if project else seen.planes[:, :1] + 0.3
    assert loss == pytest.approx(float((expected - truth[:, :1]).square().mean()), rel=1e-5)
    assert float((moved - seen.planes[:, :1]).mean()) < 0.1


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_network_computes_in_the_precision_of_the_recipe(pictures, tmp_path, precision, expected):
    layer, found = nn.Conv2d(1, 1, 1), []

    def answer(planes):
        found.append(layer(planes).dtype)
        return planes

    loss_of(prepare(tiny(precision=precision), tmp_path, pictures, answer))
    assert found == [expected]


def test_crops_at_any_phase_are_cut_from_larger_compressed_pictures(pictures, tmp_path):
    """Steps at the borders of blocks lie at other columns than multiples of 8, and picture and truth fit together."""
    shown = []

    def answer(planes):
        shown.append(planes)
        return planes

    recipe = tiny(degradation={"qualities": [[1, 1, 1.0]], "phase": "any"})
    run = prepare(recipe, tmp_path, pictures, answer)
    clean = run.pictures.crops(12, 32, random.Random(1))
    loss = float(steps.batch_loss(run, run.recipe.phases[0], clean, random.Random(2)))
    assert shown[0].shape == (12, 1, 16, 16)
    columns = set()
    for picture in shown[0][:, 0]:
        # At quality 1 most blocks are flat: only their borders have differences in all rows.
        differences = picture.diff(dim=1).abs().mean(0)
        columns |= {int(differences.argmax()) % 8}
    assert len(columns) > 3
    aligned = prepare(tiny(degradation={"qualities": [[1, 1, 1.0]]}), tmp_path, pictures, answer)
    expected = float(steps.batch_loss(aligned, aligned.recipe.phases[0], clean, random.Random(2)))
    assert loss == pytest.approx(expected, rel=0.5)


def test_a_step_draws_larger_crops_for_any_phase(pictures, tmp_path):
    run = prepare(tiny(degradation={"phase": "any"}), tmp_path, pictures)
    assert torch.isfinite(steps.step(run))


def test_a_short_budget_is_said_to_be_short(pictures, tmp_path, monkeypatch, capsys):
    real = loop.step

    def slow(run):
        run.state.seconds += 0.5
        return real(run)

    monkeypatch.setattr(loop, "step", slow)
    loop.train(tiny(steps=None, minutes=0.25), RunSettings(folder=tmp_path, data=[pictures]))
    assert "steps that fit into the 0.25 minutes: about" in capsys.readouterr().out
