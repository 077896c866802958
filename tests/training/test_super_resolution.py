"""Super-resolution by 3, from two steps of training to a file that is enlarged; its loss and its validation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.conftest import tiny
from torch import nn

from jpegmend import cli, models, upscale
from jpegmend.data.pictures import read_pictures
from jpegmend.data.resampling import enlarge
from jpegmend.errors import InvalidRecipe
from jpegmend.models import mdu
from jpegmend.models.contract import Estimate, Observation
from jpegmend.training import loop, losses, receptive_field, validation
from jpegmend.training.run import RunSettings
from jpegmend.weights import read_card

CONFIG = {"scale": 3, "fold": 2, "stages": 2, "width": 4, "depth": 1, "atoms": 2}
EQ_24 = {"mae": 1.0, "last_artifacts": 1.0, "pictures": 0.1, "artifacts": 0.1}
PHASES = [{"share": 1.0, "crop": 48, "batch": 2, "losses": EQ_24}]


def test_two_steps_a_release_and_a_larger_picture(pictures, others, tmp_path):
    config = {**CONFIG, "stages": 1}
    recipe = tiny(name="sr", network="mdu", config=config, phases=PHASES, steps=2)
    before = mdu.MDU(mdu.Config(**config)).state_dict()
    state = loop.train(recipe, RunSettings(folder=tmp_path / "run", data=[pictures], validation=[others]))
    assert state.step == 2
    trained = state.network.state_dict()
    assert before.keys() == trained.keys()
    assert cli.run(["release", str(tmp_path / "run"), "--name", "sr", "--out", str(tmp_path)]) == 0
    card = read_card(tmp_path / "sr.json")
    assert card.scale == 3 and set(card.files) == {"onnx", "safetensors"}
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8).repeat(6, 0).repeat(6, 1)
    Image.fromarray(picture).save(tmp_path / "small.jpg", quality=50)
    by_onnx, by_torch = (upscale(tmp_path / "small.jpg", model=card, runtime=name) for name in ("onnx", "torch"))
    assert by_onnx.to_array(8).shape == (90, 126, 3)
    assert np.abs(by_onnx.to_array(16).astype(int) - by_torch.to_array(16)).max() < 66  # a thousandth
    # Two steps from a start near the identity: the larger picture is the small one, not yet a better one.
    bicubic = np.asarray(Image.open(tmp_path / "small.jpg").resize((126, 90), Image.Resampling.BICUBIC))
    assert np.abs(by_onnx.to_array(8).astype(float) - bicubic).mean() < 20


def test_losses_compare_o_above_and_h_below():
    """``H = J - Down(O)`` of the truth, ``Down`` the mean of 3x3 pixels (eq. 25)."""
    truth = torch.rand(1, 1, 12, 9)
    J = torch.rand(1, 1, 4, 3)
    expected = J - torch.from_numpy(truth.numpy().reshape(1, 1, 4, 3, 3, 3).mean((3, 5)))
    traces = {"O": (truth + 0.1, truth), "H": (expected + 0.2, expected + 0.05)}
    answer = losses.Answer(Estimate(truth, traces=traces), Observation(J, J, J), truth, torch.ones(1), {})
    for name, value in {"mae": 0, "pictures": 0.1, "artifacts": 0.2, "last_artifacts": 0.05}.items():
        assert float(losses.total({name: 1.0}, answer)) == pytest.approx(value, abs=1e-6)


class Bicubic(nn.Module):
    """What the gain is measured against, and a gray level more where ``brighter`` is set."""

    def __init__(self, brighter: float = 0.0) -> None:
        super().__init__()
        self.brighter = brighter

    def forward(self, seen, collect=False):
        return Estimate(enlarge(seen.planes, 3) + self.brighter)


def test_the_gain_is_that_over_bicubic_interpolation(pictures):
    spec, config = models.find("mdu"), mdu.Config(**CONFIG)
    found = validation.scores(Bicubic(), spec, config, read_pictures(pictures), qualities=(40,))
    assert found["gain_40"] == 0
    worse = validation.scores(Bicubic(0.1), spec, config, read_pictures(pictures), qualities=(40,))
    assert worse["gain_40"] < -1


def test_reach_is_measured_on_the_grid_of_the_input():
    config = mdu.Config(**CONFIG)
    network = mdu.MDU(config).eval()
    planes = torch.rand(1, 1, 160, 160)
    seen = Observation(planes, torch.ones(1, 1, 8, 8), torch.zeros(1, 2))
    run = receptive_field._run(network, seen)
    whole = run(planes[0].numpy())
    enough = -(-mdu.halo(config) // 8) * 8
    assert receptive_field.change(run, planes[0].numpy(), whole, enough, 8) < 1e-6
    assert receptive_field.change(run, planes[0].numpy(), whole, 8, 8) > 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": [{"share": 1.0, "crop": 64, "batch": 2}]}, "multiple of 48"),
        ({"project": True}, "another grid"),
        ({"degradation": {"social": 0.5}}, "social"),
        ({"degradation": {"phase": "any"}}, "phase"),
    ],
)
def test_recipes_that_cannot_enlarge_are_refused(changes, message):
    with pytest.raises(InvalidRecipe, match=message):
        tiny(network="mdu", **{"config": CONFIG, "phases": PHASES, **changes})
