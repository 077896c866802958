"""Training data of super-resolution: Pillow's bicubic interpolation, files of the smaller size, truth of the larger."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image

from jpegmend.data.degradation import Degradation, degrade
from jpegmend.data.resampling import degrade_reduced, enlarge, reduce


@pytest.fixture
def clean():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (2, 3, 12, 18)).astype(np.uint8)
    return torch.from_numpy(small.repeat(8, 2).repeat(8, 3))


@pytest.mark.parametrize("scale", [2, 3])
def test_reducing_is_pillows_bicubic_interpolation(clean, scale):
    found = reduce(clean.float(), scale)
    for picture, smaller in zip(clean.flatten(0, 1), found.flatten(0, 1), strict=True):
        image = Image.fromarray(picture.numpy().astype(np.float32))
        expected = np.asarray(image.resize((144 // scale, 96 // scale), Image.Resampling.BICUBIC))
        assert np.abs(smaller.numpy() - expected.clip(0, 255)).max() < 0.51


def test_enlarging_is_pillows_bicubic_interpolation(clean):
    plane = clean[:1, :1].float()
    image = Image.fromarray(plane[0, 0].numpy())
    expected = np.asarray(image.resize((432, 288), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(enlarge(plane, 3)[0, 0].numpy(), expected, atol=0.01)
    assert enlarge(plane, 1) is plane


@pytest.mark.parametrize("sampling", ["gray", "420"])
@pytest.mark.parametrize("studio", [0.0, 1.0])
def test_the_truth_is_the_picture_of_which_a_smaller_one_is_seen(clean, sampling, studio):
    """At quality 100 what is seen is the truth reduced: the same range of Y, the same colours, nothing shifted."""
    degradation = Degradation(qualities=((100, 100, 1.0),), sampling={sampling: 1.0}, studio=studio)
    seen, truth = degrade_reduced(clean, degradation, random.Random(0), 3)
    assert seen.planes.shape == (2, 3, 32, 48) and truth.shape == (2, 3, 96, 144)
    luma = reduce(truth[:, :1] * 255, 3) / 255
    assert (seen.planes[:, :1] - luma).abs().mean() < 1.5 / 255
    assert (seen.planes.mean((2, 3)) - truth.mean((2, 3))).abs().max() < 2 / 255


def test_without_a_scale_it_is_the_usual_degradation(clean):
    degradation = Degradation(sampling={"gray": 0.5, "420": 0.5})
    found, expected = (draw(clean, degradation, random.Random(4)) for draw in (_plain, degrade))
    assert torch.equal(found[0].planes, expected[0].planes)
    assert torch.equal(found[1], expected[1])


def _plain(clean, degradation, rng):
    return degrade_reduced(clean, degradation, rng, 1)
