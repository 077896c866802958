"""A training run: its recipe, its settings, its pictures, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jpegmend import models
from jpegmend.data.pictures import Pictures
from jpegmend.models.contract import Planes, Spec
from jpegmend.training.building import start
from jpegmend.training.checkpoint import State
from jpegmend.training.distributed import ProcessGroup
from jpegmend.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class RunSettings:
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


@dataclass(frozen=True)
class Run:
    """All that a step needs. Only ``state`` changes."""

    recipe: Recipe
    settings: RunSettings
    group: ProcessGroup
    pictures: Pictures
    state: State
    spec: Spec

    @property
    def planes(self) -> Planes:
        """Which planes the network works on."""
        return self.spec.planes(self.state.config)

    def share(self) -> float:
        """Share of the budget spent, 0..1."""
        if self.recipe.steps:
            return self.state.step / self.recipe.steps
        assert self.recipe.minutes is not None
        return self.state.seconds / (60 * self.recipe.minutes)


def open_run(recipe: Recipe, settings: RunSettings, group: ProcessGroup | None = None) -> Run:
    """Read the pictures and build, begin or resume the networks."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    pictures = Pictures.load(
        settings.data,
        device=settings.device,
        sizes=recipe.build_sizes(),
        shares=settings.shares,
        candidates=recipe.candidates,
        flips=recipe.flips,
    )
    state = start(
        recipe,
        device=settings.device,
        warm_start=settings.warm_start,
        partly=settings.partly,
        checkpoint=settings.folder / "checkpoint.pt" if settings.resume else None,
    )
    return Run(recipe, settings, group or ProcessGroup(), pictures, state, models.find(recipe.network))
