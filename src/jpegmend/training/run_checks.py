"""Checks of a run when it is opened: what recipe, pictures and checkpoint say only together."""

from __future__ import annotations

import math
from itertools import accumulate
from pathlib import Path

from jpegmend.data.pictures import Pictures
from jpegmend.errors import InvalidRecipe, MissingData
from jpegmend.training.checkpoint import State
from jpegmend.training.recipe import Recipe


def unused_sources(recipe: Recipe, pictures: Pictures, data: list[Path], shares: list[float] | None) -> list[str]:
    """Words on the sources of which no picture holds the largest crop, so that they are not used throughout.

    Raises :class:`~jpegmend.errors.MissingData` where no source has such a picture, or where one has a share.
    """
    sides = {part.crop + recipe.margin(part) for part in (*recipe.stages, *recipe.phases) if part.share}
    side = max(sides)
    missing = [index for index in pictures.without(side) if not shares or shares[index]]
    if not missing:
        return []
    what = f"no picture of at least {side} x {side} pixels, as the crops of the recipe need"
    if shares or len(missing) == len(data):
        names = ", ".join(str(data[index]) for index in missing)
        raise MissingData(f"{names}: {what}; use smaller crops (phases.*.crop) or larger pictures, or leave it out")
    return [f"{data[index]}: {what}" for index in missing]


def check_direction(recipe: Recipe, state: State) -> None:
    """Refuse a budget by which a resumed run would go back to an earlier phase, or from the network to a stage."""
    parts, budget = (*recipe.stages, *recipe.phases), recipe.steps or recipe.minutes
    assert budget is not None
    spent = state.step if recipe.steps else state.seconds / 60
    part, _ = recipe.part_at(spent / budget)
    now = next(index for index, known in enumerate(parts) if known is part)
    # Earlier checkpoints do not state the place; the network is trained after all stages.
    reached = min(max(state.place, len(recipe.stages)), len(parts) - 1)
    if not state.network_steps or now >= reached:
        return
    unit = "steps" if recipe.steps else "minutes"
    most = spent / _begins(recipe)[reached]
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
