"""Cards for recipes without weights, so that ``jpegmend models`` and the papers' tables list them.

``python -m jpegmend.training.placeholder_cards recipes/NAME.toml``. No network needs one: ``jpegmend release`` writes
its card with its weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jpegmend import models
from jpegmend.models.card_fields import card_fields
from jpegmend.training.recipe_checks import read_recipe
from jpegmend.weights import read_card
from jpegmend.weights.card import write_card
from jpegmend.weights.catalogue import CARDS


def write_placeholder(recipe_file: Path, *, folder: Path = CARDS) -> bool:
    """Write the card of a recipe's network unless it is released already; returns whether it was written.

    Raises :class:`~jpegmend.errors.InvalidRecipe` for an invalid recipe.
    """
    recipe = read_recipe(recipe_file)
    path = folder / f"{recipe.name}.json"
    if path.exists() and read_card(path).released:
        return False
    spec = models.find(recipe.network)
    card = card_fields(recipe.name, spec, recipe.build_config())
    card["recipe"] = f"recipes/{recipe_file.name}"
    card["notes"] = f"Not trained yet: {card['recipe']} is the run that makes it."
    write_card(path, card)
    return True


def main() -> None:
    """Write the card of every recipe that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+", type=Path)
    for recipe_file in parser.parse_args().recipes:
        write_placeholder(recipe_file)


if __name__ == "__main__":
    main()
