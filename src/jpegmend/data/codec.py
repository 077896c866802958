"""Batched JPEG compression and decoding in PyTorch, without the entropy coding.

Levels and decoded pixels equal libjpeg-turbo's bit for bit (:mod:`jpegmend.data.libjpeg_exact`), so that training data
equals real files. The input of a network is the float decoding, neither rounded nor clipped.

Shape letters: B batch, R block row, K block column, H W pixels (multiples of 16), h w of a subsampled plane.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from jpegmend.blocks import GRAY_CHROMA
from jpegmend.data import libjpeg_exact
from jpegmend.models.contract import Observation

Sampling = Literal["gray", "444", "422", "420"]
FACTORS: dict[Sampling, tuple[int, int]] = {"gray": (0, 0), "444": (1, 1), "422": (1, 2), "420": (2, 2)}
"""Luma rows and columns per chroma sample."""


class File(NamedTuple):
    """A batch of JPEG files of one sampling and size: quantised levels and tables."""

    levels: tuple[Tensor, ...]
    """Integer levels ``[B, R, K, 8, 8]`` by component: one for gray; Y, Cb, Cr for colour."""
    luma: Tensor
    """``[B, 8, 8]`` quantisation steps, row-major."""
    chroma: Tensor
    sampling: Sampling
    pixels: Tensor | None = None
    """Pixels by another decoder, which :func:`show` then returns; else None."""


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


def up_fancy(plane: Tensor, v: int, h: int) -> Tensor:
    """libjpeg's triangle filter for factors 1 and 2 (weights 3/4 and 1/4, edges repeated), not rounded."""
    if v * h == 1:
        return plane
    return functional.interpolate(plane, scale_factor=(v, h), mode="bilinear", align_corners=False)


def split_blocks(plane: Tensor) -> Tensor:
    """``[B, 1, 8 R, 8 K]`` to ``[B, R, K, 8, 8]``."""
    B, _, height, width = plane.shape
    return plane.reshape(B, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)


def join_blocks(cells: Tensor) -> Tensor:
    """The inverse of :func:`split_blocks`."""
    B, R, K = cells.shape[:3]
    return cells.permute(0, 1, 3, 2, 4).reshape(B, 1, 8 * R, 8 * K)


def compress(picture: Tensor, luma: Tensor, chroma: Tensor, sampling: Sampling) -> File:
    """Compress integer pixels 0..255 as libjpeg does: RGB ``[B, 3, H, W]``, or ``[B, 1, H, W]`` for gray.

    ``luma`` and ``chroma`` are the tables ``[B, 8, 8]``, row-major.
    """
    if sampling == "gray":
        planes, given = [picture], [luma]
    else:
        v, h = FACTORS[sampling]
        y, cb, cr = libjpeg_exact.rgb_to_ycbcr(picture).chunk(3, 1)
        planes, given = [y, *(libjpeg_exact.down_box(plane, v, h) for plane in (cb, cr))], [luma, chroma, chroma]
    levels = tuple(
        libjpeg_exact.quantise(libjpeg_exact.forward_dct(split_blocks(plane - 128)), table[:, None, None]).float()
        for plane, table in zip(planes, given, strict=True)
    )
    return File(levels, luma, chroma, sampling)


def observe(file: File) -> Observation:
    """Decode the files to the input of a network: planes ``[B, 3, H, W]`` in 0..1 on the luma grid, chroma upsampled.

    Gray files too have three planes: their chroma planes are ``blocks.GRAY_CHROMA`` and their chroma tables ones.
    """
    given = [file.luma, file.chroma, file.chroma]
    planes = [_decode(levels, table) for levels, table in zip(file.levels, given, strict=False)]
    v, h = FACTORS[file.sampling]
    y, *colour = planes
    if not colour:
        # Unlike the neutral chroma of a colour file, ``blocks.NEUTRAL``.
        flat = torch.full_like(y, 255 * GRAY_CHROMA).expand(-1, 2, -1, -1)
        seen, tables = torch.cat([y, flat], 1), torch.stack([file.luma, *[torch.ones_like(file.luma)] * 2], 1)
    else:
        seen = torch.cat([y, *(up_fancy(plane, v, h) for plane in colour)], 1)
        tables = torch.stack(given, 1)
    factors = torch.tensor([[v, h]], device=y.device, dtype=torch.float32).expand(len(y), 2)
    return Observation(seen / 255, tables, factors)


def _decode(levels: Tensor, table: Tensor) -> Tensor:
    """The orthonormal inverse DCT in float: ``[B, 1, h, w]`` on 0..255, not clipped or rounded."""
    D = dct_matrix(levels.device)
    rows = (levels * table[:, None, None]) @ D
    return join_blocks((rows.transpose(-1, -2) @ D).transpose(-1, -2)) + 128


def into_cells(plane: Tensor, decoded: Tensor, table: Tensor) -> Tensor:
    """Project every DCT coefficient of a plane into its quantisation cell, differentiably.

    ``plane`` and ``decoded`` are ``[B, 1, H, W]`` in 0..1 on the block grid, ``table [B, 8, 8]`` that of the file. The
    coefficients of ``decoded`` are the centres of the cells, so their difference is clamped to half a step. As
    ``blocks.fidelity.project``.
    """
    D = dct_matrix(plane.device)
    half = table[:, None, None] / 255 / 2
    found = D @ split_blocks(plane - decoded) @ D.T
    return decoded + join_blocks(D.T @ found.clamp(-half, half) @ D)


def show(file: File) -> Tensor:
    """Decode to 8-bit pixels as libjpeg does: ``[B, 3, H, W]`` RGB, or ``[B, 1, H, W]`` gray; integers 0..255."""
    if file.pixels is not None:
        return file.pixels
    given = (file.luma, file.chroma, file.chroma)
    planes = [
        (join_blocks(libjpeg_exact.inverse_dct(levels * table[:, None, None])) + 128).clamp(0, 255).float()
        for levels, table in zip(file.levels, given, strict=False)
    ]
    if file.sampling == "gray":
        return planes[0]
    v, h = FACTORS[file.sampling]
    return libjpeg_exact.ycbcr_to_rgb(torch.cat([planes[0], *(libjpeg_exact.up_fancy(p, v, h) for p in planes[1:])], 1))
