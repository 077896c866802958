"""The residual attention block of RNAN; CQR uses it with dilated convolutions.

A block multiplies the features of its trunk branch by a mask in 0..1 from its mask branch, which works at half the
resolution. In a non-local block the mask branch begins with a non-local operation.

Shape letters: B batch, C channels, H W positions (pixels, or the folded grid), N = H W, R channels of the non-local
operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jpegmend.models.contract import Estimate, Observation
from jpegmend.models.layers import convolution, fold, unfold


@dataclass(frozen=True, kw_only=True)
class BlockShape:
    """Hyper-parameters of one attention block: everything in which RNAN and CQR differ."""

    width: int
    """Channels of every layer."""
    head: int
    """Residual blocks before the two branches."""
    trunk: int
    """Residual blocks of the trunk branch."""
    mask: int
    """Residual blocks of the mask branch at full resolution, before and after; twice as many at half of it."""
    tail: int
    """Residual blocks after the branches are joined."""
    up_kernel: int
    """Side of the kernel of the mask branch's transposed convolution (stride 2)."""
    dilations: tuple[int, ...] = ()
    """Of the parallel convolutions after the branches are joined, concatenated and fused; none in RNAN."""
    closing: bool = False
    """Whether one more convolution ends the block."""


class ResidualBlock(nn.Module):
    """``x + conv(ReLU(conv(x)))``, without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        return x + self.second(functional.relu(self.first(x)))  # type: ignore[no-any-return]


def residual_blocks(count: int, width: int) -> nn.Sequential:
    """``count`` residual blocks, one after the other; none is the identity."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


class NonLocal(nn.Module):
    """The non-local operation, embedded Gaussian: ``x + W softmax(theta(x) phi(x)^T) g(x)``.

    Its cost and, in an exported graph, its memory grow with the square of the positions: apply it to windows.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        reduced = max(1, width // 2)
        self.theta = nn.Conv2d(width, reduced, 1)
        self.phi = nn.Conv2d(width, reduced, 1)
        self.g = nn.Conv2d(width, reduced, 1)
        self.W = nn.Conv2d(reduced, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2).unsqueeze(1) for layer in (self.theta, self.phi, self.g)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=1.0)  # [B, 1, N, R]
        mixed = mixed.squeeze(1).transpose(1, 2).reshape(x.shape[0], -1, *x.shape[-2:])
        return x + self.W(mixed)  # type: ignore[no-any-return]


class Mask(nn.Module):
    """The mask branch: down by 2, up by 2, 1x1 convolution, sigmoid; in non-local blocks the operation comes first."""

    def __init__(self, shape: BlockShape, non_local: bool) -> None:
        super().__init__()
        C, kernel = shape.width, shape.up_kernel
        self.non_local = NonLocal(C) if non_local else nn.Identity()
        self.before = residual_blocks(shape.mask, C)
        self.down = nn.Conv2d(C, C, 3, stride=2, padding=1)
        self.between = residual_blocks(2 * shape.mask, C)
        # With this padding n positions become exactly 2 n.
        odd = kernel % 2
        self.up = nn.ConvTranspose2d(C, C, kernel, stride=2, padding=(kernel - 2 + odd) // 2, output_padding=odd)
        self.after = residual_blocks(shape.mask, C)
        self.last = nn.Conv2d(C, C, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` to a mask of the same shape, in 0..1."""
        x = self.before(self.non_local(x))
        wide = self.up(self.between(self.down(x)))[..., : x.shape[-2], : x.shape[-1]]
        return torch.sigmoid(self.last(self.after(x + wide)))


class Dilated(nn.Module):
    """Parallel convolutions of several dilations, concatenated, fused by a 1x1 convolution, plus the input."""

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(convolution(width, width, dilation) for dilation in dilations)
        self.fuse = nn.Conv2d(width * len(dilations), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        scales = [functional.relu(scale(x)) for scale in self.scales]
        return x + self.fuse(torch.cat(scales, 1))  # type: ignore[no-any-return]


class AttentionBlock(nn.Module):
    """One (non-)local attention block: ``x + trunk(x) mask(x)`` between residual blocks."""

    def __init__(self, shape: BlockShape, non_local: bool) -> None:
        super().__init__()
        C = shape.width
        self.head = residual_blocks(shape.head, C)
        self.trunk = residual_blocks(shape.trunk, C)
        self.mask = Mask(shape, non_local)
        self.dilated = Dilated(C, shape.dilations) if shape.dilations else nn.Identity()
        self.tail = residual_blocks(shape.tail, C)
        self.closing = convolution(C, C) if shape.closing else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, C, H, W]`` to features and mask of the same shape."""
        x = self.head(x)
        mask = self.mask(x)
        x = self.trunk(x) * mask + x
        return self.closing(self.tail(self.dilated(x))), mask


class AttentionBlocks(nn.ModuleList):
    """``count`` attention blocks, the first and the last of them non-local."""

    def __init__(self, count: int, shape: BlockShape) -> None:
        super().__init__(AttentionBlock(shape, i in (0, count - 1)) for i in range(count))

    def forward(self, x: Tensor, collect: bool, recompute: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        """``[B, C, H, W]`` to features of the same shape, and the masks of all blocks where ``collect``.

        With ``recompute`` the backward pass stores the features between the blocks only (gradient checkpointing).
        """
        masks = []
        for block in self:
            if recompute and torch.is_grad_enabled():
                x, mask = checkpoint(block, x, use_reentrant=False)
            else:
                x, mask = block(x)
            if collect:
                masks.append(mask)
        return x, tuple(masks)


class AttentionNetwork(nn.Module):
    """``O = J + unfold(tail(blocks(head(fold(J)))))``: RNAN, and the de-blocker M of CQR.

    With ``fold`` above 1 everything between head and tail works on the grid of ``fold`` x ``fold`` pixels a position:
    the convolutions cost ``fold^2`` times less, the non-local operation of a window ``fold^4`` times less. The papers
    have 1.
    """

    def __init__(self, channels: int, count: int, shape: BlockShape, fold: int = 1) -> None:
        super().__init__()
        self.recompute = False
        """Whether training uses gradient checkpointing, block by block."""
        self.fold = fold
        self.head = convolution(channels * fold**2, shape.width)
        self.blocks = AttentionBlocks(count, shape)
        self.tail = convolution(shape.width, channels * fold**2)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """``seen.planes [B, C, H, W]`` in 0..1, any size; traces ``masks``, one a block, on the folded grid."""
        J = seen.planes
        # In float32 also where autocast is on: bfloat16 pixels would be wrong by a quarter of a gray level.
        with torch.autocast(J.device.type, enabled=False):
            features = self.head(fold(J, self.fold))
        features, masks = self.blocks(features, collect, self.recompute)
        residual = unfold(self.tail(features), self.fold, *J.shape[-2:])
        return Estimate(J + residual, traces={"masks": masks} if collect else {})
