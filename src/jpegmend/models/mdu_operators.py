"""The linear operators of MDU: the dictionary with its adjoint, and the ``Down`` of super-resolution with its.

Shape letters: B batch, C planes, H W pixels, D dilations, N atoms of one dilation, s scale.
"""

# ruff: noqa: E741 - O is the paper's letter for the picture; the code keeps the names of the equations.

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models.layers import fold, unfold


class Dictionary(nn.Module):
    """``W (x) M``: dilated convolutions from the coefficients to the artifacts, and their adjoint."""

    def __init__(self, channels: int, atoms: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilations = dilations
        D, C, N = len(dilations), channels, atoms
        self.W = nn.Parameter(torch.empty(C, D * N, 3, 3))
        # Glorot's bound for the D convolutions as one operator; |W|^2 stays far below 2 / eta_1.
        bound = math.sqrt(6 / (9 * (D * N + C)))
        nn.init.uniform_(self.W, -bound, bound)

    def layers(self, M: Tensor) -> list[Tensor]:
        """The artifact layer of every dilation, each ``[B, C, H, W]``, from ``M [B, D N, H, W]`` (fig. 7)."""
        return [
            functional.conv2d(m, w, padding=dilation, dilation=dilation)
            for m, w, dilation in zip(M.chunk(len(self.dilations), 1), self._atoms(), self.dilations, strict=True)
        ]

    def forward(self, M: Tensor) -> Tensor:
        """``H = sum_n W_n (x) M_n`` (eq. 3)."""
        H, *others = self.layers(M)
        for layer in others:
            H = H + layer
        return H

    def adjoint(self, r: Tensor) -> Tensor:
        """``W (x)^T r``, ``[B, D N, H, W]``: the transposed convolution of eq. 13.

        At stride 1 it is the convolution with the flipped kernels, which PyTorch computes in half the time on a CPU.
        """
        return torch.cat(
            [
                functional.conv2d(r, w.flip(2, 3).transpose(0, 1), padding=dilation, dilation=dilation)
                for w, dilation in zip(self._atoms(), self.dilations, strict=True)
            ],
            1,
        )

    def _atoms(self) -> tuple[Tensor, ...]:
        """The kernels ``[C, N, 3, 3]`` of every dilation."""
        return self.W.chunk(len(self.dilations), 1)


def down(O: Tensor, scale: int, factor: int = 1) -> Tensor:
    """``Down`` of eq. 25: the mean of s x s pixels (the paper does not state the filter); the identity for s = 1.

    From ``[B, C, s H, s W]`` to ``[B, C, H, W]``, both folded by ``factor``.
    """
    return O if scale == 1 else fold(functional.avg_pool2d(_pixels(O, factor), scale), factor)


def down_adjoint(r: Tensor, scale: int, factor: int = 1) -> Tensor:
    """The adjoint of :func:`down`: every pixel repeated s x s times, divided by s^2."""
    if scale == 1:
        return r
    repeated = functional.interpolate(_pixels(r, factor), scale_factor=scale, mode="nearest")
    return fold(repeated, factor) / scale**2


def _pixels(x: Tensor, factor: int) -> Tensor:
    """Planes of a folded grid, unfolded to pixels."""
    height, width = x.shape[-2:]
    return unfold(x, factor, height * factor, width * factor)
