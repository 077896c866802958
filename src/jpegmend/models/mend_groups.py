"""The shape ``groups`` of mend: residual blocks at 1/2 of the resolution, with a short path at 1/8 between them.

The two groups, each with a skip round it, and the layer between them are those of QGCN (IEEE TIP 2020) on a grid folded
2x2, and so are the tables beside the pixels, which also say where in its JPEG block a pixel lies. The path at 1/8 takes
the place of its global branch: there a 3x3 convolution sees three blocks of the file on a side.

Shape letters: B batch, C channels, H W pixels, K places in a block on a side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models.contract import Estimate, Observation
from jpegmend.models.integers import CHANNELS_FIRST, CHANNELS_LAST, IntegerConvolution
from jpegmend.models.layers import BLOCK, LARGEST_STEP, convolution
from jpegmend.models.mend_blocks import PLANES, Config, Level, describe_file, embedding

_CELL = 4
"""Pixels of a square that is folded into channels."""
_COARSE = 4
"""Positions at 1/2 of the resolution, on a side, that make one at 1/8: one JPEG block."""


class Groups(nn.Module):
    """Two groups of residual blocks; see the module's docstring."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        (fine, coarse), (blocks, coarse_blocks) = config.widths, config.blocks
        self.slope = config.slope
        self._last = False
        self.embed = embedding(config) if config.tables == "scale" else None
        self.head = convolution(_CELL * (PLANES + 2), fine)
        self.first = Level(fine, blocks // 2, config)
        self.down = nn.Conv2d(fine, coarse, _COARSE, stride=_COARSE)
        self.coarse = Level(coarse, coarse_blocks, config)
        self.up = nn.Conv2d(coarse, _COARSE**2 * fine, 1)
        self.merge = IntegerConvolution(fine, fine) if config.integers else convolution(fine, fine)
        self.second = Level(fine, blocks // 2, config)
        self.tail = convolution(fine, _CELL * PLANES)
        # Starts as the identity: the initial output is the decoded JPEG.
        for parameter in (*self.tail.parameters(), *self.up.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, 3, H, W]``; H and W multiples of 8."""
        code = None
        if self.embed is not None:
            tables, file = describe_file(seen)
            code = self.embed(torch.cat([tables.flatten(1), file], 1))
        # The head in float32: bfloat16 pixels would already be wrong by a quarter of a gray level.
        with torch.autocast(seen.planes.device.type, enabled=False):
            pixels = torch.cat([seen.planes - 0.5, table_maps(seen).to(seen.planes.dtype)], 1)
            x = self.head(functional.pixel_unshuffle(pixels, 2))
        x = self._as_sums(functional.leaky_relu(x, self.slope))
        x = x + self.first(x, code)
        wide = self._as_planes(self.coarse(self._as_sums(self.down(self._as_planes(x))), code))
        x = self.merge(x) + self._as_sums(functional.pixel_shuffle(self.up(wide), _COARSE))
        x = functional.leaky_relu(x, self.slope)
        x = x + self.second(x, code)
        change = functional.pixel_shuffle(self.tail(self._as_planes(x)).to(seen.planes.dtype), 2)
        traces = {"description": (wide if code is None else code,), "features": (wide,)} if collect else {}
        return Estimate(seen.planes + change, traces=traces)

    def freeze(self) -> None:
        """From now on keep the channels of sums last, as frozen convolutions in integers do."""
        self._last = isinstance(self.merge, IntegerConvolution)

    def _as_sums(self, x: Tensor) -> Tensor:
        return x.permute(CHANNELS_LAST) if self._last else x

    def _as_planes(self, x: Tensor) -> Tensor:
        return x.permute(CHANNELS_FIRST) if self._last else x


def table_maps(seen: Observation) -> Tensor:
    """The tables of luma and of Cb at the pixels of their blocks, ``[B, 2, H, W]``, steps over 255.

    Rows or columns of luma that share chroma samples also share the step of chroma. Four columns, as in 4:1:1, which is
    in no training, are taken for two and two. Without chroma its map is 0. The planes begin at a corner of a block.
    """
    # 16-bit tables have larger steps, which no training has.
    tables = seen.tables[:, :2].float().clamp(max=LARGEST_STEP) / LARGEST_STEP
    shared = seen.sampling.clamp(0, 2)
    factors = torch.stack([torch.ones_like(shared), shared.clamp(min=1)], 1)  # [B, 2, 2]
    H, W = seen.planes.shape[-2:]
    rows, columns = (_places(size, factors[..., axis]) for axis, size in enumerate((H, W)))
    present = torch.stack([torch.ones_like(shared[:, 0]), (shared[:, 0] > 0).to(shared.dtype)], 1)
    return rows @ (tables * present[..., None, None]) @ columns.transpose(-1, -2)


def _places(size: int, factors: Tensor) -> Tensor:
    """Which row (or column) of its block each position lies in, as ones and zeros: ``[B, 2, size, K]``."""
    position = torch.arange(size, device=factors.device, dtype=factors.dtype)
    place = torch.floor(position / factors[..., None]) % BLOCK
    return (place[..., None] == torch.arange(BLOCK, device=factors.device, dtype=factors.dtype)).to(factors.dtype)


def groups_radius(config: Config) -> int:
    """Radius of the receptive field in pixels, in whole blocks of the file.

    Head, merge, tail and the blocks at 1/2 add two pixels a convolution, those at 1/8 eight, and the ways there and
    back one cell each.
    """
    blocks, coarse_blocks = config.blocks
    radius = 2 * (3 + 2 * blocks) + BLOCK * 2 * coarse_blocks + 2 * BLOCK
    return -(-radius // BLOCK) * BLOCK
