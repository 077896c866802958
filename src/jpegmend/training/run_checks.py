"""Checks of a run when it is opened: what recipe, pictures and checkpoint say only together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from jpegmend.data import pack
from jpegmend.data.pictures import Pictures, find_pictures, read_pictures
from jpegmend.errors import InvalidOption, InvalidRecipe, MissingData
from jpegmend.training.checkpoint import State
from jpegmend.training.recipe import Phase, Recipe, Stage


def unused_sources(recipe: Recipe, pictures: Pictures, data: list[Path], shares: list[float] | None) -> list[str]:
    """Words on the sources of which no picture holds the largest crop, so that they are not used throughout.

    Raises :class:`~jpegmend.errors.MissingData` where no source has such a picture, or where one has a share.
    """
    parts: list[Stage | Phase] = [*recipe.stages, *recipe.phases]
    side = max(part.crop + recipe.margin(part) for part in parts if part.share)
    missing = [index for index in pictures.without(side) if not shares or shares[index]]
    if not missing:
        return []
    what = f"no picture of at least {side} x {side} pixels, as the crops of the recipe need"
    if shares or len(missing) == len(data):
        names = ", ".join(str(data[index]) for index in missing)
        raise MissingData(f"{names}: {what}; use smaller crops (phases.*.crop) or larger pictures, or leave it out")
    return [f"{data[index]}: {what}" for index in missing]


def check_apart(pictures: Pictures, validated: Sequence[Tensor], paths: Iterable[Path]) -> None:
    """Refuse the validation on pictures that are trained on, in whatever file or packed set they lie.

    ``validated`` are the pictures that are validated, each ``[3, H, W]`` uint8, of those below ``paths``. Their scores
    would not tell whether the network has learnt anything but these pictures.
    """
    for picture in validated:
        if any(_is_same(picture, tensor) for tensor in pictures.tensors):
            name = next(name for name, found in _named_pictures(paths) if _is_same(picture, found))
            raise InvalidOption(
                f"validation: {name} is among the pictures to train on too; give other pictures to --validate, or take "
                "these out of --data"
            )


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures have the same pixels; a row of each decides nearly always."""
    if one.shape != other.shape:
        return False
    middle = one.shape[1] // 2
    return torch.equal(one[:, middle], other[:, middle].to(one.device)) and torch.equal(one, other.to(one.device))


def _named_pictures(paths: Iterable[Path]) -> Iterator[tuple[str, Tensor]]:
    """Every picture below the paths, with its name for messages."""
    for path in paths:
        packed = path.suffix == pack.SUFFIX
        names = [f"{entry} of {path}" for entry in pack.names(path)] if packed else map(str, find_pictures([path]))
        yield from zip(names, read_pictures(path), strict=True)


def check_direction(recipe: Recipe, state: State) -> None:
    """Refuse a budget by which a resumed run would go back from the network to a stage, or to a phase of another one.

    Back to an earlier phase of the same hyper-parameters, with other crops and losses, it may go.
    """
    parts: tuple[Stage | Phase, ...] = (*recipe.stages, *recipe.phases)
    budget = recipe.steps or recipe.minutes
    assert budget is not None
    spent = state.step if recipe.steps else state.seconds / 60
    part, _ = recipe.part_at(spent / budget)
    now = next(index for index, known in enumerate(parts) if known is part)
    # Earlier checkpoints do not state the place; the network is trained after all stages.
    reached = min(max(state.place, len(recipe.stages)), len(parts) - 1)
    least = reached
    while least > len(recipe.stages) and parts[least - 1].config == parts[reached].config:
        least -= 1
    if not state.network_steps or now >= least:
        return
    unit = "steps" if recipe.steps else "minutes"
    most = spent / _begins(recipe)[least]
    most = math.floor(most) if recipe.steps else math.floor(100 * most) / 100
    raise InvalidRecipe(
        f"with a budget of {budget:g} {unit} the run would go back from {_named(recipe, reached)} to "
        f"{_named(recipe, now)}; give at most {most} {unit}, or begin another run from its weights (--warm-start, "
        "another --out)"
    )


def _named(recipe: Recipe, number: int) -> str:
    """Words for the stage or phase of that number, stages first."""
    stages = recipe.stages
    return f"the stage {stages[number].auxiliary}" if number < len(stages) else f"phase {number - len(stages) + 1}"


def _begins(recipe: Recipe) -> list[float]:
    """The share of the budget at which each stage and phase begins."""
    *stages, first = accumulate((stage.share for stage in recipe.stages), initial=0.0)
    phases = accumulate((phase.share for phase in recipe.phases), initial=0.0)
    return [*stages, *(first + (1 - first) * before for before in phases)]
