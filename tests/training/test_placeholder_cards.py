"""Cards of networks without weights: their fields, and that released cards stay unchanged."""

import json
from pathlib import Path

import pytest

from jpegmend import MODELS, models, restore
from jpegmend.errors import WeightsMissing
from jpegmend.training.placeholder_cards import write_placeholder
from jpegmend.training.recipe import build_config
from jpegmend.training.recipe_checks import read_recipe
from jpegmend.weights import read_card

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_cards_state_the_config_of_their_recipe(path: Path) -> None:
    recipe = read_recipe(path)
    if recipe.name not in MODELS:
        return  # a recipe needs no card before it has weights
    card = MODELS[recipe.name]
    assert card.network == recipe.network
    # As it would be built: a key that a network was given later is not in an older card.
    config = models.find(card.network).config
    assert build_config(config, card.config, card.name) == recipe.build_config()
    assert card.recipe == f"recipes/{path.name}"


def test_a_card_says_what_follows_from_the_config(tmp_path: Path) -> None:
    assert write_placeholder(RECIPES[0].with_name("arcnn.toml"), folder=tmp_path)
    card = read_card(tmp_path / "arcnn.json")
    assert (card.parameters, card.halo, card.planes, card.released) == (106_561, 9, "y", False)


def test_a_released_card_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "arcnn.json"
    write_placeholder(RECIPES[0].with_name("arcnn.toml"), folder=tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"released": True, "notes": "mine"}))
    assert not write_placeholder(RECIPES[0].with_name("arcnn.toml"), folder=tmp_path)
    assert read_card(path).notes == "mine"


def test_asking_for_it_says_that_it_is_to_come() -> None:
    unreleased = next(name for name, card in MODELS.items() if not card.released)
    with pytest.raises(WeightsMissing, match="not released yet"):
        restore("examples/scan.jpg", model=unreleased)
