"""The linear operators of MDU: adjoints are adjoints, and the dictionary's is PyTorch's transposed convolution."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from jpegmend.models.mdu import Config
from jpegmend.models.mdu_operators import Dictionary, down, down_adjoint

pytestmark = pytest.mark.usefixtures("seeded")


def dictionary(config):
    return Dictionary(config.grid_channels, config.dictionary_atoms, config.dilations)


@pytest.mark.parametrize("options", [{}, {"channels": 3}, {"fold": 2}])
@pytest.mark.parametrize("dilations", [(1,), (1, 2, 4)])
def test_transposed_convolution_is_the_adjoint_of_the_dictionary(options, dilations):
    config = Config(**options, dilations=dilations, atoms=5)
    W = dictionary(config).double()
    m = torch.randn(2, 5 * len(dilations), 9, 11, dtype=torch.float64)
    r = torch.randn(2, config.grid_channels, 9, 11, dtype=torch.float64)
    torch.testing.assert_close((W(m) * r).sum(), (m * W.adjoint(r)).sum())
    torch.testing.assert_close(torch.stack(W.layers(m)).sum(0), W(m))


def test_adjoint_is_pytorchs_transposed_convolution():
    W, r = dictionary(Config()), torch.rand(2, 1, 23, 31)
    kernels = zip(W.W.chunk(3, 1), (1, 2, 4), strict=True)
    expected = [functional.conv_transpose2d(r, w, padding=d, dilation=d) for w, d in kernels]
    torch.testing.assert_close(W.adjoint(r), torch.cat(expected, 1), atol=5e-7, rtol=0)


def test_first_step_is_a_descent():
    """Gradient descent needs ``eta_1 |W|^2 < 2``; power iteration gives ``|W|^2``."""
    W, m = dictionary(Config()), torch.randn(1, 144, 24, 24)
    with torch.no_grad():
        for _ in range(30):
            m = W.adjoint(W(m / m.norm()))
    assert 0.1 * m.norm() < 0.5


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("factor", [1, 2])
def test_replication_is_the_adjoint_of_down(scale, factor):
    o = torch.randn(2, factor**2, 5 * scale, 4 * scale, dtype=torch.float64)
    r = torch.randn(2, factor**2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close((down(o, scale, factor) * r).sum(), (o * down_adjoint(r, scale, factor)).sum())
    torch.testing.assert_close(down(down_adjoint(r, scale, factor), scale, factor), r / scale**2)
