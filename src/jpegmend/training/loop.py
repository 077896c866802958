"""The training loop: one recipe in, a folder with checkpoints, averaged weights and a log out."""

from __future__ import annotations

import os
import random
import shutil
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend import models
from jpegmend.data.codec import into_cells
from jpegmend.data.degradation import degrade
from jpegmend.data.pictures import Pictures
from jpegmend.errors import InvalidRecipe, JpegmendError
from jpegmend.models import files
from jpegmend.models.contract import Observation, Planes
from jpegmend.training import losses, validation
from jpegmend.training.allocator import keep_freed_memory
from jpegmend.training.auxiliary import AUXILIARIES, Crops
from jpegmend.training.building import MEMORY_FORMAT, change_config, start
from jpegmend.training.checkpoint import State
from jpegmend.training.meter import Meter
from jpegmend.training.recipe import Phase, Recipe, Stage, build_config
from jpegmend.training.reports import Reports
from jpegmend.training.schedule import rate_at
from jpegmend.training.stopping import stop_requests
from jpegmend.training.team import Team
from jpegmend.training.views import view

_WATCH = {"cpu": 1, "cuda": 20}
"""Every how many steps the loss is looked at; on a GPU a look waits for the device."""
_SNAPSHOT = 200
"""Every how many steps a state to go back to is kept."""
_PATIENCE = 10
"""Rollbacks before a run gives up."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run reads and writes, and on what it runs."""

    folder: Path
    data: list[Path]
    shares: list[float] | None = None
    """How often crops come from each of ``data``; by size where None."""
    validation: list[Path] = field(default_factory=list)
    device: str = "cpu"
    resume: bool = False
    warm_start: Path | None = None
    """A weights file to begin from."""
    partly: bool = False
    """Whether the weights may be those of another shape of the network: tensors that fit are taken."""
    save_every: float = 180.0
    """Seconds between checkpoints."""
    bar: bool = False
    """Whether to show progress."""


def used(recipe: Recipe, state: State) -> float:
    """Share of the budget spent, 0..1."""
    if recipe.steps:
        return state.step / recipe.steps
    assert recipe.minutes is not None
    return state.seconds / (60 * recipe.minutes)


def enter(recipe: Recipe, state: State, part: Phase | Stage) -> None:
    """Give the network the config of a stage or phase, where another one begins."""
    if state.part is part:
        return
    config = recipe.config_at(part)
    if config != state.config:
        change_config(state, recipe.network, config)
    state.part = part


def attend(recipe: Recipe, state: State, team: Team, name: str, device: str) -> None:
    """Unfreeze the network that is trained and freeze the others, those inside it included."""
    if state.attended == name:
        return
    for other, network in state.networks.items():
        network.train(other == name).requires_grad_(other == name)
    runner: Any = team.wrap(state.networks[name])
    if recipe.compile and _can_compile(device):
        runner = torch.compile(runner, dynamic=False)
    state.runners[name], state.attended = runner, name


def _can_compile(device: str) -> bool:
    """Whether ``torch.compile`` works there: on a CPU it writes C++ and needs the compiler that it looks for."""
    if not device.startswith("cpu"):
        return device.startswith("cuda")
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(os.environ.get("CXX", usual)):
        return True
    warnings.warn("compile: no C++ compiler was found; the run goes on without, slower", stacklevel=2)
    return False


def step(recipe: Recipe, place: Place, state: State, pictures: Pictures, share: float, team: Team) -> Tensor:
    """Draw the batches, move the weights once, and return the loss; NaN where it or the gradient is not finite."""
    part, course = recipe.part_at(share)
    name = part.auxiliary if isinstance(part, Stage) else "network"
    enter(recipe, state, part)
    attend(recipe, state, team, name, place.device)
    runner, optimiser = state.runners[name], state.optimisers[name]
    if isinstance(part, Stage):
        rate = part.rate
    else:
        rate = rate_at(recipe.optimiser, course, rate=recipe.rate_of(part), warm=state.earlier_steps > 0)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
    optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=place.device)
    for turn in range(recipe.accumulate):
        stream = team.rank * recipe.accumulate + turn
        rng = random.Random(f"{recipe.seed} {state.step} {state.rollbacks} {stream}")
        clean = pictures.crops(part.batch, part.crop, rng)
        with team.syncing(runner, turn == recipe.accumulate - 1):
            loss = loss_of(recipe, part, state, runner, clean, rng) / recipe.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    norm = nn.utils.clip_grad_norm_(state.networks[name].parameters(), recipe.optimiser.clip)
    optimiser.step()
    state.step += 1
    if name == "network":
        _follow(state, recipe.ema)
    return team.mean(torch.where(torch.isfinite(norm), total, torch.nan))


def loss_of(
    recipe: Recipe, part: Phase | Stage, state: State, runner: Any, clean: Tensor, rng: random.Random
) -> Tensor:
    """The loss of one batch ``clean [B, 3, H, W]`` uint8, of whichever network ``part`` trains."""
    kind = models.find(recipe.network).planes(state.config)
    autocast = torch.autocast(clean.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")
    if isinstance(part, Stage):
        crops = Crops(clean, kind, rng.random())
        return AUXILIARIES[part.auxiliary].loss(state.networks[part.auxiliary], runner, crops, recipe.degradation, rng)
    seen, truth, planes = view(kind, *degrade(clean, recipe.degradation, rng), recipe.chroma_weight)
    seen = seen._replace(planes=seen.planes.contiguous(memory_format=MEMORY_FORMAT))
    with autocast:
        estimate = runner(seen, collect=not losses.NEEDS_TRACES.isdisjoint(part.losses))
    traces = {key: tuple(t.float() for t in value) for key, value in estimate.traces.items()}
    estimate = estimate._replace(planes=estimate.planes.float(), traces=traces)
    if recipe.project:
        estimate = estimate._replace(planes=_projected(kind, estimate.planes, seen))
    return losses.total(part.losses, losses.Answer(estimate, seen, truth, planes, state.networks))


def _projected(kind: Planes, planes: Tensor, seen: Observation) -> Tensor:
    """The restored planes with luma in its cells."""
    if kind == "rgb":
        raise InvalidRecipe("project: the network answers RGB, the file's cells are those of luma; leave it out")
    luma = into_cells(planes[:, :1], seen.planes[:, :1], seen.tables[:, 0])
    return torch.cat([luma, planes[:, 1:]], 1)


@torch.no_grad()
def _follow(state: State, decay: float) -> None:
    """Move the running average towards the weights; early on it follows faster, so that it forgets the start."""
    decay = min(decay, (1 + state.moves) / (10 + state.moves)) if state.moves else 0.0
    state.moves += 1
    current = state.network.state_dict()
    floats = [name for name, tensor in current.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([state.average[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name in current.keys() - set(floats):
        state.average[name].copy_(current[name])


def train(recipe: Recipe, place: Place, team: Team | None = None) -> State:
    """Run the recipe to the end of its budget, or until somebody asks it to stop; everything is saved either way."""
    team = team or Team()
    if place.device.startswith("cpu"):
        keep_freed_memory()
    place.folder.mkdir(parents=True, exist_ok=True)
    pictures = Pictures.load(
        place.data,
        device=place.device,
        sizes=recipe.build_sizes(),
        shares=place.shares,
        candidates=recipe.candidates,
    )
    state = start(
        recipe,
        device=place.device,
        warm_start=place.warm_start,
        partly=place.partly,
        checkpoint=place.folder / "checkpoint.pt" if place.resume else None,
    )
    watch = _WATCH["cuda" if place.device.startswith("cuda") else "cpu"]
    reports = Reports(place.folder, name=recipe.name, leads=team.leads, bar=place.bar)
    with stop_requests() as request, reports:
        good, meter, stopped = state.snapshot(), Meter(), False
        while (share := used(recipe, state)) < 1 and not stopped:
            meter.add(step(recipe, place, state, pictures, share, team), recipe, share, team)
            state.seconds, asked = team.agree(meter.clock(state.seconds), float(request.made))
            stopped = bool(asked)
            if state.step % watch == 0 or stopped:
                if not meter.sound():
                    _roll_back(state, good, reports)
                    meter = Meter()
                    continue
                reports.progress(share, meter.loss(), meter.speed(), meter.left(recipe, state))
                if state.step % _SNAPSHOT == 0:
                    good = state.snapshot()
            if meter.age() > place.save_every and meter.sound() and not stopped:
                keep(recipe, place, state, reports, team, meter.facts(share))
                meter = Meter()
        if (meter.count or stopped) and meter.sound():
            facts = {"stopped": True} if stopped else {}
            keep(recipe, place, state, reports, team, meter.facts(min(1.0, used(recipe, state))) | facts)
    return state


def _roll_back(state: State, good: dict[str, Any], reports: Reports) -> None:
    """Go back to the last good state; the steps from there draw other crops."""
    rollbacks, seconds = state.rollbacks + 1, state.seconds
    reports.note(f"step {state.step}: the loss is no number; back to step {good['counters']['step']}")
    state.adopt(good)
    state.rollbacks, state.seconds = rollbacks, seconds
    if rollbacks > _PATIENCE:
        raise JpegmendError(
            f"the loss became no number {rollbacks} times; lower optimiser.rate or optimiser.clip, or use float32"
        )


def keep(recipe: Recipe, place: Place, state: State, reports: Reports, team: Team, facts: dict[str, Any]) -> None:
    """Write the checkpoint and the averaged weights, validate, and add one line to the log."""
    if not team.leads:
        return
    spec, config = models.find(recipe.network), state.config
    line: dict[str, Any] = {"step": state.step, "minutes": round(state.seconds / 60, 2), **facts}
    about = {
        "recipe": recipe.model_dump(mode="json"),
        "data": [path.name for path in place.data],
        "steps": state.step,
        "seconds": round(state.seconds),
    }
    if state.earlier_steps:
        about["earlier"] = {"steps": state.earlier_steps, "seconds": round(state.earlier_seconds)}
    path = place.folder / "average.safetensors"
    files.save_weights(path, spec, config, state.average, about)
    # Before the validation, so that being killed during it costs no more than its time.
    state.save(place.folder / "checkpoint.pt")
    if place.validation:
        found = validate(recipe, place, path)
        line |= found
        if (score := validation.mean_gain(found)) > state.best:
            state.best = score
            files.save_weights(place.folder / "best.safetensors", spec, config, state.average, about)
            state.save(place.folder / "checkpoint.pt")
    reports.save(line)


def validate(recipe: Recipe, place: Place, weights: Path) -> dict[str, float]:
    """Scores of a weights file by the recipe's settings."""
    network, header = files.load_weights(weights)
    spec = models.find(recipe.network)
    qualities = recipe.validation.qualities or validation.trained_qualities(recipe.degradation)
    coloured = any(share for kind, share in recipe.degradation.sampling.items() if kind != "gray")
    return validation.scores(
        network,
        spec,
        build_config(spec.config, header["config"], spec.name),
        place.validation,
        qualities=qualities,
        colour=qualities[(len(qualities) - 1) // 2] if coloured else None,
        most=recipe.validation.pictures,
        device=place.device,
    )
