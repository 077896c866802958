"""Reads a recipe, and checks what the types of its keys do not say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jpegmend import models
from jpegmend.errors import InvalidRecipe, UnknownModel
from jpegmend.training.auxiliary import AUXILIARIES
from jpegmend.training.losses import LOSSES, NEEDS_AUXILIARY
from jpegmend.training.plain_values import build_from
from jpegmend.training.recipe import Optimiser, Recipe
from jpegmend.training.recipe_file import load


def read_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read and check a recipe; ``overrides`` maps dotted keys to values.

    ``{"optimiser.rate": 1e-4, "phases.0.crop": 64, "phases.*.batch": 8}``; ``extends = "../dcsc.toml"`` in the file
    inherits that recipe, tables key by key, lists as a whole; steps replace minutes, minutes steps. Raises
    :class:`~jpegmend.errors.InvalidRecipe`, naming the key that is wrong.
    """
    return check_recipe(load(path, overrides or {}), str(path))


def check_recipe(content: dict[str, Any], source: str = "recipe") -> Recipe:
    """A recipe from plain values; raises :class:`~jpegmend.errors.InvalidRecipe`."""
    try:
        recipe: Recipe = build_from(Recipe, content)
        for message in _contradictions(recipe):
            raise InvalidRecipe(message)
        kinds = {models.find(recipe.network).planes(recipe.build_config(phase)) for phase in recipe.phases}
        if len(kinds) > 1:
            raise InvalidRecipe(f"config of the phases: planes {sorted(kinds)}; all phases must work on the same")
        for message in _wrong_for_enlarging(recipe) + _wrong_for_grid(recipe):
            raise InvalidRecipe(message)
        for stage in recipe.stages:
            recipe.auxiliary_config(stage)
    except (UnknownModel, InvalidRecipe) as error:
        raise InvalidRecipe(f"{source}: {error}") from error
    return recipe


def _wrong_for_enlarging(recipe: Recipe) -> list[str]:
    """Settings that a super-resolution network does not allow: its crops are downscaled before the compression."""
    found = []
    for phase in recipe.phases:
        scale = models.find(recipe.network).scale(recipe.build_config(phase))
        if phase.crop % (16 * scale):
            found.append(f"crop {phase.crop} with scale {scale}; give a multiple of {16 * scale}")
        if scale > 1 and recipe.project:
            found.append(f"project with scale {scale}: the answer has another grid than the file; leave it out")
        if scale > 1 and recipe.degradation.social:
            found.append(f"degradation.social with scale {scale}; leave one of them out")
        if scale > 1 and recipe.degradation.phase == "any":
            found.append(f"degradation.phase 'any' with scale {scale}; crops of such networks begin with a block")
        if scale > 1 and recipe.degradation.found:
            found.append(
                f"degradation.found with scale {scale}: a found grid is another than the original's; set it to 0"
            )
    return found


def _wrong_for_grid(recipe: Recipe) -> list[str]:
    """Settings by which crops begin anywhere in a block, for a network or a projection that needs the corner of one."""
    found, spec, degradation = [], models.find(recipe.network), recipe.degradation
    if degradation.phase == "any" and any(spec.on_grid(recipe.build_config(phase)) for phase in recipe.phases):
        found.append(
            f"degradation.phase 'any': with this config {spec.name} reads tables or coefficients from the corner of "
            "a block; set it to 'corner'"
        )
    if recipe.project and degradation.phase == "any":
        found.append("project needs crops on the block grid; leave it out, or set degradation.phase = 'corner'")
    if recipe.project and degradation.found:
        found.append("project needs crops on the block grid, degradation.found moves it; leave one of them out")
    return found


def _contradictions(recipe: Recipe) -> list[str]:
    found = []
    if (recipe.minutes is None) == (recipe.steps is None):
        found.append("give the budget as minutes or as steps, one of them")
    if abs(sum(phase.share for phase in recipe.phases) - 1) > 1e-6:
        found.append("the shares of the phases must add up to 1")
    if sum(stage.share for stage in recipe.stages) >= 1:
        found.append("the stages leave nothing of the budget for the network; their shares must add up to less than 1")
    idle = [stage.auxiliary for stage in recipe.stages if not stage.share and not stage.weights]
    found += [f"stage {name}: a share of 0 needs weights" for name in idle]
    names = [stage.auxiliary for stage in recipe.stages]
    twice = sorted({name for name in names if names.count(name) > 1})
    found += [f"stages: {name} stands twice; give one stage for each network" for name in twice]
    optimiser = recipe.optimiser
    if optimiser.schedule == "halving" and optimiser.final != Optimiser().final:
        found.append(
            f"optimiser.final {optimiser.final:g} with the schedule 'halving', which ends at a 16th; leave it out"
        )
    staged = {stage.auxiliary for stage in recipe.stages}
    unknown = staged - set(AUXILIARIES)
    found += [f"no auxiliary network {name!r}; there are: {', '.join(AUXILIARIES)}" for name in sorted(unknown)]
    named = {name for phase in recipe.phases for name in phase.losses}
    wanting = [loss for loss, name in NEEDS_AUXILIARY.items() if loss in named and name not in staged]
    found += [f"loss {loss!r}: no stage trains or reads its {NEEDS_AUXILIARY[loss]}; add one" for loss in wanting]
    if ("teacher" in named) != bool(recipe.teacher):
        found.append("the loss 'teacher' and the key teacher (a network's name) need each other; give both or none")
    unknown = named - set(LOSSES)
    found += [f"no loss {name!r}; there are: {', '.join(LOSSES)}" for name in sorted(unknown)]
    return found
