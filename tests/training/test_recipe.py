"""Every recipe of the repository is valid, and two steps of every network run."""

from pathlib import Path

import pytest
import torch
from tests.training.conftest import tiny

from jpegmend import models
from jpegmend.errors import InvalidRecipe
from jpegmend.training import loop
from jpegmend.training.building import start
from jpegmend.training.recipe import Phase, Stage
from jpegmend.training.recipe_checks import check_recipe, read_recipe
from jpegmend.training.run import RunSettings

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = {"steps": 2, "compile": False, "phases.*.crop": 16, "phases.*.batch": 2}
STAGED = {"stages.*.crop": 16, "stages.*.batch": 2, "stages.0.config": {"widths": [4, 4]}}
MEND = {"widths": [8, 8, 8], "blocks": [1, 1, 1], "embedding": 8}
MEND_ROWS = {
    "projected": {},
    "separable": {"convolution": "separable"},
    "maps": {"tables": "maps"},
    "coefficients": {"coefficients": True},
    "chroma-apart": {"chroma_widths": [4, 4, 4]},
}
FAMILIES = {
    "mend-s": {"config": {"widths": [8, 8], "blocks": [1, 1], "embedding": 8}},
    **{f"ablations/mend/{row}": {"config": MEND | changes} for row, changes in MEND_ROWS.items()},
    "dcsc": {"config": {"features": 4, "filters": 8, "iterations": 2}},
    "arcnn": {"config": {"widths": [8, 8, 4]}},
    "dncnn": {"config": {"depth": 3, "width": 8}},
    "rnan": {"config": {"width": 8, "blocks": 2, "trunk": 1}},
    "cqr": {"config": {"width": 8, "blocks": 2, "trunk": 1}, **STAGED},
    "qgcn": {"config": {"blocks": 2, "width": 8, "global_widths": [4, 4, 4, 4], "hidden": 8, "vector": 4}},
    "qgcn-gray": {
        "config": {"channels": 1, "blocks": 2, "width": 8, "global_widths": [4, 4, 4, 4], "hidden": 8, "vector": 4}
    },
    "edsr": {"config": {"tables": False, "whole": False, "blocks": 2, "width": 8}},
    "mdu": {"config": {"stages": 2, "width": 4, "depth": 1}},
    "ablations/mdu/mae-bce": {"config": {"stages": 2, "width": 4, "depth": 1}, **STAGED},
    "ablations/mdu/ssim": {"config": {"stages": 2, "width": 4, "depth": 1}},
    "dual": {
        "config": {"stages": 2, "inner": 1, "features": 8, "units": 2, "reduced": 4, "classifier_features": 4},
        "stages.*.crop": 16,
        "stages.*.batch": 2,
    },
}


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda path: str(path.relative_to(RECIPES)))
def test_is_valid_and_named_after_its_file(path):
    recipe = read_recipe(path)
    folder = path.parent.name
    assert recipe.name == (path.stem if folder == "recipes" else f"{folder}-{path.stem}")


JUDGE = {"auxiliary": "judge", "share": 0.1, "crop": 16, "batch": 2}
GUIDED = [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"mae": 1.0, "quality_score": 0.1}}]
PAPERS = ("dcsc", "cqr", "qgcn", "mdu", "dual")
OURS = {
    "running average": lambda recipe: recipe.ema > 0,
    "gradient clip": lambda recipe: recipe.optimiser.clip > 0,
    "warm-up": lambda recipe: recipe.optimiser.warmup > 0,
    "flips": lambda recipe: recipe.flips,
    "last fifth": lambda recipe: recipe.optimiser.schedule == "constant-then-decay",
}


@pytest.mark.parametrize("name", PAPERS)
def test_the_recipes_of_the_papers_note_what_the_papers_do_not_have(name):
    recipe = read_recipe(RECIPES / f"{name}.toml")
    for word, used in OURS.items():
        assert (word in recipe.note) == used(recipe), word


@pytest.mark.parametrize("path", sorted(RECIPES.glob("ablations/mdu-c/loss-*.toml")), ids=lambda path: path.stem)
def test_compact_rows_of_the_losses_have_those_of_the_paper(path):
    """MDU table X: every row but its loss of the last picture, which is ``log_mse`` in place of ``mae``."""
    compact, paper = (read_recipe(RECIPES / f"ablations/{size}/{path.name}").phases[0] for size in ("mdu-c", "mdu"))
    assert compact.losses.keys() - {"log_mse"} == paper.losses.keys() - {"mae"}


def test_every_network_has_a_recipe():
    assert {read_recipe(path).network for path in RECIPES.glob("*.toml")} == set(models.NETWORKS)


@pytest.mark.parametrize("name", FAMILIES)
def test_two_steps_of_every_family(name, pictures, tmp_path):
    recipe = read_recipe(RECIPES / f"{name}.toml", SMALL | FAMILIES[name])
    fresh = start(recipe)
    before = {key: value.clone() for key, value in fresh.network.state_dict().items()}
    state = loop.train(recipe, RunSettings(folder=tmp_path, data=[pictures]))
    assert state.step == 2
    assert state.network_steps == 2 - len(recipe.stages)
    after = state.network.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(torch.isfinite(value).all() for value in after.values())
    assert (tmp_path / "average.safetensors").exists()


def test_extends_takes_over_and_replaces(tmp_path):
    (tmp_path / "below.toml").write_text(
        'name = "a"\nnetwork = "arcnn"\nsteps = 3\n[optimiser]\nrate = 0.5\nclip = 2.0\n'
        "[degradation]\nsampling = { gray = 1.0 }\n[[phases]]\nshare = 1.0\ncrop = 16\nbatch = 1\n"
    )
    (tmp_path / "above.toml").write_text(
        'extends = "below.toml"\nname = "b"\n[optimiser]\nrate = 0.25\n[degradation]\nsampling = { 444 = 1.0 }\n'
    )
    recipe = read_recipe(tmp_path / "above.toml")
    assert (recipe.name, recipe.steps, recipe.optimiser.rate, recipe.optimiser.clip) == ("b", 3, 0.25, 2.0)
    assert recipe.degradation.sampling == {"444": 1.0}


def test_steps_replace_the_minutes_of_what_is_extended():
    equal = read_recipe(RECIPES / "ablations" / "mend" / "equal.toml")
    assert (equal.steps, equal.minutes) == (2000, None)


def test_a_circle_of_extends_is_refused(tmp_path):
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.toml").write_text(f'extends = "{other}.toml"\n')
    with pytest.raises(InvalidRecipe, match="extends"):
        read_recipe(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"network": "nonesuch"}, "nonesuch"),
        ({"config": {"depth": 3}}, "no hyper-parameter 'depth'; there are: channels, kernels"),
        ({"optimiser": {"rats": 1}}, "optimiser.rats: no such key; there are: kind, adam"),
        ({"degradation": {"qualty": 1}}, "degradation.qualty: no such key; there are: qualities"),
        (
            {"phases": [{"share": 1.0, "crop": 16, "batch": 2, "bach": 1}]},
            "phases.0.bach: no such key; there are: share",
        ),
        ({"config": {"widths": [0, 1, 1]}}, "config"),
        ({"minutes": 5.0}, "budget"),
        ({"phases": [{"share": 0.5, "crop": 16, "batch": 2}]}, "add up to 1"),
        ({"phases": [{"share": 1.0, "crop": 17, "batch": 2}]}, "crop"),
        ({"phases": [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"l2": 1.0}}]}, "l2"),
        ({"stages": [{"auxiliary": "oracle", "share": 0.1, "crop": 16, "batch": 2}]}, "oracle"),
        ({"degradation": {"qualities": [[0, 5, 1.0]]}}, "degradation: qualities 0 to 5"),
        ({"degradation": {"qualities": [[5, 9, 0.0]]}}, "one share must be above 0"),
        ({"validation": {"qualities": [0]}}, r"validation\.qualities\.0: .* equal to 1; found 0"),
        ({"optimiser": {"betas": [0.9, 1.5]}}, r"optimiser\.betas\.1: .* less than 1; found 1\.5"),
        ({"optimiser": {"rate": float("inf")}}, r"optimiser\.rate: .* finite"),
        ({"optimiser": {"adam": "head"}}, r"optimiser\.adam: give a list; found 'head'"),
        ({"optimiser": 3}, "optimiser: give a table; found 3"),
        ({"phases": [3]}, r"phases\.0: give a table; found 3"),
        ({"phases": [{"share": 1.0, "crop": 16}]}, r"phases\.0\.batch: it is missing"),
        ({"config": {"widths": 4}}, "config of arcnn: widths: give a list; found 4"),
        ({"config": {"deviation": "x"}}, "config of arcnn: deviation: .* number; found 'x'"),
        ({"config": {"channels": 1.5}}, r"config of arcnn: channels: .* integer.*; found 1\.5"),
        ({"name": ""}, "name"),
        ({"stages": [JUDGE, JUDGE]}, "stages: judge stands twice; give one"),
        (
            {"optimiser": {"schedule": "halving", "final": 1.0}},
            r"optimiser\.final 1 with the schedule 'halving', .*leave",
        ),
        (
            {
                "network": "mdu",
                "config": {"scale": 3},
                "phases": [{"share": 1.0, "crop": 48, "batch": 2}],
                "degradation": {"found": 0.5},
            },
            r"degradation\.found with scale 3: .*; set it to 0",
        ),
        ({"project": True, "degradation": {"found": 0.5}}, r"project needs .*, degradation\.found moves it; leave one"),
        (
            {"network": "qgcn", "config": {}, "degradation": {"phase": "any"}},
            "'any': with this config qgcn reads tables",
        ),
        ({"network": "mend", "config": {"tables": "maps"}, "degradation": {"phase": "any"}}, "set it to 'corner'"),
        ({"network": "mend", "config": {"coefficients": True}, "degradation": {"phase": "any"}}, "set it to 'corner'"),
        ({"phases": GUIDED}, "loss 'quality_score': no stage trains or reads its ranker; add one"),
        ({"phases": GUIDED, "stages": [JUDGE]}, "quality_score"),
    ],
)
def test_mistakes_are_named(changes, named):
    with pytest.raises(InvalidRecipe, match=named):
        tiny(**changes)


def test_crops_at_any_place_of_the_grid_are_for_networks_that_read_no_maps():
    tiny(network="qgcn", config={"tables": False, "whole": False}, degradation={"phase": "any"})
    tiny(network="mend", config={}, degradation={"phase": "any"})


def test_a_recipe_that_is_not_there_says_where_they_are(tmp_path):
    (tmp_path / "above.toml").write_text('extends = "below.toml"\n')
    with pytest.raises(InvalidRecipe, match=r"below\.toml: no such file; recipes lie in .* repository"):
        read_recipe(tmp_path / "above.toml")


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbf" + (RECIPES / "arcnn.toml").read_bytes())
    assert read_recipe(tmp_path / "marked.toml") == read_recipe(RECIPES / "arcnn.toml")


def test_what_is_no_toml_is_called_so(pictures):
    with pytest.raises(InvalidRecipe, match=r"0\.png: .*; a recipe is a TOML file"):
        read_recipe(pictures / "0.png")


@pytest.mark.parametrize("value", ["3", "true", "['below.toml']", "{ a = 1 }", "2026-01-01"])
def test_extends_takes_a_text_alone(value, tmp_path):
    (tmp_path / "above.toml").write_text(f"extends = {value}\n")
    with pytest.raises(InvalidRecipe, match=r"above\.toml: extends: .*; give the path of a recipe as text"):
        read_recipe(tmp_path / "above.toml")


def test_overrides_reach_into_lists_and_replace_the_budget():
    recipe = read_recipe(RECIPES / "ablations/mend/gray.toml", {"phases.1.crop": 32, "phases.*.batch": 1, "steps": 5})
    assert [phase.crop for phase in recipe.phases] == [64, 32]
    assert {phase.batch for phase in recipe.phases} == {1}
    assert (recipe.steps, recipe.minutes) == (5, None)


@pytest.mark.parametrize("key", ["phases.7.crop", "phases.7", "phases.x", "optimiser.betas.2", "seed.x", "seed.x.y"])
def test_overrides_of_what_is_not_there_are_refused(key):
    with pytest.raises(InvalidRecipe, match=key):
        read_recipe(RECIPES / "dcsc.toml", {"seed": 1, key: 32})
    assert read_recipe(RECIPES / "dcsc.toml", {"optimiser.betas.*": 0.5}).optimiser.betas == (0.5, 0.5)


def test_stages_come_first_and_phases_share_one_course():
    recipe = read_recipe(RECIPES / "cqr.toml")
    stage, course = recipe.part_at(0.075)
    assert isinstance(stage, Stage)
    assert course == pytest.approx(0.5)
    phase, course = recipe.part_at(0.15 + 0.85 / 2)
    assert isinstance(phase, Phase)
    assert course == pytest.approx(0.5)


def test_a_recipe_survives_being_stored():
    recipe = read_recipe(RECIPES / "ablations" / "cqr" / "wide.toml")
    assert check_recipe(recipe.model_dump(mode="json")) == recipe
