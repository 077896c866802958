"""libjpeg's integer arithmetic in PyTorch: colour transform, forward and inverse DCT, chroma resampling.

libjpeg-turbo computes with fixed-point constants and rounds after every pass. Each pass is linear before its rounding,
so it is a matrix product of integers, exact in float64; results equal libjpeg's bit for bit on any device. Everything
is on the 0..255 scale, integers held as floats.

Shape letters: B batch, R block row, K block column, H W pixels.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_CONSTANT_BITS = 13
_PASS_BITS = 2
# 0.298631336 and so on, times 2^13: jfdctint.c and jidctint.c.
_F0_298, _F0_390, _F0_541, _F0_765 = 2446, 3196, 4433, 6270
_F0_899, _F1_175, _F1_501, _F1_847 = 7373, 9633, 12299, 15137
_F1_961, _F2_053, _F2_562, _F3_072 = 16069, 16819, 20995, 25172


def _pass(d: list[int]) -> list[int]:
    """One pass of the accurate forward DCT over eight samples, times 2^13, before any rounding."""
    s = [d[i] + d[7 - i] for i in range(4)]
    t0, t1, t2, t3 = d[3] - d[4], d[2] - d[5], d[1] - d[6], d[0] - d[7]
    even, odd = (s[0] + s[3], s[1] + s[2]), (s[0] - s[3], s[1] - s[2])
    z = (odd[0] + odd[1]) * _F0_541
    z1, z2, z3, z4 = (t0 + t3) * -_F0_899, (t1 + t2) * -_F2_562, (t0 + t2) * -_F1_961, (t1 + t3) * -_F0_390
    z5 = (t0 + t2 + t1 + t3) * _F1_175
    return [
        (even[0] + even[1]) << _CONSTANT_BITS,
        t3 * _F1_501 + z1 + z4 + z5,
        z + odd[0] * _F0_765,
        t2 * _F3_072 + z2 + z3 + z5,
        (even[0] - even[1]) << _CONSTANT_BITS,
        t1 * _F2_053 + z2 + z4 + z5,
        z - odd[1] * _F1_847,
        t0 * _F0_298 + z1 + z3 + z5,
    ]


@lru_cache(maxsize=8)
def _matrix(device: torch.device) -> Tensor:
    """The pass as a matrix ``[8, 8]``, float64; its transpose is the pass of the inverse DCT."""
    units = [[int(row == column) for row in range(8)] for column in range(8)]
    return torch.tensor([_pass(unit) for unit in units], dtype=torch.float64, device=device).T


def _descale(x: Tensor, bits: int) -> Tensor:
    """Divide by ``2^bits``, halves up."""
    return torch.floor(x / 2**bits + 0.5)


def _both_passes(blocks: Tensor, matrix: Tensor, first: int, second: int) -> Tensor:
    """Rows, rounding, columns, rounding."""
    # A matrix on the right lets torch take all blocks as one product.
    rows = _descale(blocks @ matrix.T, first)
    columns = _descale(rows.transpose(-1, -2).contiguous() @ matrix.T, second)
    return columns.transpose(-1, -2)


def forward_dct(blocks: Tensor) -> Tensor:
    """``[..., 8, 8]`` whole numbers around 0 to eight times their DCT coefficients, float64 whole numbers."""
    low = _CONSTANT_BITS - _PASS_BITS
    return _both_passes(blocks.double(), _matrix(blocks.device), low, _CONSTANT_BITS + _PASS_BITS)


def inverse_dct(coefficients: Tensor) -> Tensor:
    """Integer coefficients ``[..., 8, 8]`` to samples around 0, rounded, not clipped; float64."""
    matrix, low = _matrix(coefficients.device).T, _CONSTANT_BITS - _PASS_BITS
    # libjpeg's inverse DCT transforms columns first.
    turned = coefficients.double().transpose(-1, -2)
    return _both_passes(turned, matrix, low, _CONSTANT_BITS + _PASS_BITS + 3).transpose(-1, -2)


def quantise(eightfold: Tensor, table: Tensor) -> Tensor:
    """Quantise the result of :func:`forward_dct` to levels, halves away from zero; ``table`` broadcasts."""
    step = 8 * table.double()
    return torch.sign(eightfold) * torch.floor((eightfold.abs() + torch.floor(step / 2)) / step)


def rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    """``[B, 3, H, W]`` whole numbers 0..255 to the same, as libjpeg's encoder rounds them."""
    r, g, b = rgb.double().unbind(1)
    y = 19595 * r + 38470 * g + 7471 * b + 32768
    cb = -11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767
    cr = 32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767
    return torch.floor(torch.stack([y, cb, cr], 1) / 65536).to(rgb.dtype)


def ycbcr_to_rgb(planes: Tensor) -> Tensor:
    """``[B, 3, H, W]`` whole numbers 0..255 to the same, as libjpeg's decoder rounds and clips them."""
    y, cb, cr = planes[:, 0].double(), planes[:, 1].double() - 128, planes[:, 2].double() - 128
    r = y + _descale(91881 * cr, 16)
    g = y + _descale(-22554 * cb - 46802 * cr, 16)
    b = y + _descale(116130 * cb, 16)
    return torch.stack([r, g, b], 1).clamp(0, 255).to(planes.dtype)


def down_box(plane: Tensor, v: int, h: int) -> Tensor:
    """Average ``v x h`` boxes (1x1, 1x2 or 2x2) of ``[B, 1, H, W]``, with libjpeg's alternating rounding."""
    if v * h == 1:
        return plane
    sums = torch.nn.functional.avg_pool2d(plane, (v, h)) * (v * h)
    bias = torch.arange(sums.shape[-1], device=plane.device) % 2 + (v == 2)
    return torch.floor((sums + bias) / (v * h))


def up_fancy(plane: Tensor, v: int, h: int) -> Tensor:
    """Chroma ``[B, 1, H, W]`` to ``v H x h W`` (1x1, 1x2 or 2x2) by the triangle filter, as libjpeg rounds it."""
    if v * h == 1:
        return plane
    # Twice the rows first, times 4 and not rounded: the two factors are rounded together.
    rows = 4 * plane if v == 1 else _triangle(plane.transpose(-1, -2)).transpose(-1, -2)
    wide = _triangle(rows)
    # h2v1 rounds by 1 and 2 of 4, h2v2 by 8 and 7 of 16, even and odd columns; the outermost as their column.
    odd = torch.arange(wide.shape[-1], device=plane.device) % 2
    bias = (4 + 4 * odd) if v == 1 else (8 - odd)
    edges = wide[..., [0, -1]] if v == 1 else None
    out = torch.floor((wide + bias) / 16)
    if edges is not None:
        out[..., [0, -1]] = edges / 16
    return out


def _triangle(plane: Tensor) -> Tensor:
    """Twice as wide: 3 parts of a sample and 1 of its neighbour; not divided by 4, borders repeated."""
    before = torch.cat([plane[..., :1], plane[..., :-1]], -1)
    after = torch.cat([plane[..., 1:], plane[..., -1:]], -1)
    return torch.stack([3 * plane + before, 3 * plane + after], -1).flatten(-2)
