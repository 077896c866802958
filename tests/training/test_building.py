"""Auxiliary networks: frozen beside and inside the main network, saved and loaded again; the rate of warm starts."""

import pytest
import torch
from safetensors.torch import load_file
from tests.training.conftest import tiny

from jpegmend.errors import InvalidRecipe
from jpegmend.models import files
from jpegmend.training import loop
from jpegmend.training.building import start
from jpegmend.training.run import RunSettings, open_run
from jpegmend.training.steps import step

RANKER = {"auxiliary": "ranker", "crop": 16, "batch": 2}
GUIDED = [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"mae": 1.0, "quality_score": 0.1}}]
DUAL = {
    "network": "dual",
    "config": {"stages": 2, "inner": 1, "features": 8, "units": 2, "reduced": 4, "classifier_features": 4},
    "steps": 4,
}
CLASSIFIER = {"auxiliary": "classifier", "crop": 16, "batch": 2}


def settings(folder, pictures, **more):
    return RunSettings(folder=folder, data=[pictures], **more)


def test_a_ranker_is_saved_and_begun_from_without_being_trained(pictures, tmp_path):
    stage = RANKER | {"share": 0.5, "config": {"widths": [4, 6]}}
    first = loop.train(tiny(stages=[stage], phases=GUIDED), settings(tmp_path / "first", pictures))
    weights = tmp_path / "first" / "auxiliary.ranker.safetensors"
    saved = load_file(weights)
    for key, value in first.networks["ranker"].state_dict().items():
        assert torch.equal(saved[key].float(), value.half().float() if value.is_floating_point() else value), key
    given = RANKER | {"share": 0.0, "weights": str(weights)}
    second = loop.train(tiny(stages=[given], phases=GUIDED), settings(tmp_path / "second", pictures))
    assert second.network_steps == 8
    for key, value in second.networks["ranker"].state_dict().items():
        assert torch.equal(value.float(), saved[key].float()), key


def test_weights_of_another_network_are_refused(pictures, tmp_path):
    stage = RANKER | {"share": 0.5, "config": {"widths": [4, 6]}}
    loop.train(tiny(stages=[stage], phases=GUIDED, steps=2), settings(tmp_path, pictures))
    weights = str(tmp_path / "auxiliary.ranker.safetensors")
    with pytest.raises(InvalidRecipe, match="wants a judge"):
        start(tiny(stages=[RANKER | {"auxiliary": "judge", "share": 0.0, "weights": weights}]))
    with pytest.raises(InvalidRecipe, match="does not fit"):
        start(tiny(stages=[RANKER | {"share": 0.0, "weights": weights, "config": {"widths": [4, 7]}}]))
    with pytest.raises(InvalidRecipe, match="needs weights"):
        tiny(stages=[RANKER | {"share": 0.0}])


def test_a_ranker_sees_the_planes_of_the_network(pictures, tmp_path):
    colour = {"network": "arcnn", "config": {"kernels": [3, 3], "widths": [4], "channels": 3, "deviation": 0.1}}
    stage = RANKER | {"share": 0.5, "config": {"widths": [4, 6]}}
    recipe = tiny(**colour, stages=[stage], phases=GUIDED, degradation={"sampling": {"420": 1.0}}, steps=4)
    state = loop.train(recipe, settings(tmp_path, pictures))
    assert state.networks["ranker"].config.channels == 3
    with pytest.raises(InvalidRecipe, match="channels 1"):
        tiny(**colour, stages=[stage | {"config": {"channels": 1}}])


def test_a_classifier_inside_the_network_stays_frozen_after_a_warm_start(pictures, tmp_path):
    """Also where the recipe of the second run has no stage that says so; all else that has a gradient moves."""
    loop.train(tiny(**DUAL, stages=[CLASSIFIER | {"share": 0.5}]), settings(tmp_path / "a", pictures))
    weights = tmp_path / "a" / "average.safetensors"
    before = start(tiny(**DUAL), warm_start=weights).network.state_dict()
    state = loop.train(tiny(**DUAL), settings(tmp_path / "b", pictures, warm_start=weights))
    after = state.network.state_dict()
    inner = [key for key in after if key.startswith("classifier.")]
    assert inner
    assert all(torch.equal(before[key], after[key]) for key in inner)
    assert not any(parameter.requires_grad for parameter in state.network.classifier.parameters())
    assert any(not torch.equal(before[key], after[key]) for key in after.keys() - set(inner))


@pytest.mark.parametrize("partly", [False, True])
def test_a_classifier_that_a_stage_reads_is_not_replaced_by_that_of_a_warm_start(pictures, tmp_path, partly):
    for name, seed in (("a", 1), ("b", 2)):
        recipe = tiny(**DUAL | {"steps": 2}, seed=seed, stages=[CLASSIFIER | {"share": 0.5}])
        loop.train(recipe, settings(tmp_path / name, pictures))
    given = CLASSIFIER | {"share": 0.0, "weights": str(tmp_path / "a/auxiliary.classifier.safetensors")}
    begun = start(tiny(**DUAL, stages=[given]), warm_start=tmp_path / "b/average.safetensors", partly=partly)
    read, rest = load_file(given["weights"]), load_file(tmp_path / "b/average.safetensors")
    for key, tensor in begun.average.items():
        inner = key.removeprefix("classifier.")
        assert torch.equal(tensor, (read[inner] if inner != key else rest[key]).float()), key


def test_a_classifier_that_nothing_trains_is_refused(pictures, tmp_path):
    """It would stay as it was drawn, frozen. Without f_s there is none; a checkpoint holds it, as it was."""
    with pytest.raises(InvalidRecipe, match=r"nothing trains the classifier of dual.*--warm-start"):
        loop.train(tiny(**DUAL), settings(tmp_path / "none", pictures))
    assert not (tmp_path / "none").exists()
    plain = DUAL | {"config": DUAL["config"] | {"semantic": False}}
    loop.train(tiny(**plain), settings(tmp_path / "plain", pictures))
    weights = tmp_path / "plain" / "average.safetensors"
    with pytest.raises(InvalidRecipe, match="nothing trains the classifier"):
        start(tiny(**DUAL), warm_start=weights, partly=True)
    staged = tiny(**DUAL, stages=[CLASSIFIER | {"share": 0.5}])
    loop.train(staged, settings(tmp_path / "staged", pictures))
    start(tiny(**DUAL), warm_start=tmp_path / "staged" / "average.safetensors", partly=True)
    wider = DUAL | {"config": DUAL["config"] | {"classifier_features": 6}}
    with pytest.raises(InvalidRecipe, match="nothing trains the classifier"):
        start(tiny(**wider), warm_start=tmp_path / "staged" / "average.safetensors", partly=True)


@pytest.mark.parametrize("facts", [{}, {"steps": 5, "seconds": 1}], ids=["steps unknown", "steps known"])
def test_the_rate_rises_after_every_warm_start_also_where_the_run_was_resumed(facts, pictures, tmp_path):
    """Weights that were converted from files of others do not tell their steps; the first step is at rate 0."""
    recipe = tiny(optimiser={"rate": 1e-3, "warmup": 0.0}, steps=200)
    fresh, weights = start(recipe), tmp_path / "converted.safetensors"
    files.save_weights(weights, "arcnn", fresh.config, fresh.average, facts)
    begun = start(recipe, warm_start=weights)
    begun.save(tmp_path / "checkpoint.pt")
    (tmp_path / "bare").mkdir()
    fresh.save(tmp_path / "bare" / "checkpoint.pt")
    for folder, rate in ((tmp_path, 0.0), (tmp_path / "bare", 1e-3)):
        run = open_run(recipe, settings(folder, pictures, resume=True))
        step(run)
        assert [group["lr"] for group in run.state.optimisers["network"].param_groups] == [rate]
