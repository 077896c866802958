"""Checks of a run when it is opened: what recipe, pictures and checkpoint say only together."""

from __future__ import annotations

from pathlib import Path

from jpegmend.data.pictures import Pictures
from jpegmend.errors import MissingData
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
