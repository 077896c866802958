"""Proximal operators of MDU: soft threshold, piecewise linear function, equal sizes of the networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jpegmend.models.mdu import MDU, Config
from jpegmend.models.proximal import PiecewiseLinear, SoftThreshold

pytestmark = pytest.mark.usefixtures("seeded")


SMALL = {"stages": 2, "width": 4, "depth": 2}


def size(config):
    return sum(p.numel() for p in MDU(config).parameters())


@pytest.mark.parametrize("kind", ["densenet", "dla"])
@pytest.mark.parametrize("depth", [4, 10])
def test_other_networks_are_about_as_large_as_resnet(kind, depth):
    same = {"stages": 1, "depth": depth}
    assert size(Config(proximal=kind, **same)) == pytest.approx(size(Config(**same)), rel=0.1)


def test_soft_threshold_is_the_proximal_operator_of_the_l1_norm():
    operator = SoftThreshold(2).double()
    with torch.no_grad():
        operator.log_theta[:] = torch.tensor([0.3, 0.05]).log()[:, None, None]
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    z = torch.linspace(-1, 1, 4001, dtype=torch.float64)[:, None]
    for theta, answer in zip((0.3, 0.05), operator(x.repeat(1, 2, 1, 1))[0, :, 0], strict=True):
        best = z[(0.5 * (z - x) ** 2 + theta * z.abs()).argmin(0), 0]
        torch.testing.assert_close(answer, best, atol=6e-4, rtol=0)


def test_piecewise_linear_function_interpolates_and_goes_on_with_slope_one():
    operator = PiecewiseLinear(3, 7, torch.relu)
    x = torch.linspace(-2.3, 2.3, 50).reshape(1, 1, 5, 10).repeat(2, 3, 1, 1)
    inside = x.clamp(-1, 1)
    torch.testing.assert_close(operator(inside)[:, :, 0], inside.relu()[:, :, 0], atol=0.1, rtol=0)
    with torch.no_grad():
        operator.heights.copy_(torch.randn(3, 7))
    answer, points = operator(x).detach().numpy(), np.linspace(-1, 1, 7)
    for channel in range(3):
        heights = operator.heights[channel].detach().numpy()
        expected = np.interp(inside[:, channel], points, heights) + (x - inside)[:, channel].numpy()
        np.testing.assert_allclose(answer[:, channel], expected, atol=1e-6)
    torch.testing.assert_close(operator(points_as(x, 1.0))[0, :, 0, 0], operator.heights[:, -1])


def points_as(x, value):
    return torch.full_like(x, value)


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_gain_scales_the_last_convolutions_of_residuals_and_operators(gain):
    torch.manual_seed(1)
    start = MDU(Config(**SMALL, gain=gain)).state_dict()
    torch.manual_seed(1)
    plain = MDU(Config(**SMALL, gain=1.0)).state_dict()
    for name, tensor in start.items():
        scaled = name.endswith(("second.weight", "tail.weight"))
        torch.testing.assert_close(tensor, plain[name] * gain if scaled else plain[name], rtol=1e-6, atol=0)
