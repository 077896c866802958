"""Losses, each a small function of the restored and the true planes ``[B, C, H, W]`` in 0..1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

CHARBONNIER_EPSILON = 1e-3
"""Where the Charbonnier loss turns from a square to an absolute value; a quarter of a gray level."""


def mae(restored: Tensor, truth: Tensor) -> Tensor:
    """Absolute difference, per element."""
    return (restored - truth).abs()


def mse(restored: Tensor, truth: Tensor) -> Tensor:
    """Squared difference, per element."""
    return (restored - truth).square()


def charbonnier(restored: Tensor, truth: Tensor) -> Tensor:
    """A smooth absolute difference, per element: sqrt(d^2 + eps^2)."""
    return torch.sqrt((restored - truth).square() + CHARBONNIER_EPSILON**2)


PIXEL_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": mae,
    "mse": mse,
    "charbonnier": charbonnier,
}
"""Losses that weigh every element alike, by the name recipes use."""


def pixel_loss(weights: Mapping[str, float], restored: Tensor, truth: Tensor, planes: Tensor) -> Tensor:
    """The weighted sum of pixel losses, planes weighted by ``planes [C]`` (0 leaves a plane out): a scalar."""
    share = planes / planes.sum()
    total = torch.zeros((), device=restored.device)
    for name, weight in weights.items():
        by_plane = PIXEL_LOSSES[name](restored, truth).mean((0, 2, 3))
        total = total + weight * (by_plane * share).sum()
    return total
