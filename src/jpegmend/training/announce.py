"""Cards for networks whose weights are still to come, so that they are listed and can be asked for by name.

``python -m jpegmend.training.announce recipes/*.toml``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jpegmend import models
from jpegmend.models import cards
from jpegmend.training.recipe import read_recipe
from jpegmend.weights import read_card
from jpegmend.weights.catalogue import CARDS


def announce(recipe_file: Path, *, folder: Path = CARDS) -> bool:
    """Write the card of a recipe's network; a card that is released already is left alone. Says whether it wrote.

    Raises :class:`~jpegmend.errors.InvalidRecipe` where the recipe is none.
    """
    recipe = read_recipe(recipe_file)
    path = folder / f"{recipe.name}.json"
    if path.exists() and read_card(path).released:
        return False
    spec = models.find(recipe.network)
    card = cards.describe(recipe.name, spec, recipe.build_config())
    card["recipe"] = f"recipes/{recipe_file.name}"
    card["notes"] = f"Not trained yet: {card['recipe']} is the run that makes it."
    path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return True


def main() -> None:
    """Announce every recipe that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+", type=Path)
    for recipe_file in parser.parse_args().recipes:
        announce(recipe_file)


if __name__ == "__main__":
    main()
