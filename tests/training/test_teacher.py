"""Distillation: the loss ``teacher`` compares with what another trained network answers to the same file."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.training.conftest import tiny

from jpegmend import weights
from jpegmend.data.degradation import degrade
from jpegmend.errors import InvalidRecipe
from jpegmend.runtimes import FLIPS, MeanOfFlips, PictureFacts, load
from jpegmend.training import losses, steps
from jpegmend.training.run import RunSettings, open_run

PHASES = [{"share": 1.0, "crop": 16, "batch": 2, "losses": {"teacher": 1.0}}]


def opened(recipe, tmp_path, pictures, **more):
    run = open_run(recipe, RunSettings(folder=tmp_path / "run", data=[pictures], **more))
    steps.set_trainable(run, "network")
    return run


def its_own(tmp_path, pictures, **changes):
    """A run of a released network that is its own teacher."""
    recipe = tiny(network="mend", config={}, teacher="mend-s", phases=PHASES, **changes)
    return opened(recipe, tmp_path, pictures, warm_start=weights.path(weights.find("mend-s"), "safetensors"))


def test_a_network_that_is_its_own_teacher_has_nothing_to_learn(pictures, tmp_path):
    run = its_own(tmp_path, pictures)
    assert float(steps.step(run)) == pytest.approx(math.log(losses.LOG_FLOOR), abs=1e-3)


def test_the_network_comes_nearer_to_its_teacher_which_stays(pictures, tmp_path):
    recipe = tiny(teacher="mend-s", phases=PHASES, steps=60, optimiser={"rate": 1e-2})
    run = opened(recipe, tmp_path, pictures)
    before = {name: tensor.clone() for name, tensor in run.teacher.network.state_dict().items()}
    found = [float(steps.step(run)) for _ in range(60)]
    assert sum(found[-5:]) < sum(found[:5]) - 5
    assert all(torch.equal(before[name], tensor) for name, tensor in run.teacher.network.state_dict().items())


def test_the_mirrored_teacher_is_in_the_mean_what_thorough_answers(pictures, tmp_path):
    """Against ONNX Runtime, which restores the picture and its three mirror images."""
    run = opened(tiny(teacher="mend-s", phases=PHASES), tmp_path, pictures)
    seen, _ = degrade(run.pictures.crops(1, 48, random.Random(5)), run.recipe.degradation, random.Random(7))
    seen = seen._replace(sampling=torch.full_like(seen.sampling, 2))
    teacher = replace(run.teacher, luma_alone=False)
    taught = torch.stack([teacher(seen, axes) for axes in FLIPS[4]])
    runtime = MeanOfFlips(load("mend-s", runtime="onnx"), 4)
    expected = runtime(seen.planes[0].numpy(), seen.tables[0].numpy(), PictureFacts(sampling=(2, 2))).planes
    assert np.abs(taught.mean(0)[0].numpy() - expected).max() < 2e-3
    assert float((taught[0] - taught[3]).abs().max()) > 4e-3


def test_a_network_learns_from_its_own_answers_to_mirror_images(pictures, tmp_path):
    run = its_own(tmp_path, pictures, teacher_mirrored=True)
    assert float(steps.step(run)) > math.log(losses.LOG_FLOOR) + 1e-2


@pytest.mark.parametrize("change", [{"teacher": "dcsc-c"}, {"phases": PHASES}])
def test_the_loss_and_the_name_of_the_teacher_need_each_other(change):
    with pytest.raises(InvalidRecipe, match="need each other"):
        tiny(**change)


def test_a_teacher_of_colour_teaches_a_network_of_luma(pictures, tmp_path):
    """The default network sees gray pictures as it does in its own training, and its luma is the target."""
    recipe = tiny(teacher="mend-s", phases=PHASES)
    run = opened(recipe, tmp_path, pictures)
    clean = run.pictures.crops(2, 32, random.Random(5))
    seen, truth = degrade(clean, recipe.degradation, random.Random(7))
    taught = run.teacher(seen)
    assert taught.shape == (2, 1, 32, 32)
    error, before = losses.mse(taught, truth[:, :1]).mean(), losses.mse(seen.planes, truth)[:, :1].mean()
    assert error < 0.9 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "mend", "config": {}, "teacher": "dcsc-c"}, "dcsc-c works on y, mend on ycbcr; name one"),
        ({"teacher": "mdu-sr-x3"}, "enlarge neither teach nor learn"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(pictures, tmp_path, change, message):
    with pytest.raises(InvalidRecipe, match=message):
        opened(tiny(phases=PHASES, **change), tmp_path, pictures)
