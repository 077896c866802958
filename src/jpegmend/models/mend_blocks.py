"""The hyper-parameters of mend, the description of a file that it reads, and its residual blocks.

Shape letters: B batch, C channels, H W pixels, E embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Observation
from jpegmend.models.integers import IntegerConvolution
from jpegmend.models.layers import check_counts

PLANES = 3
"""Y, Cb and Cr."""
SAMPLING_VALUES = 3
"""Number of values that describe the chroma sampling."""
CONDITION = 2 * 64 + SAMPLING_VALUES
"""Length of what :func:`describe_file` returns: two tables and the sampling."""
LEVEL_OF_BLOCKS = 2
"""The level at 1/8 of the resolution, where one position is one JPEG block."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters of ``mend``; the defaults are ``mend-s``."""

    shape: Literal["u-net", "groups"] = "u-net"
    """``u-net``: an encoder and a decoder of several levels; ``groups``: two groups of residual blocks at 1/2 of the
    resolution and one at 1/8 between them (:mod:`jpegmend.models.mend_groups`)."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels at 1/2, 1/4, 1/8, ... of the resolution; of ``groups`` at 1/2 and at 1/8."""
    blocks: tuple[int, ...] = (4, 1, 2)
    """Residual blocks at each level of the encoder; the decoder has the same numbers, without the last level. Of
    ``groups``: of the two at 1/2 together, and at 1/8."""
    scale: float = 1.0
    """Factor on what a block adds, 0.1 in QGCN; with 1 the initial weights of its last convolution are a tenth."""
    slope: float = 0.0
    """Slope below zero of the two activations of ``groups`` that lie outside of blocks; with 0, ReLU, a fresh network
    may fall silent there."""
    embedding: int = 64
    """Length of the vector computed from the tables and the sampling."""
    convolution: Literal["plain", "separable"] = "plain"
    """``separable``: each 3x3 convolution of a block is a depthwise and a 1x1 convolution."""
    tables: Literal["scale", "maps"] = "scale"
    """``scale``: tables scale and shift features; ``maps``: tables are tiled as input channels instead, as in QGCN.
    ``groups`` has both, or the maps alone."""
    coefficients: bool = False
    """Whether the DCT coefficients of the decoded planes are an input too, at 1/8 of the resolution."""
    integers: bool = False
    """Whether the 3x3 convolutions between head and tail multiply integers (:mod:`jpegmend.models.integers`); only of
    ``groups`` with ``tables = "maps"``."""
    chroma_widths: tuple[int, ...] = ()
    """Channels of a separate U-Net that restores chroma from all planes (luma is then restored from luma alone); empty:
    one U-Net for all planes."""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InvalidOption(f"{name} is {getattr(self, name)!r}; one of {', '.join(allowed)}")
        channels = min((*self.widths, *self.chroma_widths), default=1)
        check_counts(levels=len(self.widths), channels=channels, embedding=self.embedding)
        if not 0 <= self.slope < 1:
            raise InvalidOption(f"slope={self.slope}; it must be 0 or more and below 1")
        if self.scale <= 0:
            raise InvalidOption(f"scale={self.scale}; it must be above 0")
        for name, given in (("blocks", self.blocks), ("chroma_widths", self.chroma_widths or self.widths)):
            if len(given) != len(self.widths) or min(given) < 0:
                raise InvalidOption(f"{name}={given}; give {len(self.widths)} numbers, one for each of the widths")
        if self.shape == "groups":
            self._check_groups()
        if self.integers and (self.shape, self.tables, self.convolution) != ("groups", "maps", "plain"):
            raise InvalidOption('integers need shape="groups", tables="maps" and convolution="plain"')
        if self.coefficients and len(self.widths) < LEVEL_OF_BLOCKS + 1:
            raise InvalidOption(f"coefficients need {LEVEL_OF_BLOCKS + 1} levels; widths has {len(self.widths)}")

    def _check_groups(self) -> None:
        """Refuse what the shape ``groups`` does not have."""
        if len(self.widths) != 2 or self.blocks[0] < 2 or self.blocks[0] % 2:
            raise InvalidOption(
                f'widths={self.widths} and blocks={self.blocks}; shape "groups" takes two numbers for each, one at 1/2 '
                "and one at 1/8 of the resolution, and an even number of blocks, 2 or more, at 1/2"
            )
        if self.coefficients or self.chroma_widths:
            raise InvalidOption('shape "groups" has no coefficients or chroma_widths; leave them out')


_CHOICES = {"shape": ("u-net", "groups"), "convolution": ("plain", "separable"), "tables": ("scale", "maps")}


def embedding(config: Config) -> nn.Sequential:
    """The layers that turn the description of the file ``[B, 131]`` into the vector ``[B, E]``."""
    E = config.embedding
    return nn.Sequential(nn.Linear(CONDITION, E), nn.ReLU(), nn.Linear(E, E), nn.ReLU())


def describe_file(seen: Observation) -> tuple[Tensor, Tensor]:
    """Tables ``[B, 2, 8, 8]`` and sampling ``[B, 3]`` scaled to about 0..1.

    Tables are taken as logarithms, because ratios of steps matter, not differences.
    """
    tables = torch.log2(seen.tables[:, :2]) / 8
    gray = (seen.sampling[:, :1] == 0).to(tables.dtype)
    return tables, torch.cat([seen.sampling / 2, gray], 1)


def block_convolution(width: int, kind: str) -> nn.Module:
    """A 3x3 convolution, or a depthwise and a 1x1 convolution."""
    if kind == "plain":
        return nn.Conv2d(width, width, 3, padding=1)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Conv2d(width, width, 1))


class Block(nn.Module):
    """Residual block of two convolutions, with the features between them scaled and shifted by the embedding."""

    def __init__(self, width: int, config: Config) -> None:
        super().__init__()
        self.scale = config.scale
        if config.integers:
            self.first: nn.Module = IntegerConvolution(width, width, to_sum=False)
            self.second: nn.Module = IntegerConvolution(width, width, scale=config.scale, from_sum=False)
            self.scale = 1
        else:
            self.first = block_convolution(width, config.convolution)
            self.second = block_convolution(width, config.convolution)
        self.modulation = nn.Linear(config.embedding, 2 * width) if config.tables == "scale" else None
        if self.modulation is not None:
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)
        if config.scale == 1:
            last = self.second[-1] if isinstance(self.second, nn.Sequential) else self.second
            with torch.no_grad():
                last.weight.mul_(0.1)  # type: ignore[operator]

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """``x [B, C, H, W]``, ``code [B, E]``; the shape of ``x`` is kept."""
        h: Tensor = self.first(x)
        if self.modulation is not None:
            scale, shift = self.modulation(code)[:, :, None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        change: Tensor = self.second(functional.relu(h))
        return x + (change if self.scale == 1 else self.scale * change)


class Level(nn.ModuleList):
    """Blocks of one width, one after the other."""

    def __init__(self, width: int, blocks: int, config: Config) -> None:
        super().__init__(Block(width, config) for _ in range(blocks))

    def forward(self, x: Tensor, code: Tensor | None) -> Tensor:
        """Apply the blocks in order."""
        for block in self:
            x = block(x, code)
        return x
