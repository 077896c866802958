"""MDU on a folded grid: equal to the plain network on folded pixels, exact tiles, losses at full resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from jpegmend.models.mdu import MDU, SPEC, Config, halo
from jpegmend.training.losses import Answer, total

pytestmark = pytest.mark.usefixtures("seeded")
SMALL = {"stages": 2, "width": 4, "depth": 2}


@pytest.mark.parametrize(("height", "width"), [(14, 18), (13, 17)])
def test_folded_network_is_the_plain_one_on_four_planes(observed, height, width):
    """Of the pixels of a cell, made by numpy; sides that are odd are first padded at the end with their last line."""
    folded, plain = MDU(Config(**SMALL, fold=2)), MDU(Config(**SMALL, channels=4))
    plain.load_state_dict(folded.state_dict())
    seen = observed(2, 1, height, width)
    padded = np.pad(seen.planes.numpy(), ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    cells = np.concatenate([padded[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], 1)
    expected = plain(seen._replace(planes=torch.from_numpy(cells)), collect=True)
    told = folded(seen, collect=True)
    assert torch.equal(told.traces["O"][-1], told.planes)
    for name in ("O", "H", "H_by_dilation"):
        for answer, on_cells in zip(told.traces[name], expected.traces[name], strict=True):
            pixels = functional.pixel_shuffle(on_cells, 2)[..., :height, :width]
            torch.testing.assert_close(answer, pixels, rtol=0, atol=1e-6)


def test_losses_see_folded_pictures_in_pixels(observed):
    """Eq. 24 of a network whose O and H are those of the truth is 0, at odd sides too."""
    seen = observed(1, 1, 13, 17)
    network = MDU(Config(**{**SMALL, "stages": 1}, fold=2))
    told = network(seen, collect=True)
    truth = told.planes.detach()
    answer = Answer(told, seen, truth, torch.ones(1), {})
    assert total({"mae": 1.0}, answer) == 0
    H = told.traces["H"][-1]
    expected = (H - (seen.planes - truth)).abs().mean()
    torch.testing.assert_close(total({"last_artifacts": 1.0}, answer), expected)


@pytest.mark.parametrize("factor", [2, 4])
def test_tiles_of_a_folded_network_are_exact(observed, factor):
    """A tile that begins with a cell, with the halo around it, has the answer of the whole picture."""
    config = Config(stages=2, width=4, depth=1, dilations=(1, 2), fold=factor)
    network, context = MDU(config).eval(), -(-halo(config) // 8) * 8
    seen = observed(1, 1, 2 * context + 35, 2 * context + 21)
    with torch.no_grad():
        whole = network(seen).planes
        part = network(seen._replace(planes=seen.planes[..., 8:, 16:])).planes
    inside = (..., slice(8 + context, None), slice(16 + context, None))
    torch.testing.assert_close(part[..., context:, context:], whole[inside], rtol=0, atol=1e-6)


def test_halo_of_a_folded_super_resolution_is_an_upper_bound(reach):
    """At most two pixels above the reach: which pixels of a cell see furthest depends on how the scales divide."""
    config = Config(stages=2, width=3, depth=1, dilations=(1, 2), steps=(0.1, 0.5), fold=2, scale=3)
    assert halo(config) - 2 <= reach(SPEC, config, 91) <= halo(config)
