"""The measured receptive field of a trained network is never smaller than the true one."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from jpegmend.models import mend
from jpegmend.models.contract import Estimate, Observation
from jpegmend.training.receptive_field import measured_halo


class Far(nn.Module):
    """Adds a little of the pixel that lies ``distance`` rows above."""

    def __init__(self, distance: int, weight: float = 0.5) -> None:
        super().__init__()
        self.distance, self.weight = distance, weight

    def forward(self, seen: Observation) -> Estimate:
        above = nn.functional.pad(seen.planes, (0, 0, self.distance, 0))[:, :, : seen.planes.shape[2]]
        return Estimate(seen.planes + self.weight * above)


SPEC = replace(mend.SPEC, halo=lambda config: 128)


@pytest.mark.parametrize(("distance", "expected"), [(0, 16), (10, 16), (17, 32), (50, 64), (100, 112), (127, 128)])
def test_context_reaches_as_far_as_the_network_looks(distance: int, expected: int) -> None:
    assert measured_halo(Far(distance), SPEC, mend.Config()) == expected


def test_what_no_float_can_hold_does_not_count() -> None:
    assert measured_halo(Far(100, weight=1e-9), SPEC, mend.Config()) == 16


def test_small_fields_and_inexact_tiles_keep_theirs() -> None:
    near = replace(SPEC, halo=lambda config: 46)
    assert measured_halo(Far(0), near, mend.Config()) == 46
    assert measured_halo(Far(0), replace(SPEC, tiling="global"), mend.Config()) == 128


def test_untrained_mend_looks_at_nothing_but_the_pixel() -> None:
    torch.manual_seed(0)
    config = mend.Config(widths=(4, 4, 4), embedding=4)
    assert measured_halo(mend.Mend(config).eval(), mend.SPEC, config) == 16
