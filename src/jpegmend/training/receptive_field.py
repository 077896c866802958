"""Measures the effective receptive field of a trained network, which decides the halo of its tiles.

Every pixel of a halo is computed twice. Pixels near the edge of the theoretical receptive field change the output by
less than float32 rounding, so a card may state a smaller halo.

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

import random
from itertools import product
from math import lcm
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.data.degradation import Degradation, degrade
from jpegmend.models.contract import Observation, Spec
from jpegmend.training.planes import select_planes

TOLERANCE = 2e-7
"""Largest change in 0..1 that a smaller halo may cause on the drawing: the last digits of float32. Photographs have
been seen two hundred times worse (mend-s at quality 3), and tiles promise 1e-4."""
_NEAR = 64
"""Halos up to this many pixels are not measured: little is saved by smaller ones."""
_KINDS = (("gray", 3), ("gray", 40), ("gray", 90), ("420", 3), ("420", 12), ("420", 40), ("420", 90))
"""Sampling and quality of the files measured: the effective receptive field is largest at low quality, and some levels
of a network respond at high quality only."""
_LEAVES = 1500
"""Discs in the drawing."""


def measured_halo(network: nn.Module, spec: Spec, config: Any) -> int:
    """The smallest halo in pixels, in eighths of the receptive field's radius, that changes the output by no more than
    :data:`TOLERANCE` on a compressed drawing of discs of every size.

    The radius itself where it is small or tiles are not exact. ``network`` has its trained weights and is in evaluation
    mode.
    """
    halo = spec.halo(config)
    if halo <= _NEAR or spec.tiling != "exact":
        return halo
    step = lcm(8, spec.multiple)
    shares = sorted({-(-halo * eighth // 8 // step) * step for eighth in range(1, 8)})
    needed = 0
    for seen in _observations(spec, config, side=-(-(2 * halo + 4 * step) // step) * step):
        with torch.inference_mode():
            whole = network(seen).planes
        changes = ((share, _change(network, seen, whole, share, step)) for share in shares)
        needed = max(needed, next((share for share, change in changes if change <= TOLERANCE), halo))
    return needed


def _observations(spec: Spec, config: Any, side: int) -> list[Observation]:
    """The drawing compressed with every sampling and quality measured, as inputs of the network."""
    kind = spec.planes(config)
    rng, clean = random.Random(0), _leaves(side)
    found = []
    for sampling, quality in _KINDS:
        if kind == "y" and sampling != "gray":
            continue
        degradation = Degradation(qualities=((quality, quality, 1.0),), sampling={sampling: 1.0})  # type: ignore[dict-item]
        seen, _, _ = select_planes(kind, *degrade(clean, degradation, rng), 1.0)
        found.append(seen)
    return found


def _leaves(side: int) -> Tensor:
    """A drawing ``[1, 3, side, side]`` uint8 of overlapping discs of every size and colour (dead leaves)."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    picture = torch.full((3, side, side), 127.0)
    for _ in range(_LEAVES):
        across, down, size, *colour = torch.rand(6, generator=generator).tolist()
        # The number of discs falls with the third power of their size, as that of objects in photographs.
        radius = side / 2 / (1 + 40 * size**0.5)
        inside = (y - down * side) ** 2 + (x - across * side) ** 2 < radius**2
        picture[:, inside] = 255 * torch.tensor(colour)[:, None]
    return picture[None].to(torch.uint8)


@torch.inference_mode()
def _change(network: nn.Module, seen: Observation, whole: Tensor, halo: int, step: int) -> float:
    """The largest difference to the output ``whole`` at nine places, with only ``halo`` pixels around each as input."""
    planes, side, worst = seen.planes, seen.planes.shape[-1], 0.0
    s = whole.shape[-1] // side
    starts = [round((side - step) * place / step) * step for place in (0.35, 0.5, 0.65)]
    for top, left in product(starts, starts):
        rows, columns = (slice(max(0, start - halo), min(side, start + step + halo)) for start in (top, left))
        part = network(seen._replace(planes=planes[..., rows, columns])).planes
        inside = part[..., s * (top - rows.start) :, s * (left - columns.start) :][..., : s * step, : s * step]
        seen_whole = whole[..., s * top : s * (top + step), s * left : s * (left + step)]
        worst = max(worst, float((seen_whole - inside).abs().max()))
    return worst
