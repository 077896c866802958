"""Training loop: steps until the budget is spent or a stop is requested, with saves and rollbacks."""

from __future__ import annotations

import contextlib
from typing import Any

from jpegmend.errors import JpegmendError
from jpegmend.training.checkpoint import State
from jpegmend.training.cpu import cpu_settings
from jpegmend.training.distributed import ProcessGroup
from jpegmend.training.folder import RunFolder, hold
from jpegmend.training.meter import Meter
from jpegmend.training.recipe import Recipe
from jpegmend.training.reports import Reports
from jpegmend.training.run import Run, RunSettings, open_run
from jpegmend.training.saving import Saver
from jpegmend.training.silent_units import revive
from jpegmend.training.steps import step
from jpegmend.training.stopping import Request, stop_requests

_WATCH = {"cpu": 1, "cuda": 20}
"""Steps between two checks of the loss; on a GPU a check waits for the device."""
_SNAPSHOT = 200
"""Steps between two snapshots for rollbacks."""
_PATIENCE = 10
"""Number of rollbacks after which a run fails."""
_FEW = 100
"""Number of steps below which there is a warning that the budget is short."""


def train(recipe: Recipe, settings: RunSettings, group: ProcessGroup | None = None) -> State:
    """Train by the recipe until its budget is spent or SIGINT or SIGTERM arrives; everything is saved in both cases.

    On a CPU it changes process settings until it ends: see :func:`jpegmend.training.cpu.cpu_settings`.
    """
    on_cpu, group = settings.device.startswith("cpu"), group or ProcessGroup()
    holding = hold(settings.folder) if group.is_main else contextlib.nullcontext()
    # Held before the checkpoint is read, which a run that is ending may still write.
    with cpu_settings() if on_cpu else contextlib.nullcontext(), holding as folder:
        run = open_run(recipe, settings, group)
        reports = Reports(settings.folder, name=recipe.name, leads=run.group.is_main, bar=settings.bar)
        with stop_requests() as request, reports:
            if recipe.revive and settings.warm_start:
                revived = ", ".join(revive(run)) or "none"
                reports.note(f"silent units that were given fresh weights: {revived}")
            for words in run.unused:
                reports.note(words)
            if run.left_out:
                reports.note(f"pictures left out of the validation because they are too small: {run.left_out}")
            if run.share() >= 1:
                reports.note("the budget of this run is spent: give more --minutes, or --set steps, to go on with it")
            _loop(run, reports, request, folder, watch=_WATCH["cpu" if on_cpu else "cuda"])
    return run.state


def _loop(run: Run, reports: Reports, request: Request, folder: RunFolder | None, watch: int) -> None:
    """Run the steps; check the loss every ``watch`` steps, and after the last one."""
    recipe, state = run.recipe, run.state
    good, meter, stopped, saver = state.snapshot(), Meter(), False, Saver(run, reports, folder)
    while (share := run.share()) < 1 and not stopped:
        meter.add(step(run), recipe, share, run.group)
        spent = meter.clock(state.seconds, request.resumed)
        state.seconds, asked = run.group.broadcast(spent, float(request.made))
        stopped = bool(asked)
        if recipe.minutes and share < 0.1 <= run.share() and (steps := state.step / run.share()) < _FEW:
            reports.note(
                f"steps that fit into the {recipe.minutes:g} minutes: about {steps:.0f}, too few to learn much"
            )
        ends = stopped or run.share() >= 1
        if state.step % watch == 0 or ends:
            if not meter.is_finite():
                _roll_back(state, good, reports)
                meter = Meter()
                continue
            reports.progress(share, meter.loss(), meter.speed(), meter.left(recipe, state))
            if state.step % _SNAPSHOT == 0:
                good = state.snapshot()
        if meter.age() > run.settings.save_every and meter.is_finite() and not ends:
            saver.save(meter.facts(share))
            meter = Meter()
    # After a rollback in the last step the meter is empty, and the steps up to it may not be saved.
    if (meter.count or stopped or state.step > saver.saved) and meter.is_finite():
        facts = meter.facts(min(1.0, run.share())) | ({"stopped": True} if stopped else {})
        saver.save(facts, last=not stopped)


def _roll_back(state: State, good: dict[str, Any], reports: Reports) -> None:
    """Reset the run to the last good state; the following steps draw other crops."""
    # The best weights lie in a file, which stays.
    rollbacks, seconds, best = state.rollbacks + 1, state.seconds, (state.best, state.best_on)
    reports.note(f"step {state.step}: the loss is not finite; back to step {good['counters']['step']}")
    state.load_content(good)
    state.rollbacks, state.seconds, (state.best, state.best_on) = rollbacks, seconds, best
    if rollbacks > _PATIENCE:
        raise JpegmendError(
            f"the loss was not finite {rollbacks} times; lower optimiser.rate or optimiser.clip, or use float32"
        )
