"""What a training run is: one TOML file, checked before anything starts, stored with the weights it makes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jpegmend import models
from jpegmend.data.codec import Sampling
from jpegmend.data.degradation import Degradation
from jpegmend.errors import InvalidRecipe, UnknownModel


class _Part(BaseModel):
    """Unknown keys are mistakes, and a recipe does not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Phase(_Part):
    """A stretch of the run with its own crops and losses."""

    share: float = Field(gt=0, le=1)
    """Part of the whole budget."""
    crop: int = Field(gt=0, multiple_of=16)
    """Side of the square crops, in pixels."""
    batch: int = Field(gt=0)
    losses: dict[str, float] = {"charbonnier": 1.0}
    """Weight of each loss, by its name in :mod:`jpegmend.training.losses`."""


class Optimiser(_Part):
    """Adam with decoupled weight decay, and the learning rate's course."""

    rate: float = Field(default=1e-3, gt=0)
    betas: tuple[float, float] = (0.9, 0.99)
    decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest allowed norm of the whole gradient."""
    schedule: Literal["cosine", "constant-then-decay"] = "cosine"
    warmup: float = Field(default=0.01, ge=0, lt=1)
    """Share of the budget over which the rate rises from zero."""
    final: float = Field(default=0.01, ge=0, le=1)
    """Share of the rate that is left at the end."""


class DegradationPart(_Part):
    """See :class:`jpegmend.data.degradation.Degradation`."""

    qualities: list[tuple[int, int, float]] = [(5, 60, 1.0)]
    sampling: dict[Sampling, float] = {"gray": 1.0}
    studio: float = 0.5
    double: float = 0.0
    double_qualities: tuple[int, int] = (10, 90)

    def build(self) -> Degradation:
        """The checked value that :mod:`jpegmend.data` works with."""
        return Degradation(**self.model_dump())


class Recipe(_Part):
    """One run, whole."""

    name: str
    """What the released weights will be called."""
    network: str
    """A name in ``models.NETWORKS``."""
    config: dict[str, Any] = {}
    """Hyper-parameters that differ from the network's defaults."""
    seed: int = 0
    minutes: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    """The budget: minutes or steps, one of them. With steps a run can be repeated bit for bit."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the running average of the weights, which is what is released; 0 for none."""
    halve_above: int = Field(default=0, ge=0)
    """Pictures with more pixels are also used at half their size; 0 for none."""
    precision: Literal["float32", "bfloat16"] = "float32"
    chroma_weight: float = Field(default=0.5, ge=0)
    """Weight of the chroma planes in the losses of colour networks, against 1 for luma."""
    degradation: DegradationPart = DegradationPart()
    optimiser: Optimiser = Optimiser()
    phases: list[Phase] = Field(min_length=1)

    def build_config(self) -> Any:
        """The network's frozen config; raises InvalidRecipe on unknown hyper-parameters."""
        spec = models.find(self.network)
        plain = {
            key: tuple(value) if isinstance(value, list) else value for key, value in self.config.items()
        }
        try:
            return spec.config(**plain)
        except TypeError as error:
            raise InvalidRecipe(f"config of {self.network}: {error}") from error

    def phase_at(self, share: float) -> Phase:
        """The phase that covers this share of the budget (0..1)."""
        end = 0.0
        for phase in self.phases:
            end += phase.share
            if share < end - 1e-9:
                return phase
        return self.phases[-1]


def read_recipe(path: Path, overrides: dict[str, Any] | None = None) -> Recipe:
    """Read and check a recipe; ``overrides`` maps dotted keys to values (``{"optimiser.rate": 1e-4}``).

    Raises :class:`~jpegmend.errors.InvalidRecipe`, naming the key that is wrong.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidRecipe(f"{path}: {error}") from error
    for dotted, value in (overrides or {}).items():
        *parents, last = dotted.split(".")
        place = content
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return check_recipe(content, str(path))


def check_recipe(content: dict[str, Any], source: str = "recipe") -> Recipe:
    """A recipe from plain values; raises :class:`~jpegmend.errors.InvalidRecipe`."""
    try:
        recipe = Recipe(**content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidRecipe(f"{source}: {wrong}") from error
    if (recipe.minutes is None) == (recipe.steps is None):
        raise InvalidRecipe(f"{source}: give the budget as minutes or as steps, one of them")
    try:
        recipe.build_config()
    except UnknownModel as error:
        raise InvalidRecipe(f"{source}: {error}") from error
    recipe.degradation.build()
    return recipe
