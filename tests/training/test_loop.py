"""The loop: exact resume, rollback, warm start, clean stop, schedule."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.training.conftest import settings, tiny

from jpegmend.errors import InvalidRecipe, JpegmendError, WeightsDamaged, WeightsMissing
from jpegmend.training import loop, meter, saving, steps
from jpegmend.training.building import start
from jpegmend.training.recipe import Optimiser
from jpegmend.training.schedule import rate_at


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def stop_after(monkeypatch, steps):
    """Sends this process SIGTERM once that many steps are done."""
    real = loop.step

    def step(run):
        loss = real(run)
        if run.state.step == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss

    monkeypatch.setattr(loop, "step", step)


STAGE = {"auxiliary": "ranker", "share": 0.4, "crop": 16, "batch": 2, "config": {"widths": [4, 4]}}
GUIDED = [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"mae": 1.0, "quality_score": 0.1}}]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulate": 2},
        {"network": "dncnn", "config": {"depth": 3, "width": 4}},
        {"stages": [STAGE], "phases": GUIDED},
    ],
    ids=["plain", "accumulated", "normalised", "staged"],
)
@pytest.mark.parametrize("stopped_at", [2, 5])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(pictures, tmp_path, monkeypatch, changes, stopped_at):
    recipe = tiny(**changes)
    whole = loop.train(recipe, settings(tmp_path / "whole", pictures))
    with monkeypatch.context() as patched:
        stop_after(patched, stopped_at)
        first = loop.train(recipe, settings(tmp_path / "parts", pictures))
    assert first.step == stopped_at
    assert log_of(tmp_path / "parts")[-1]["stopped"] is True
    second = loop.train(recipe, settings(tmp_path / "parts", pictures, resume=True))
    assert second.step == whole.step == 8
    assert same(whole.network.state_dict(), second.network.state_dict())
    assert same(whole.average, second.average)
    assert (tmp_path / "whole/average.safetensors").stat().st_size > 0


def test_a_signal_handler_is_put_back(pictures, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    stop_after(monkeypatch, 1)
    loop.train(tiny(), settings(tmp_path, pictures))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_pause_does_not_count(monkeypatch):
    times = iter([100.0, 103.0, 110.0, 111.0])
    monkeypatch.setattr(meter, "time", SimpleNamespace(monotonic=lambda: next(times)))  # other threads keep theirs
    watch = meter.Meter()  # at 100
    assert watch.clock(50.0) == 53.0  # at 103
    assert watch.clock(53.0, resumed=108.0) == 55.0  # at 110, paused from about 104 to 108
    assert watch.clock(55.0, resumed=108.0) == 56.0  # at 111: that pause is over


@pytest.mark.skipif(not hasattr(signal, "SIGCONT"), reason="Windows has no pauses by signals")
def test_the_end_of_a_pause_is_noticed(pictures, tmp_path, monkeypatch):
    """SIGCONT ends a pause by Ctrl-Z or SIGSTOP; a process that runs may get it too."""
    real, before, seen = loop.step, signal.getsignal(signal.SIGCONT), []

    def step(run):
        loss = real(run)
        os.kill(os.getpid(), signal.SIGCONT)
        return loss

    monkeypatch.setattr(loop, "step", step)
    monkeypatch.setattr(meter.Meter, "clock", lambda self, seconds, resumed: seen.append(resumed) or seconds)
    began = time.monotonic()
    loop.train(tiny(steps=2), settings(tmp_path, pictures))
    assert began < seen[0] < seen[1]
    assert signal.getsignal(signal.SIGCONT) is before


def spoil(monkeypatch, at):
    """Makes the loss NaN once, in the step after that many; returns a list that then has an element."""
    real, spoiled = steps.batch_loss, []

    def batch_loss(run, *rest):
        loss = real(run, *rest)
        if run.state.step == at and not spoiled:
            spoiled.append(run.state.step)
            return loss * torch.nan
        return loss

    monkeypatch.setattr(steps, "batch_loss", batch_loss)
    return spoiled


def test_a_loss_that_is_no_number_rolls_back_and_the_run_goes_on(pictures, tmp_path, monkeypatch):
    spoiled = spoil(monkeypatch, 5)
    state = loop.train(tiny(), settings(tmp_path, pictures))
    assert (spoiled, state.rollbacks, state.step) == ([5], 1, 8)
    assert all(torch.isfinite(tensor).all() for tensor in state.network.state_dict().values())


def test_a_loss_that_is_no_number_since_the_last_check_rolls_back_before_the_end(pictures, tmp_path, monkeypatch):
    """On a GPU the loss is not looked at in every step."""
    monkeypatch.setitem(loop._WATCH, "cpu", 20)
    spoiled = spoil(monkeypatch, 5)
    state = loop.train(tiny(), settings(tmp_path, pictures))
    assert (spoiled, state.rollbacks, state.step) == ([5], 1, 8)
    assert log_of(tmp_path)[-1]["step"] == 8


def test_a_rollback_keeps_the_best_weights(pictures, others, tmp_path, monkeypatch):
    """The validation before it had the highest gain: later ones do not replace its weights."""
    spoil(monkeypatch, 5)
    gains = iter([3.0])
    monkeypatch.setattr(saving, "validate", lambda run, weights: {"gain_10": next(gains, 1.0)})
    monkeypatch.setattr(saving.Saver, "_is_due", lambda self: True)
    state = loop.train(tiny(), settings(tmp_path, pictures, validation=[others], save_every=0.0))
    assert (state.rollbacks, state.best) == (1, 3.0)


def test_a_rollback_in_the_last_step_leaves_what_was_learnt_before_it(pictures, tmp_path, monkeypatch):
    spoil(monkeypatch, 5)
    monkeypatch.setattr(loop, "_SNAPSHOT", 1)
    monkeypatch.setattr(meter.Meter, "clock", lambda self, seconds, resumed: seconds + 1)
    state = loop.train(tiny(steps=None, minutes=0.1), settings(tmp_path, pictures))
    assert (state.rollbacks, state.step) == (1, 5)
    (line,) = log_of(tmp_path)
    assert line["step"] == 5
    assert "loss" not in line
    assert (tmp_path / "average.safetensors").exists()


def test_a_run_that_never_recovers_says_so(pictures, tmp_path, monkeypatch):
    real = steps.batch_loss
    monkeypatch.setattr(steps, "batch_loss", lambda *given: real(*given) * torch.nan)
    with pytest.raises(JpegmendError, match=r"optimiser\.rate"):
        loop.train(tiny(), settings(tmp_path, pictures))


def test_training_learns_validates_and_logs(pictures, others, tmp_path):
    recipe = tiny(steps=24, ema=0.5, optimiser={"rate": 2e-2}, seed=1)
    loop.train(recipe, settings(tmp_path, pictures, validation=[others], save_every=0.0))
    lines = log_of(tmp_path)
    assert [line["step"] for line in lines[:3]] == [1, 2, 3]
    assert lines[-1]["psnr_10"] > lines[0]["psnr_10"] + 3
    assert {"loss", "minutes", "share", "pixels_a_second", "gain_40"} <= lines[-1].keys()
    assert (tmp_path / "best.safetensors").exists()


def test_a_warm_start_begins_with_the_weights_given(pictures, tmp_path):
    trained = loop.train(tiny(), settings(tmp_path / "a", pictures))
    again = start(tiny(), warm_start=tmp_path / "a/average.safetensors")
    for key, tensor in trained.average.items():
        assert torch.equal(tensor.half().float(), again.network.state_dict()[key])
    other = tiny(config={"kernels": [3, 3], "widths": [5]})
    with pytest.raises(InvalidRecipe, match="does not fit"):
        start(other, warm_start=tmp_path / "a/average.safetensors")


def test_a_warm_start_may_take_only_what_fits(pictures, tmp_path):
    """Kernels of another depth: the first layer of both is the same, the rest begins as without the weights."""
    weights = tmp_path / "a/average.safetensors"
    trained = loop.train(tiny(), settings(tmp_path / "a", pictures)).average
    deeper = tiny(config={"kernels": [3, 5, 3], "widths": [4, 2]})
    fresh = start(deeper).network.state_dict()
    begun = start(deeper, warm_start=weights, partly=True)
    for key, tensor in begun.network.state_dict().items():
        fits = key in trained and trained[key].shape == tensor.shape
        assert torch.equal(tensor, trained[key].half().float() if fits else fresh[key]), key
    assert begun.earlier_steps == 8
    with pytest.raises(InvalidRecipe, match="has no tensor"):
        other = tiny(config={"kernels": [5, 5], "widths": [5], "channels": 3})
        start(other, warm_start=weights, partly=True)


def test_a_minutes_budget_ends_and_a_short_one_is_said(pictures, tmp_path, capsys, monkeypatch):
    real = loop.step
    # On a fast machine more than a hundred steps of so small a network would fit into the budget.
    monkeypatch.setattr(loop, "step", lambda run: time.sleep(0.01) or real(run))
    state = loop.train(tiny(steps=None, minutes=0.005), settings(tmp_path, pictures))
    assert state.step > 0
    assert state.seconds >= 0.3
    assert "too few to learn much" in " ".join("".join(capsys.readouterr()).split())


def test_what_cannot_be_resumed_or_recomputed_is_said(pictures, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(WeightsMissing, match=r"no run in .*without --resume"):
        loop.train(tiny(), settings(run, pictures, resume=True))
    with pytest.raises(WeightsMissing, match="mend-x is no file"):
        loop.train(tiny(), settings(run, pictures, warm_start=Path("mend-x")))
    with pytest.raises(InvalidRecipe, match=r"rates: no parameter begins with 'scalars'; the network has layers"):
        loop.train(tiny(optimiser={"rates": {"scalars": 100}}), settings(run, pictures))
    assert not run.exists()
    run.mkdir()
    (run / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsDamaged, match="no checkpoint, or damaged"):
        loop.train(tiny(), settings(run, pictures, resume=True))
    with pytest.raises(InvalidRecipe, match="recompute"):
        start(tiny(recompute=True))


def test_recomputing_changes_no_weight(pictures, tmp_path):
    config = {"features": 4, "filters": 4, "iterations": 4}
    plain, saving = (
        loop.train(tiny(network="dcsc", config=config, steps=2, recompute=on), settings(tmp_path / str(on), pictures))
        for on in (False, True)
    )
    for key, tensor in plain.average.items():
        assert torch.allclose(tensor, saving.average[key], atol=1e-6)


def test_parameters_may_have_rates_of_their_own():
    state = start(tiny(optimiser={"rate": 1e-3, "rates": {"layers.1": 10}}))
    groups = state.optimisers["network"].param_groups
    assert [(group["factor"], len(group["params"])) for group in groups] == [(1.0, 2), (10.0, 2)]


@pytest.mark.parametrize(
    ("schedule", "share", "expected"),
    [
        ("cosine", 0.0, 0.0),
        ("cosine", 0.05, 0.5 * (0.1 + 0.9 * 0.99384)),
        ("cosine", 0.5, 0.1 + 0.9 * 0.5),
        ("cosine", 1.0, 0.1),
        ("constant-then-decay", 0.8, 1.0),
        ("constant-then-decay", 0.9, 0.1 + 0.9 * 0.5),
        ("halving", 0.19, 1.0),
        ("halving", 0.21, 0.5),
        ("halving", 1.0, 0.0625),
    ],
)
def test_the_rate_follows_the_share_of_the_budget(schedule, share, expected):
    optimiser = Optimiser(rate=1.0, schedule=schedule, warmup=0.1, final=0.1)
    assert rate_at(optimiser, share) == pytest.approx(expected, abs=1e-4)


def test_a_warm_start_always_has_a_rise():
    optimiser = Optimiser(rate=1.0, warmup=0.0)
    assert rate_at(optimiser, 0.0) == 1.0
    assert rate_at(optimiser, 0.0, warm=True) == 0.0


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile writes C++")
# Importing the compiler makes torch warn of its own older parts.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_run_takes_the_same_course(pictures, tmp_path):
    network = {"network": "dncnn", "config": {"depth": 2, "width": 4}, "steps": 3}
    plain = loop.train(tiny(**network), settings(tmp_path / "plain", pictures))
    compiled = loop.train(tiny(**network, compile=True), settings(tmp_path / "compiled", pictures))
    assert hasattr(compiled.runners["network"], "_orig_mod")
    for key, value in plain.network.state_dict().items():
        torch.testing.assert_close(compiled.network.state_dict()[key], value, atol=1e-4, rtol=1e-3)


def test_without_a_compiler_a_run_goes_on_and_says_so(pictures, tmp_path, monkeypatch):
    # Another compiler than the one that torch asks for does not help.
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "g++" else f"/usr/bin/{name}")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler"):
        state = loop.train(tiny(compile=True), settings(tmp_path, pictures))
    assert state.step == 8


def test_tensorboard_reads_what_a_run_wrote(pictures, others, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    loop.train(tiny(), settings(tmp_path, pictures, validation=[others]))
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    line = log_of(tmp_path)[-1]
    for name in ("loss", "gain_10", "psnr_40"):
        (event,) = events.Scalars(name)
        assert event.step == 8
        assert event.value == pytest.approx(line[name], rel=1e-6)
