"""Selection of the input planes of a network from a batch: luma, YCbCr or RGB.

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jpegmend.data import codec
from jpegmend.models.contract import Observation, Planes


def select_planes(kind: Planes, seen: Observation, truth: Tensor, chroma: float) -> tuple[Observation, Tensor, Tensor]:
    """Observation, truth and the weight of each plane ``[C]`` for a network of this kind.

    ``seen`` and ``truth`` are YCbCr in 0..1, ``[B, 3, H, W]``; ``chroma`` is the weight of Cb and Cr against
    1 for luma, taken as 0 for gray pictures (and as 1 for RGB, whose planes count alike).
    """
    device = truth.device
    if kind == "y":
        return (
            Observation(seen.planes[:, :1], seen.tables[:, :1], seen.sampling),
            truth[:, :1],
            torch.ones(1, device=device),
        )
    if kind == "rgb":
        planes = codec.ycbcr_to_rgb(seen.planes * 255) / 255
        return (
            seen._replace(planes=planes),
            codec.ycbcr_to_rgb(truth * 255) / 255,
            torch.ones(3, device=device),
        )
    weight = 0.0 if seen.sampling[0, 0] == 0 else chroma
    return seen, truth, torch.tensor([1.0, weight, weight], device=device)
