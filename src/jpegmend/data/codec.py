"""JPEG in batches, on the device: what an encoder and a decoder do to pixels, without the entropy coding.

Follows libjpeg step by step (rounded YCbCr, box-filtered chroma with its alternating rounding, DCT, tables,
inverse DCT, triangle-filtered chroma), so that training sees what files hold. Values are on the 0..255 scale
inside this file; what leaves it is 0..1.

Shape letters: B batch, H W pixels (multiples of 16), h w pixels of a subsampled plane.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from jpegmend.models.contract import Observation

Sampling = Literal["gray", "444", "422", "420"]
FACTORS: dict[Sampling, tuple[int, int]] = {"gray": (0, 0), "444": (1, 1), "422": (1, 2), "420": (2, 2)}
"""How many luma rows and columns share one chroma sample."""


def dct_matrix(device: torch.device | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
    """The orthonormal 8x8 DCT-II matrix ``D``; coefficients are ``D x D^T``."""
    k, n = torch.arange(8.0, dtype=torch.float64), torch.arange(8.0, dtype=torch.float64)
    matrix = torch.cos((2 * n[None, :] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(device=device, dtype=dtype)


def rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    """JFIF colour transform, ``[B, 3, H, W]`` on 0..255 to the same, not rounded."""
    r, g, b = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb = (b - y) / 1.772 + 128
    cr = (r - y) / 1.402 + 128
    return torch.stack([y, cb, cr], 1)


def ycbcr_to_rgb(planes: Tensor) -> Tensor:
    """The inverse of :func:`rgb_to_ycbcr`, on 0..255, not rounded."""
    y, cb, cr = planes[:, 0], planes[:, 1] - 128, planes[:, 2] - 128
    return torch.stack([y + 1.402 * cr, y - 0.344136286 * cb - 0.714136286 * cr, y + 1.772 * cb], 1)


def studio_luma(rgb: Tensor) -> Tensor:
    """Y of the BT.601 studio range (16..235), rounded: ``[B, 3, H, W]`` to ``[B, 1, H, W]``, both 0..255."""
    weights = torch.tensor([65.481, 128.553, 24.966], device=rgb.device) / 255
    return torch.round((rgb * weights[:, None, None]).sum(1, keepdim=True) + 16)


def down_box(plane: Tensor, v: int, h: int) -> Tensor:
    """Average ``v x h`` cells as libjpeg does: whole numbers, rounding bias alternating along the row."""
    if v * h == 1:
        return plane
    sums = functional.avg_pool2d(plane, (v, h)) * (v * h)
    bias = torch.arange(sums.shape[-1], device=plane.device) % 2
    bias = bias + 1 if v == 2 else bias
    return torch.floor((sums + bias) / (v * h))


def up_fancy(plane: Tensor, v: int, h: int) -> Tensor:
    """libjpeg's triangle filter for factors 1 and 2 (weights 3/4 and 1/4, edges repeated), not rounded."""
    if v * h == 1:
        return plane
    return functional.interpolate(plane, scale_factor=(v, h), mode="bilinear", align_corners=False)


def through_cells(plane: Tensor, table: Tensor) -> Tensor:
    """Quantise and decode: ``[B, 1, h, w]`` whole numbers 0..255, ``table [B, 8, 8]``; not clipped or rounded."""
    B, _, height, width = plane.shape
    D = dct_matrix(plane.device)
    blocks = (plane - 128).reshape(B, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)
    steps = table[:, None, None]
    coefficients = D @ blocks @ D.T
    # Halves go away from zero in libjpeg; torch.round sends them to even.
    ratio = coefficients / steps
    levels = torch.sign(ratio) * torch.floor(ratio.abs() + 0.5)
    decoded = D.T @ (levels * steps) @ D
    return decoded.permute(0, 1, 3, 2, 4).reshape(B, 1, height, width) + 128


def observe(planes: Tensor, luma: Tensor, chroma: Tensor, sampling: Sampling) -> Observation:
    """What a reader of the file sees.

    ``planes`` is ``[B, 3, H, W]`` YCbCr (or ``[B, 1, H, W]`` for gray) on 0..255, ``luma`` and ``chroma``
    the tables ``[B, 8, 8]``. Returns planes on the luma grid in 0..1, chroma brought up by libjpeg's filter.
    """
    whole = torch.round(planes)
    B, _, height, width = planes.shape
    v, h = FACTORS[sampling]
    y = through_cells(whole[:, :1], luma)
    if sampling == "gray":
        flat = torch.full((B, 2, height, width), 127.5, device=planes.device)
        seen, tables = torch.cat([y, flat], 1), torch.stack([luma, *[torch.ones_like(luma)] * 2], 1)
    else:
        colour = [through_cells(down_box(whole[:, c : c + 1], v, h), chroma) for c in (1, 2)]
        # 128 stands for "no colour" in the file; 0.5 does inside the package.
        seen = torch.cat([y, *[up_fancy(plane, v, h) for plane in colour]], 1)
        tables = torch.stack([luma, chroma, chroma], 1)
    factors = torch.tensor([[v, h]], device=planes.device, dtype=torch.float32).expand(B, 2)
    return Observation(seen / 255, tables, factors)


def decoded_pixels(seen: Observation) -> Tensor:
    """The 8-bit picture a decoder shows: ``[B, 3, H, W]`` RGB, or ``[B, 1, H, W]`` gray; whole numbers 0..255."""
    planes = torch.clamp(torch.round(seen.planes * 255), 0, 255)
    if seen.sampling[0, 0] == 0:
        return planes[:, :1]
    return torch.clamp(torch.round(ycbcr_to_rgb(planes)), 0, 255)
