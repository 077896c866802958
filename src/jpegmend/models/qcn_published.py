"""QCN as in the authors' published program, whose layers differ from the paper's figure.

Shape letters: B batch, C planes, M planes with the maps of the tables, H W pixels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """``x + scale conv(ReLU(conv(x)))`` without biases."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H/2, W/2]`` in and out."""
        return x + self.scale * self.conv2(functional.relu(self.conv1(x)))  # type: ignore[no-any-return]


class PublishedQCN(nn.Module):
    """Convolution at full size, blocks at half size, a skip over them, a convolution; the names are the authors'."""

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int, scale: float) -> None:
        super().__init__()
        self.conv_input = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
        self.downscale = nn.Sequential(nn.Conv2d(width, width, 4, stride=2, padding=1, bias=False), nn.ReLU())
        self.residual = nn.Sequential(*(Block(width, scale) for _ in range(blocks)))
        self.conv_mid = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.upscale = nn.Sequential(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2))
        self.conv_output = nn.Conv2d(width, outputs, 3, padding=1, bias=False)

    def forward(self, Y_Q: Tensor) -> Tensor:
        """``[B, M, H, W]``, pixels and steps over 255 in 0..1, to ``[B, C, H, W]``; H and W are even."""
        full = self.conv_input(2 * Y_Q - 1)
        x = self.conv_mid(self.residual(self.downscale(full)))
        return (self.conv_output(full + self.upscale(x)) + 1) / 2  # type: ignore[no-any-return]
