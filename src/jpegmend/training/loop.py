"""The training loop: one recipe in, a folder with checkpoints, averaged weights and a log out."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jpegmend import models
from jpegmend.data.degradation import degrade
from jpegmend.data.pictures import Pictures
from jpegmend.models import files
from jpegmend.training import validation
from jpegmend.training.checkpoint import State
from jpegmend.training.losses import pixel_loss
from jpegmend.training.recipe import Phase, Recipe
from jpegmend.training.schedule import rate_at
from jpegmend.training.views import view

_MEMORY_FORMAT = torch.channels_last


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run reads and writes, and on what it runs."""

    folder: Path
    data: list[Path]
    validation: list[Path] = field(default_factory=list)
    device: str = "cpu"
    resume: bool = False
    warm_start: Path | None = None
    save_every: float = 180.0
    """Seconds between checkpoints."""


def start(recipe: Recipe, place: Place) -> State:
    """A fresh run, one warm-started from released weights, or the one in the folder where ``resume`` is set."""
    torch.manual_seed(recipe.seed)
    config = recipe.build_config()
    network = models.find(recipe.network).build(config).to(place.device, memory_format=_MEMORY_FORMAT)
    if place.warm_start:
        trained, _ = files.load_weights(place.warm_start)
        network.load_state_dict(trained.state_dict())
    average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    settings = recipe.optimiser
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.rate, betas=settings.betas, weight_decay=settings.decay
    )
    state = State(network, average, optimiser, random.Random(recipe.seed))
    if place.resume:
        state.restore(place.folder / "checkpoint.pt")
    return state


def used(recipe: Recipe, state: State) -> float:
    """Share of the budget spent, 0..1."""
    if recipe.steps:
        return state.step / recipe.steps
    assert recipe.minutes is not None
    return state.seconds / (60 * recipe.minutes)


def step(recipe: Recipe, phase: Phase, state: State, pictures: Pictures, share: float) -> Tensor:
    """Draw a batch, move the weights once, and return the loss."""
    spec = models.find(recipe.network)
    clean = pictures.crops(phase.batch, phase.crop, state.rng)
    seen, truth = degrade(clean, recipe.degradation.build(), state.rng)
    seen, truth, planes = view(spec.planes(recipe.build_config()), seen, truth, recipe.chroma_weight)
    seen = seen._replace(planes=seen.planes.contiguous(memory_format=_MEMORY_FORMAT))
    for group in state.optimiser.param_groups:
        group["lr"] = rate_at(recipe.optimiser, share)
    half = recipe.precision == "bfloat16"
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=half):
        restored = state.network(seen).planes
    loss = pixel_loss(phase.losses, restored.float(), truth, planes)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), recipe.optimiser.clip)
    state.optimiser.step()
    state.step += 1
    _follow(state, recipe.ema)
    return loss.detach()


@torch.no_grad()
def _follow(state: State, decay: float) -> None:
    """Move the running average towards the weights; early on it follows faster, so that it forgets the start."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    average, current = list(state.average.values()), list(state.network.state_dict().values())
    torch._foreach_lerp_(average, current, 1 - decay)


def train(recipe: Recipe, place: Place) -> State:
    """Run the recipe to the end of its budget; stops cleanly, with everything saved."""
    place.folder.mkdir(parents=True, exist_ok=True)
    pictures = Pictures.load(place.data, device=place.device, halve_above=recipe.halve_above)
    state = start(recipe, place)
    clock, saved = time.monotonic(), time.monotonic()
    total, count = 0.0, 0
    while (share := used(recipe, state)) < 1:
        total += float(step(recipe, recipe.phase_at(share), state, pictures, share))
        count += 1
        now = time.monotonic()
        state.seconds, clock = state.seconds + now - clock, now
        if now - saved > place.save_every:
            keep(recipe, place, state, {"loss": total / count, "share": share})
            total, count, saved = 0.0, 0, time.monotonic()
            clock = saved  # saving and validating do not count as training
    keep(recipe, place, state, {"loss": total / max(count, 1), "share": 1.0})
    return state


def keep(recipe: Recipe, place: Place, state: State, facts: dict[str, Any]) -> None:
    """Write the checkpoint and the averaged weights, validate, and add one line to the log."""
    spec, config = models.find(recipe.network), recipe.build_config()
    state.save(place.folder / "checkpoint.pt")
    about = {"recipe": recipe.model_dump(mode="json"), "steps": state.step, "seconds": round(state.seconds)}
    path = place.folder / "average.safetensors"
    files.save_weights(path, spec, config, state.average, about)
    line = {"step": state.step, "minutes": round(state.seconds / 60, 2), **facts}
    if place.validation:
        network, _ = files.load_weights(path)
        line |= validation.scores(network, spec.planes(config), place.validation, place.device)
    with (place.folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
