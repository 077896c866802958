"""Measures the effective receptive field of a trained network, which decides the halo of its tiles.

Every pixel of a halo is computed twice. Pixels near the edge of the theoretical receptive field change the output by
less than float32 rounding, so a card may state a smaller halo.

Shape letters: C planes, H W pixels.
"""

from __future__ import annotations

import random
from math import lcm
from typing import Any

import numpy as np
import torch
from torch import nn

from jpegmend.adoption.receptive_field import Run, change, draw_discs
from jpegmend.data.degradation import Degradation, degrade
from jpegmend.models.contract import Observation, Spec
from jpegmend.runtimes import Floats
from jpegmend.training.planes import select_planes

TOLERANCE = 2e-7
"""Largest change in 0..1 that a smaller halo may cause on the drawing: the last digits of float32. Photographs have
been seen two hundred times worse (mend-s at quality 3), and tiles promise 1e-4."""
_SMALL_HALO = 64
"""Halos up to this many pixels are not measured: little is saved by smaller ones."""
_KINDS = (("gray", 3), ("gray", 40), ("gray", 90), ("420", 3), ("420", 12), ("420", 40), ("420", 90))
"""Sampling and quality of the files measured: the effective receptive field is largest at low quality, and some levels
of a network respond at high quality only."""


def measured_halo(network: nn.Module, spec: Spec, config: Any) -> int:
    """The smallest halo in pixels, in eighths of the receptive field's radius, that changes the output by no more than
    :data:`TOLERANCE` on a compressed drawing of discs of every size.

    The radius itself where it is small or tiles are not exact. ``network`` has its trained weights and is in evaluation
    mode.
    """
    halo = spec.halo(config)
    if halo <= _SMALL_HALO or spec.tiling != "exact":
        return halo
    step = lcm(8, spec.multiple)
    shares = sorted({-(-halo * eighth // 8 // step) * step for eighth in range(1, 8)})
    needed = 0
    for seen in _observations(spec, config, side=-(-(2 * halo + 4 * step) // step) * step):
        run, planes = _run(network, seen), seen.planes[0].numpy()
        whole = run(planes)
        changes = ((share, change(run, planes, whole, share, step)) for share in shares)
        needed = max(needed, next((share for share, worst in changes if worst <= TOLERANCE), halo))
    return needed


def _run(network: nn.Module, seen: Observation) -> Run:
    """The network's output for planes ``[C, H, W]`` with the tables and the sampling of ``seen``."""

    @torch.inference_mode()
    def run(planes: Floats) -> Floats:
        answer = network(seen._replace(planes=torch.from_numpy(planes)[None])).planes[0]
        return np.asarray(answer.numpy(), np.float32)

    return run


def _observations(spec: Spec, config: Any, side: int) -> list[Observation]:
    """The drawing compressed with every sampling and quality measured, as inputs of the network."""
    kind = spec.planes(config)
    rng = random.Random(0)
    clean = torch.from_numpy(draw_discs(side).transpose(2, 0, 1)[None].copy())
    found = []
    for sampling, quality in _KINDS:
        if kind == "y" and sampling != "gray":
            continue
        degradation = Degradation(qualities=((quality, quality, 1.0),), sampling={sampling: 1.0})  # type: ignore[dict-item]
        seen, _, _ = select_planes(kind, *degrade(clean, degradation, rng), 1.0)
        found.append(seen)
    return found
