"""Parts that networks share: 3x3 convolutions with padding, wider layers, folding (space to depth), the DCT, checks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.errors import InvalidOption

BLOCK = 8
"""Pixels on a side of a JPEG block."""
LARGEST_STEP = 255.0
"""The largest quantisation step of 8-bit tables, by which networks divide the tables that they read."""


def check_counts(**counts: int) -> None:
    """Raise :class:`~jpegmend.errors.InvalidOption` unless every named count is at least 1."""
    for name, count in counts.items():
        if count < 1:
            raise InvalidOption(f"{name}={count}; it must be 1 or more")


def convolution(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)


def widened(fresh: Tensor, trained: Tensor) -> Tensor:
    """``trained [O, I, ...]`` inside the larger ``fresh``, where 0 replaces the weights from new inputs to old outputs.

    The old outputs stay as they were; ``fresh`` holds the initial weights of the new ones.
    """
    grown, outputs = fresh.clone(), len(trained)
    grown[:outputs] = 0
    grown[(slice(outputs), *map(slice, trained.shape[1:]))] = trained
    return grown


def fold(x: Tensor, factor: int) -> Tensor:
    """Space to depth: ``[B, C, H, W]`` to ``[B, factor^2 C, ceil(H / factor), ceil(W / factor)]``.

    Sides that are no multiple of ``factor`` are first padded at the bottom and the right by edge replication. Channels
    are ordered as by PyTorch's ``pixel_unshuffle``. With factor 1 the tensor itself is returned.
    """
    if factor == 1:
        return x
    height, width = x.shape[-2:]
    padded = functional.pad(x, (0, -width % factor, 0, -height % factor), mode="replicate")
    return functional.pixel_unshuffle(padded, factor)


def unfold(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """Depth to space, the inverse of :func:`fold`: to ``[B, C, height, width]``, the padding cut off.

    With factor 1 the tensor itself is returned.
    """
    if factor == 1:
        return x
    return functional.pixel_shuffle(x, factor)[..., :height, :width]


def fold_adjoint(x: Tensor, factor: int, height: int, width: int) -> Tensor:
    """The adjoint of :func:`fold`: the derivative by the folded positions to that by pixels, ``[B, C, height, width]``.

    A pixel of the last row or column also gets what its copies in the padding have. With factor 1 the tensor itself is
    returned.
    """
    if factor == 1:
        return x
    x = functional.pixel_shuffle(x, factor)
    x = torch.cat([x[..., : height - 1, :], x[..., height - 1 :, :].sum(-2, keepdim=True)], -2)
    return torch.cat([x[..., : width - 1], x[..., width - 1 :].sum(-1, keepdim=True)], -1)


def cosines(size: int, like: Tensor) -> Tensor:
    """The orthonormal DCT-II of ``size`` samples, ``[size, size]``, a row for each frequency.

    Its type and device are those of ``like``.
    """
    k = torch.arange(size, device=like.device)
    # The angle is reduced as an integer: in float32 that of a row of 200 samples would be wrong by 3e-5.
    angle = torch.remainder(k[:, None] * (2 * k + 1), torch.full_like(k, 4 * size))
    waves = torch.cos(angle.to(like.dtype) * (math.pi / (2 * size)))
    return waves / torch.linalg.vector_norm(waves, dim=1, keepdim=True)  # type: ignore[no-any-return]


def folded_radius(cells: int, factor: int) -> int:
    """Radius in pixels, a multiple of ``factor``, of a receptive field of ``cells`` positions on a folded grid.

    A position is a square of ``factor`` pixels a side, so the farthest pixel is ``factor cells + factor - 1`` away.
    """
    return cells if factor == 1 else factor * (cells + 1)


def check_fold(factor: int) -> None:
    """Raise :class:`~jpegmend.errors.InvalidOption` unless the factor divides 8.

    Tiles begin at multiples of 8, the side of a JPEG block; by another factor they would be folded differently.
    """
    if factor not in (1, 2, 4, 8):
        raise InvalidOption(f"fold={factor}; it must be 1, 2, 4 or 8, since tiles begin at multiples of 8")
