"""Proximal operators of MDU (tables VII and VIII), which a stage applies after its gradient step.

The l1 norm and the piecewise linear function are elementwise; ResNet, DenseNet and deep layer aggregation are small
networks. All of them keep the shape of ``[B, C, H, W]``.

Shape letters: B batch, C channels, H W pixels, P control points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models.layers import convolution

Kind = Literal["resnet", "l1", "piecewise", "resnet+l1", "resnet+piecewise", "densenet", "dla"]
Activation = Callable[[], nn.Module]

_THRESHOLD = 1e-4
"""Initial soft thresholds, below the initial coefficients: otherwise all would be 0 and get no gradient."""


class SoftThreshold(nn.Module):
    """The proximal operator of a learned multiple of the l1 norm: ``sign(x) max(|x| - theta, 0)``, by channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The logarithm is learned, so that the threshold stays positive.
        self.log_theta = nn.Parameter(torch.full((channels, 1, 1), math.log(_THRESHOLD)))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` shrunk towards 0."""
        theta = self.log_theta.exp()
        return functional.relu(x - theta) - functional.relu(-x - theta)


class PiecewiseLinear(nn.Module):
    """Learned elementwise function, one per channel, as in ADMM-CSNet.

    Linear between P evenly spaced control points on [-1, 1], slope 1 outside. Their values are learned, starting from
    the function ``start``: a soft threshold if it is the whole operator, a ReLU if it replaces one.
    """

    def __init__(self, channels: int, points: int, start: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.points = points
        heights = start(torch.linspace(-1, 1, points))
        self.heights = nn.Parameter(heights.repeat(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each channel's function to ``x [B, C, H, W]``."""
        inside = x.clamp(-1, 1)
        place = (inside.float() + 1) * ((self.points - 1) / 2)  # bfloat16 is too coarse for positions
        left = place.detach().floor().clamp(max=self.points - 2)
        C = x.shape[1]
        first = torch.arange(C, device=x.device)[:, None, None] * self.points
        index = left.long() + first
        heights = self.heights.flatten()
        low, high = heights[index], heights[index + 1]
        return x - inside + low + (place - left).to(x.dtype) * (high - low)


class ResidualBlock(nn.Module):
    """``x + act(conv(act(conv(x))))``: both convolutions are followed by the activation (section III-F)."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)
        self.inner, self.outer = activation(), activation()

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H, W]`` to the same."""
        h = self.inner(self.first(x))
        residual: Tensor = self.outer(self.second(h))
        return x + residual


class DenseLayers(nn.Module):
    """DenseNet: the input of every layer is all earlier features; a 1x1 convolution fuses them at the end."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        growth = dense_growth(width, depth)
        self.layers = nn.ModuleList(convolution(width + i * growth, growth) for i in range(2 * depth))
        self.fuse = nn.Conv2d(width + 2 * depth * growth, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H, W]`` to the same."""
        for layer in self.layers:
            x = torch.cat([x, functional.relu(layer(x))], 1)
        fused: Tensor = self.fuse(x)
        return fused


class Aggregation(nn.Module):
    """Deep layer aggregation: a binary tree of residual blocks.

    A node runs its left half, then its right half on the output of the left, and merges both outputs with its own input
    by a 1x1 convolution and a ReLU.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        half = blocks // 2
        self.left, self.right = (_tree(width, count) for count in (blocks - half, half))
        self.merge = nn.Conv2d(3 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H, W]`` to the same."""
        left = self.left(x)
        right = self.right(left)
        return functional.relu(self.merge(torch.cat([x, left, right], 1)))


def _tree(width: int, blocks: int) -> nn.Module:
    return ResidualBlock(width, nn.ReLU) if blocks == 1 else Aggregation(width, blocks)


def dense_growth(width: int, depth: int) -> int:
    """Growth of each of 2 ``depth`` dense layers for as many weights as ResNet has (section IV-E).

    ResNet has ``18 depth width^2``; dense layers and fusion ``a growth^2 + b growth + width^2``.

    >>> dense_growth(48, 10)
    13
    """
    layers = 2 * depth
    a = 9 * layers * (layers - 1) / 2
    b = 9 * layers * width + layers * width
    c = width**2 - 18 * depth * width**2
    return max(1, round((-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)))


def tree_blocks(depth: int) -> int:
    """Number of residual blocks of the aggregation tree with about as many weights as ``depth`` blocks of ResNet.

    n blocks have ``18 n width^2`` weights and their n - 1 nodes ``3 (n - 1) width^2``.

    >>> tree_blocks(10)
    9
    """
    return max(1, round((18 * depth + 3) / 21))


class Network(nn.Module):
    """Head, body and tail, plus the input with ``skip``."""

    def __init__(self, channels: int, width: int, body: nn.Module, skip: bool) -> None:
        super().__init__()
        self.head, self.body, self.tail = convolution(channels, width), body, convolution(width, channels)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """``[B, channels, H, W]`` to the same."""
        answer: Tensor = self.tail(self.body(self.head(x)))
        return x + answer if self.skip else answer


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Kind and size of a proximal operator."""

    kind: Kind
    width: int
    depth: int
    points: int
    skip: bool
    gain: float
    """Factor on the initial weights of the last convolution of every residual block, and of the whole operator where
    its input is added."""
    slope: float
    """Of the activations of ``resnet`` below zero."""

    def build(self, channels: int) -> nn.Module:
        """The operator on ``channels`` channels, with fresh weights."""
        if self.kind == "l1":
            return SoftThreshold(channels)
        if self.kind == "piecewise":
            return PiecewiseLinear(channels, self.points, lambda p: functional.softshrink(p, _THRESHOLD))
        network = Network(channels, self.width, self._body(), self.skip)
        _start(network, self.gain)
        return network

    def radius(self) -> int:
        """Radius of its receptive field in pixels: the number of 3x3 convolutions on the longest path."""
        if self.kind in ("l1", "piecewise"):
            return 0
        return 2 + 2 * (tree_blocks(self.depth) if self.kind == "dla" else self.depth)

    def _body(self) -> nn.Module:
        if self.kind == "densenet":
            return DenseLayers(self.width, self.depth)
        if self.kind == "dla":
            return _tree(self.width, tree_blocks(self.depth))
        return nn.Sequential(*(ResidualBlock(self.width, self._activation) for _ in range(self.depth)))

    def _activation(self) -> nn.Module:
        if self.kind == "resnet+l1":
            return SoftThreshold(self.width)
        if self.kind == "resnet+piecewise":
            return PiecewiseLinear(self.width, self.points, functional.relu)
        return nn.LeakyReLU(self.slope) if self.slope else nn.ReLU()


def _start(network: Network, gain: float) -> None:
    """Glorot's weights (TensorFlow's default; the paper states none), scaled by ``gain`` at the ends of residuals.

    MDU has twenty such operators of ten blocks in series, and every residual is positive: at gain 1 their sum grows to
    about 1e7 before the first step. Biases start at 0.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    last = [block.second for block in network.modules() if isinstance(block, ResidualBlock)]
    with torch.no_grad():
        for layer in [*last, *([network.tail] if network.skip else [])]:
            layer.weight.mul_(gain)
