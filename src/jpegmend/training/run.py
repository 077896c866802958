"""A training run: its recipe, its settings, its pictures, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from jpegmend import models
from jpegmend.data.pictures import Pictures, halved
from jpegmend.errors import InvalidRecipe
from jpegmend.models.contract import Observation, Planes, Spec
from jpegmend.models.files import example
from jpegmend.training import losses, validation
from jpegmend.training.building import start
from jpegmend.training.checkpoint import State
from jpegmend.training.distributed import ProcessGroup
from jpegmend.training.recipe import Recipe
from jpegmend.training.run_checks import check_apart, check_direction, unused_sources
from jpegmend.training.teacher import Teacher, load_teacher


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Folders, data, device and other settings of a run that are not part of the recipe."""

    folder: Path
    data: list[Path]
    shares: list[float] | None = None
    """Share of the crops from each of ``data``; None: in proportion to their pixels."""
    validation: list[Path] = field(default_factory=list)
    device: str = "cpu"
    resume: bool = False
    warm_start: Path | None = None
    """File of initial weights."""
    partly: bool = False
    """Whether to load only the tensors of ``warm_start`` that fit, for a network of another shape."""
    save_every: float = 180.0
    """Seconds between checkpoints."""
    bar: bool = False
    """Whether to show progress."""


@dataclass(frozen=True)
class Run:
    """A training run: everything that a step needs. Only ``state`` changes."""

    recipe: Recipe
    settings: RunSettings
    group: ProcessGroup
    pictures: Pictures
    state: State
    spec: Spec
    teacher: Teacher | None = None
    """The network that ``recipe.teacher`` names."""
    validation: Sequence[Tensor] = ()
    """Pictures that are validated, each ``[3, H, W]`` uint8 RGB; none in processes that write no files."""
    left_out: int = 0
    """Number of pictures that are too small to be validated."""
    unused: Sequence[str] = ()
    """Words on each source of pictures that are too small for crops of the recipe."""

    @property
    def planes(self) -> Planes:
        """Input planes of the network."""
        return self.spec.planes(self.state.config)

    def share(self) -> float:
        """Share of the budget spent, 0..1."""
        if self.recipe.steps:
            return self.state.step / self.recipe.steps
        assert self.recipe.minutes is not None
        return self.state.seconds / (60 * self.recipe.minutes)


def open_run(recipe: Recipe, settings: RunSettings, group: ProcessGroup | None = None) -> Run:
    """Read the pictures, and build the networks fresh, from weights, or from a checkpoint.

    Raises an error for whatever of it cannot be read, or does not fit the recipe.
    """
    group, spec = group or ProcessGroup(), models.find(recipe.network)
    pictures = Pictures.load(
        settings.data,
        device=settings.device,
        sizes=recipe.build_sizes(),
        shares=settings.shares,
        candidates=recipe.candidates,
        flips=recipe.flips,
    )
    unused = unused_sources(recipe, pictures, settings.data, settings.shares)
    state = start(
        recipe,
        device=settings.device,
        warm_start=settings.warm_start,
        partly=settings.partly,
        checkpoint=settings.folder / "checkpoint.pt" if settings.resume else None,
    )
    check_direction(recipe, state)
    if recipe.revive and not state.warm:
        raise InvalidRecipe("revive: a run that begins fresh has no silent units; give --warm-start, or leave it out")
    _check_losses(recipe, spec, state, settings.device)
    teacher = load_teacher(recipe, settings.device)
    validated, left_out = validation.load_pictures(
        settings.validation if group.is_main else [],
        most=recipe.validation.pictures,
        scale=spec.scale(recipe.build_config()) * (2 if recipe.validation.halved else 1),
    )
    check_apart(pictures, validated, settings.validation)
    if recipe.validation.halved:
        validated = [*map(halved, validated)]
    return Run(recipe, settings, group, pictures, state, spec, teacher, validated, left_out, unused)


@torch.no_grad()
def _check_losses(recipe: Recipe, spec: Spec, state: State, device: str) -> None:
    """Refuse losses of what the network does not answer; those of the last phase would be met after hours."""
    named = {name: 1.0 for phase in recipe.phases for name in phase.losses if name in losses.NEEDS_MORE}
    if named:
        seen = Observation(*(tensor.to(device) for tensor in example(spec, state.config) if tensor is not None))
        estimate = state.network(seen, collect=True)
        ones = torch.ones(estimate.planes.shape[1], device=device)
        losses.total(named, losses.Answer(estimate, seen, torch.zeros_like(estimate.planes), ones, {}))
