"""Validation during training: windows as in inference, the qualities of the recipe, colour."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from tests import tiny_networks
from tests.training.conftest import tiny
from torch import nn

from jpegmend import models, restore
from jpegmend.data import codec, pack
from jpegmend.data.degradation import Degradation, table_pair
from jpegmend.data.pictures import load_rgb, read_pictures
from jpegmend.errors import InputError, MissingData
from jpegmend.models.contract import Estimate, Observation
from jpegmend.training import loop, saving, validation
from jpegmend.training.recipe_checks import read_recipe
from jpegmend.training.run import RunSettings


class Convolutions(nn.Module):
    """Those of an ONNX file, without padding of the windows' surroundings: what lies outside is 0."""

    def __init__(self, path):
        super().__init__()
        self.kernels = [torch.tensor(onnx.numpy_helper.to_array(k)) for k in onnx.load(path).graph.initializer]

    def forward(self, seen, collect=False):
        planes = seen.planes
        for kernel in self.kernels:
            planes = nn.functional.conv2d(planes, kernel, padding=kernel.shape[-1] // 2)
        return Estimate(planes)


def test_windows_are_those_of_inference(tmp_path):
    """The same network by ONNX and the whole pipeline, window for window, on a picture of an odd number of windows."""
    card = tiny_networks.blur(tmp_path, 4, 2, planes="y", tiling="window", window=64)
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (11, 16)), np.ones((16, 16))).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=20)
    expected = restore(stream.getvalue(), model=card, keep_planes=True, consistent=False).planes[0]
    luma, chroma = (table[None] for table in table_pair(20, torch.device("cpu")))
    seen = codec.observe(codec.compress(torch.tensor(pixels)[None, None].float(), luma, chroma, "gray"))
    seen = Observation(seen.planes[:, :1], seen.tables[:, :1], seen.sampling)
    spec = replace(models.find("rnan"), window=64, halo=lambda config: 8)
    found = validation.run(Convolutions(tmp_path / "blur.onnx"), spec, None, seen)[0, 0]
    assert np.abs(found.numpy() - expected).max() < 1e-5
    whole = Convolutions(tmp_path / "blur.onnx")(seen).planes[0, 0]
    assert np.abs(whole.numpy() - expected).max() > 0.01


def test_tables_and_sampling_go_to_every_window_of_every_picture():
    """A network whose answer is its pixels plus a number from each table: windows of two pictures do not mix."""

    def network(seen, collect=False):
        return Estimate(seen.planes + seen.tables.mean((2, 3))[..., None, None])

    seen = Observation(torch.rand(2, 1, 48, 160), torch.rand(2, 1, 8, 8), torch.zeros(2, 2))
    spec = replace(models.find("rnan"), window=32, halo=lambda config: 8)
    torch.testing.assert_close(validation.run(network, spec, None, seen), network(seen).planes)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(8, 42, 1.0)], (10, 20, 30, 40)),
        ([(5, 45, 0.7), (45, 98, 0.3)], (10, 20, 30, 40, 90)),
        ([(10, 10, 1.0), (30, 30, 1.0), (90, 90, 0.0)], (10, 30)),
        ([(70, 70, 1.0)], (70,)),
    ],
)
def test_the_qualities_are_those_that_are_trained(ranges, expected):
    assert validation.trained_qualities(Degradation(qualities=tuple(ranges))) == expected


class Identity(nn.Module):
    """Answers what it sees."""

    def forward(self, seen, collect=False):
        return Estimate(seen.planes)


@pytest.mark.parametrize("network", ["mend", "qgcn"])
def test_colour_is_validated_on_rgb(pictures, network):
    """An identity gains nothing, and its PSNR is near that of Pillow's file against the picture, by scikit-image."""
    spec = models.find(network)
    found = validation.scores(Identity(), spec, spec.config(), read_pictures(pictures), qualities=[10], colour=20)
    assert found.keys() == {"psnr_10", "gain_10", "colour_psnr_20", "colour_gain_20"}
    assert found["gain_10"] == found["colour_gain_20"] == 0
    expected = []
    for path in sorted(pictures.glob("*.png")):
        rgb = load_rgb(path).permute(1, 2, 0).numpy()
        stream = io.BytesIO()
        Image.fromarray(rgb).save(stream, "JPEG", quality=20, subsampling="4:2:0")
        expected.append(peak_signal_noise_ratio(rgb, np.array(Image.open(stream))))
    assert found["colour_psnr_20"] == pytest.approx(np.mean(expected), abs=0.05)


def test_pictures_that_are_exact_leave_the_mean_finite(tmp_path):
    """A black page is exact as a JPEG of quality 90; one network keeps it, another changes it."""
    Image.new("RGB", (32, 32)).save(tmp_path / "black.png")
    spec = models.find("dcsc")
    found = validation.scores(Identity(), spec, spec.config(), read_pictures(tmp_path), qualities=[90])
    assert found == {"psnr_90": pytest.approx(58.9226, abs=1e-3), "gain_90": 0.0}
    brighter = nn.Module()
    brighter.forward = lambda seen, collect=False: Estimate(seen.planes + 2 / 255)
    found = validation.scores(brighter, spec, spec.config(), read_pictures(tmp_path), qualities=[90])
    assert found["gain_90"] == pytest.approx(42.11 - 58.92, abs=0.01)


def test_small_pictures_are_left_out_and_those_after_them_taken(pictures, tmp_path, capsys):
    """Sides of 15 and 16 pixels; the first by name are too small, and one that is not read no longer counts."""
    for name, size in (("a", (200, 15)), ("b", (15, 200)), ("c", (16, 16)), ("d", (33, 17)), ("e", (15, 15))):
        Image.effect_noise(size, 40).convert("RGB").save(tmp_path / f"{name}.png")
    found, left_out = validation.load_pictures([tmp_path, pictures], most=2, scale=1)
    assert [tuple(picture.shape) for picture in found] == [(3, 16, 16), (3, 17, 33)]
    assert left_out == 2
    with pytest.raises(MissingData, match="sides of 32"):
        validation.load_pictures([tmp_path], most=9, scale=2)
    state = loop.train(tiny(), RunSettings(folder=tmp_path / "run", data=[pictures], validation=[tmp_path]))
    assert state.best > float("-inf")
    assert "too small: 3" in capsys.readouterr().out


def test_halved_pictures_are_those_of_a_folder_with_each_at_half_its_size(pictures, others, tmp_path):
    for name in ("all", "halves"):
        (tmp_path / name).mkdir()
    Image.effect_noise((64, 30), 40).convert("RGB").save(tmp_path / "all" / "a.png")  # half of 30 is too little
    for path in others.glob("*.png"):
        with Image.open(path) as picture:
            picture.save(tmp_path / "all" / path.name)
            picture.reduce(2).save(tmp_path / "halves" / path.name)
    found = []
    for folder, halved in (("all", False), ("all", True), ("halves", False)):
        recipe = tiny(validation={"halved": halved, "qualities": [90]})
        run = tmp_path / f"{folder} {halved}"
        loop.train(recipe, RunSettings(folder=run, data=[pictures], validation=[tmp_path / folder]))
        found.append(json.loads((run / "log.jsonl").read_text().splitlines()[-1])["gain_90"])
    assert found[0] != found[1] == found[2]


@pytest.mark.parametrize("name", models.NETWORKS)
def test_every_network_is_validated_on_the_smallest_pictures(name):
    spec = models.find(name)
    for config in spec.small_configs():
        side = 16 * spec.scale(config)
        picture = torch.randint(0, 256, (3, side, side), dtype=torch.uint8)
        found = validation.scores(spec.build(config), spec, config, [picture], qualities=[30], colour=30)
        assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda path: Image.new("RGB", (15, 40)).save(path / "a.png"),
            MissingData,
            "of 1 pictures none has sides of 16",
        ),
        (lambda path: (path / "a.png").write_bytes(b"nothing"), InputError, r"a\.png cannot be read"),
        (lambda path: None, MissingData, "no pictures there"),
    ],
    ids=["small", "damaged", "none"],
)
def test_what_cannot_be_validated_is_told_before_the_first_step(make, error, message, pictures, tmp_path):
    (tmp_path / "pictures").mkdir()
    make(tmp_path / "pictures")
    run = RunSettings(folder=tmp_path / "run", data=[pictures], validation=[tmp_path / "pictures"])
    with pytest.raises(error, match=message):
        loop.train(tiny(), run)
    assert not run.folder.exists()


def test_a_packed_set_is_validated_like_its_folder(pictures, tmp_path):
    found = sorted(pictures.glob("*.png"))
    index = [(path.name, *load_rgb(path).shape[1:]) for path in found]
    pack.write(tmp_path / "packed.npy", index, map(load_rgb, found))
    for one, other in zip(
        *(validation.load_pictures([p], most=9, scale=1)[0] for p in (pictures, tmp_path / "packed.npy")), strict=True
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["mend-s", "qgcn-c"])
def test_the_documentation_names_the_key_of_the_validation_in_colour(name):
    root = Path(__file__).parents[2]
    _, colour = saving._cases(read_recipe(root / "recipes" / f"{name}.toml", {}))
    assert f"`colour_gain_{colour}` for `{name}`" in (root / "docs/training.md").read_text("utf-8")


def test_the_best_weights_are_those_of_the_highest_mean_gain(pictures, others, tmp_path):
    assert validation.mean_gain({"gain_10": 1.0, "gain_40": 2.0, "colour_gain_20": 6.0, "psnr_10": 30.0}) == 3.0
    recipe = tiny(validation={"pictures": 1, "qualities": [15], "share": 1.0}, optimiser={"rate": 0.5}, ema=0.0)
    state = loop.train(recipe, RunSettings(folder=tmp_path, data=[pictures], validation=[others], save_every=0.0))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all({key for key in line if "_15" in key} == {"gain_15", "psnr_15"} for line in lines)
    assert state.best == max(line["gain_15"] for line in lines)
    assert (tmp_path / "best.safetensors").exists()


def test_validation_takes_no_more_than_its_share_of_the_time(pictures, others, tmp_path):
    """With the smallest share only the first save and the last are validated."""
    recipe = tiny(steps=6, validation={"share": 1e-6, "pictures": 1})
    loop.train(recipe, RunSettings(folder=tmp_path, data=[pictures], validation=[others], save_every=0.0))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert ["gain_10" in line for line in lines] == [True, *[False] * (len(lines) - 2), True]
