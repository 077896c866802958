"""One training step: crops, loss, gradient, update, running average."""

from __future__ import annotations

import os
import random
import shutil
import sys
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.data.codec import into_cells
from jpegmend.data.degradation import cut
from jpegmend.data.resampling import degrade_reduced
from jpegmend.errors import InvalidRecipe, ModelError
from jpegmend.models.contract import Estimate, Observation, Planes
from jpegmend.runtimes import FLIPS
from jpegmend.training import losses
from jpegmend.training.auxiliary import AUXILIARIES, Crops
from jpegmend.training.building import MEMORY_FORMAT, change_config
from jpegmend.training.checkpoint import State
from jpegmend.training.planes import select_planes
from jpegmend.training.recipe import Phase, Recipe, Stage
from jpegmend.training.run import Run
from jpegmend.training.schedule import rate_at


def step(run: Run) -> Tensor:
    """Update the weights once and return the loss; NaN if the loss or the gradient is not finite."""
    recipe, state = run.recipe, run.state
    part, position = recipe.part_at(run.share())
    name = _prepare_part(run, part)
    optimiser = state.optimisers[name]
    for group in optimiser.param_groups:
        group["lr"] = _rate(run, part, position) * group["factor"]
    optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=run.settings.device)
    for turn in range(recipe.accumulate):
        rng = random.Random(f"{recipe.seed} {state.step} {state.rollbacks} {_stream(run, turn)}")
        clean = run.pictures.crops(part.batch, part.crop + recipe.margin(part), rng)
        with run.group.gradient_sync(state.runners[name], turn == recipe.accumulate - 1):
            loss = batch_loss(run, part, clean, rng) / recipe.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    norm = nn.utils.clip_grad_norm_(state.networks[name].parameters(), recipe.optimiser.clip or float("inf"))
    optimiser.step()
    state.step += 1
    if name == "network":
        update_ema(state, recipe.ema)
    return run.group.mean(torch.where(torch.isfinite(norm), total, torch.nan))


def _stream(run: Run, turn: int) -> int:
    """The number of a batch's stream of random numbers: N processes draw what one draws with ``accumulate = N``."""
    return run.group.rank * run.recipe.accumulate + turn


def _rate(run: Run, part: Phase | Stage, position: float) -> float:
    if isinstance(part, Stage):
        return part.rate
    return rate_at(run.recipe.optimiser, position, rate=run.recipe.rate_of(part), warm=run.state.warm)


def _prepare_part(run: Run, part: Phase | Stage) -> str:
    """Prepare the networks when another stage or phase begins; returns the name of the network it trains."""
    state, name = run.state, part.auxiliary if isinstance(part, Stage) else "network"
    if state.part is not part:
        config = run.recipe.config_at(part)
        if config != state.config:
            change_config(state, run.recipe.network, config)
        if state.trained != name:
            set_trainable(run, name)
        state.part = part
        # By identity: phases may be equal.
        state.place = next(i for i, known in enumerate((*run.recipe.stages, *run.recipe.phases)) if known is part)
    return name


def set_trainable(run: Run, name: str) -> None:
    """Unfreeze one network and freeze the others, also its submodules in ``Spec.frozen``."""
    state, device = run.state, run.settings.device
    for other, network in state.networks.items():
        network.train(other == name).requires_grad_(other == name)
    for inner in run.spec.frozen if name == "network" else ():
        module = getattr(state.network, inner, None)
        if module is not None:
            module.eval().requires_grad_(False)
    runner: Any = run.group.wrap(state.networks[name])
    if run.recipe.compile and _can_compile(device):
        runner = torch.compile(runner, dynamic=False)
    state.runners[name], state.trained = runner, name


def _can_compile(device: str) -> bool:
    """Whether ``torch.compile`` works there: on a CPU it writes C++ and needs the compiler that it looks for."""
    if not device.startswith("cpu"):
        return device.startswith("cuda")
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(os.environ.get("CXX", usual)):
        return True
    warnings.warn("compile: no C++ compiler was found; the run goes on without, slower", stacklevel=2)
    return False


def batch_loss(run: Run, part: Phase | Stage, clean: Tensor, rng: random.Random) -> Tensor:
    """The loss of the network that ``part`` trains, for one batch ``clean [B, 3, H, W]`` uint8."""
    recipe, state, kind = run.recipe, run.state, run.planes
    if isinstance(part, Stage):
        name, crops = part.auxiliary, Crops(clean, kind, rng.random())
        return AUXILIARIES[name].loss(state.networks[name], state.runners[name], crops, recipe.degradation, rng)
    seen, truth = degrade_reduced(clean, recipe.degradation, rng, run.spec.scale(state.config))
    if recipe.margin(part):
        seen, truth = cut(seen, truth, part.crop, rng)
    taught = None
    if run.teacher and "teacher" in part.losses:
        axes = rng.choice(FLIPS[4]) if recipe.teacher_mirrored else ()
        with _precision(recipe, clean.device):
            taught = run.teacher(seen, axes)
    seen, truth, weights = select_planes(kind, seen, truth, recipe.chroma_weight)
    seen = seen._replace(planes=seen.planes.contiguous(memory_format=MEMORY_FORMAT))
    with _precision(recipe, clean.device):
        estimate = state.runners["network"](seen, collect=not losses.NEEDS_TRACES.isdisjoint(part.losses))
    _check_answer(recipe.network, estimate, truth)
    traces = {key: tuple(t.float() for t in value) for key, value in estimate.traces.items()}
    estimate = estimate._replace(planes=estimate.planes.float(), traces=traces)
    if recipe.project:
        estimate = estimate._replace(planes=_projected(kind, estimate.planes, seen))
    return losses.total(part.losses, losses.Answer(estimate, seen, truth, weights, state.networks, taught))


def _check_answer(name: str, answer: Any, truth: Tensor) -> None:
    """Refuse an answer of another type or shape; a loss would stretch one of more planes, and be trained."""
    if not isinstance(answer, Estimate):
        raise ModelError(
            f"forward of {name} returns a {type(answer).__name__}; it must return a jpegmend.models.Estimate"
        )
    if answer.planes.shape != truth.shape:
        raise ModelError(
            f"forward of {name} returns planes of {list(answer.planes.shape)} (batch, planes, height, width); "
            f"they must have {list(truth.shape)}, as the original"
        )


def _precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The arithmetic of the recipe's ``precision``."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")


def _projected(kind: Planes, planes: Tensor, seen: Observation) -> Tensor:
    """The restored planes with luma projected into its quantisation cells."""
    if kind == "rgb":
        raise InvalidRecipe("project: the network answers RGB, the file's cells are those of luma; leave it out")
    luma = into_cells(planes[:, :1], seen.planes[:, :1], seen.tables[:, 0])
    return torch.cat([luma, planes[:, 1:]], 1)


@torch.no_grad()
def update_ema(state: State, decay: float) -> None:
    """Update the running average of the weights; its decay rises from 0, so that it forgets the initial weights."""
    steps = state.network_steps
    decay = min(decay, (1 + steps) / (10 + steps)) if steps else 0.0
    state.network_steps += 1
    current = state.network.state_dict()
    floats = [name for name, tensor in current.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([state.average[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name in current.keys() - set(floats):
        state.average[name].copy_(current[name])
