"""mend: the package's own network, a small U-Net on the grid of JPEG blocks.

Made for pictures per second: most of its work happens at 1/4 and 1/8 of the resolution. It sees luma and
chroma together on the luma grid, is told the quantisation tables (they scale and shift its features), and
returns full-resolution chroma, so that it also undoes subsampling.

Shape letters: B batch, C channels, H W pixels, E embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models.contract import Estimate, Observation, Spec

_PLANES = 3
_CONDITION = 2 * 64 + 3


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters of ``mend``; the defaults are ``mend-s``."""

    widths: tuple[int, ...] = (32, 64, 128)
    """Channels at 1/2, 1/4, 1/8, ... of the resolution."""
    blocks: tuple[int, ...] = (2, 2, 4)
    """Residual blocks at each of them, going down; the same number again going up, but for the last."""
    embedding: int = 64
    """Length of the vector that the tables and the sampling are turned into."""


def describe_file(seen: Observation) -> Tensor:
    """Tables and sampling as one vector ``[B, 131]`` of numbers near 0..1.

    Logarithms, because a step of 2 against 1 matters as much as 100 against 50.
    """
    luma, chroma = seen.tables[:, 0].flatten(1), seen.tables[:, 1].flatten(1)
    steps = torch.log2(torch.cat([luma, chroma], 1)) / 8
    gray = (seen.sampling[:, :1] == 0).to(steps.dtype)
    return torch.cat([steps, seen.sampling / 2, gray], 1)


class Block(nn.Module):
    """Two convolutions and a shortcut; the file's description scales and shifts what is between them."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """``x [B, C, H, W]``, ``code [B, E]``; the shape of ``x`` is kept."""
        scale, shift = self.modulation(code)[:, :, None, None].chunk(2, 1)
        h: Tensor = self.first(x)
        h = functional.relu(h * (1 + scale) + shift)
        return x + self.second(h)  # type: ignore[no-any-return]


class Level(nn.ModuleList):
    """Blocks of one width, one after the other."""

    def __init__(self, width: int, blocks: int, embedding: int) -> None:
        super().__init__(Block(width, embedding) for _ in range(blocks))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Apply the blocks in order."""
        for block in self:
            x = block(x, code)
        return x


class Mend(nn.Module):
    """The U-Net; see the module's docstring."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths, blocks, embedding = config.widths, config.blocks, config.embedding
        self.embed = nn.Sequential(
            nn.Linear(_CONDITION, embedding), nn.ReLU(), nn.Linear(embedding, embedding), nn.ReLU()
        )
        self.head = nn.Conv2d(4 * _PLANES, widths[0], 3, padding=1)
        self.down_levels = nn.ModuleList(map(Level, widths, blocks, [embedding] * len(widths)))
        self.up_levels = nn.ModuleList(map(Level, widths[:-1], blocks, [embedding] * (len(widths) - 1)))
        pairs = list(zip(widths, widths[1:], strict=False))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairs)
        self.tail = nn.Conv2d(widths[0], 4 * _PLANES, 3, padding=1)
        # Starts as the identity: the first answer is the decoded JPEG.
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, 3, H, W]``; H and W multiples of 8 for the default three levels."""
        code = self.embed(describe_file(seen))
        # The head in float32: bfloat16 pixels would already be wrong by a quarter of a gray level.
        with torch.autocast(seen.planes.device.type, enabled=False):
            x = self.head(functional.pixel_unshuffle(seen.planes - 0.5, 2))
        passed = []
        for level, down in zip(self.down_levels, self.down, strict=False):
            x = level(x, code)
            passed.append(x)
            x = down(x)
        x = self.down_levels[-1](x, code)
        features = x
        for index in reversed(range(len(self.up))):
            x = passed[index] + functional.pixel_shuffle(self.up[index](x), 2)
            x = self.up_levels[index](x, code)
        change = functional.pixel_shuffle(self.tail(x).to(seen.planes.dtype), 2)
        traces = {"description": (code,), "features": (features,)} if collect else {}
        return Estimate(seen.planes + change, traces=traces)


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels, rounded up to whole cells of the coarsest level."""
    last = len(config.widths) - 1
    radius = 2 * 2  # head and tail, at half resolution
    for level, blocks in enumerate(config.blocks):
        times = 1 if level == last else 2
        radius += times * 2 * blocks * 2 ** (level + 1)
    cell: int = 2 ** (last + 1)
    return -(-radius // cell) * cell + cell


SPEC = Spec(
    name="mend",
    title="mend, the default network",
    paper="our own; tables as input from QGCN (TIP 2020), several scales from all five papers",
    config=Config,
    build=Mend,
    planes=lambda config: "ycbcr",
    halo=halo,
    multiple=16,
    tiling="exact",
    inputs=("planes", "tables", "sampling"),
)
