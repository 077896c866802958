"""mend: the package's own network, a small U-Net on the grid of JPEG blocks, or two groups of residual blocks.

Designed for speed: no layer works at the full resolution, most at 1/2 of it. Its input is luma and chroma together on
the luma grid and the quantisation tables, which scale and shift the features. It returns full-resolution chroma, so it
also undoes subsampling.

Shape letters: B batch, C channels, H W pixels, E embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from operator import ge

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.blocks import idct
from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec
from jpegmend.models.layers import widened
from jpegmend.models.mend_blocks import (
    LEVEL_OF_BLOCKS,
    PLANES,
    SAMPLING_VALUES,
    Config,
    Level,
    describe_file,
    embedding,
)
from jpegmend.models.mend_groups import Groups, groups_radius


def dct_kernels() -> Tensor:
    """``[64, 1, 8, 8]``: as a convolution of stride 8, the orthonormal DCT of every block, row frequency first."""
    return torch.from_numpy(idct(np.eye(64).reshape(64, 8, 8))).float()[:, None]


class Mend(nn.Module):
    """The U-Net; see the module's docstring."""

    kernels: Tensor

    def __init__(self, config: Config, reads: slice = slice(0, 3), writes: slice = slice(0, 3)) -> None:
        """``reads``: its input planes; ``writes``: the planes that it restores."""
        super().__init__()
        self.reads, self.writes = reads, writes
        widths, blocks = config.widths, config.blocks
        inputs = 4 * len(range(PLANES)[reads])
        self.embed, self.blocks_seen = None, None
        if config.tables == "scale":
            self.embed = embedding(config)
        else:
            inputs += 4 * 2 + SAMPLING_VALUES
        self.head = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down_levels = nn.ModuleList(map(Level, widths, blocks, [config] * len(widths)))
        self.up_levels = nn.ModuleList(map(Level, widths[:-1], blocks, [config] * (len(widths) - 1)))
        pairs = list(zip(widths, widths[1:], strict=False))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairs)
        self.tail = nn.Conv2d(widths[0], 4 * len(range(PLANES)[writes]), 3, padding=1)
        # Starts as the identity: the initial output is the decoded JPEG.
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)
        if config.coefficients:
            self.blocks_seen = nn.Conv2d(64 * len(range(PLANES)[reads]), widths[LEVEL_OF_BLOCKS], 1)
            self.register_buffer("kernels", dct_kernels(), persistent=False)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, 3, H, W]``; H and W multiples of 8 for the default three levels."""
        tables, file = describe_file(seen)
        code = None if self.embed is None else self.embed(torch.cat([tables.flatten(1), file], 1))
        planes = seen.planes[:, self.reads] - 0.5
        # The head in float32: bfloat16 pixels would already be wrong by a quarter of a gray level.
        with torch.autocast(planes.device.type, enabled=False):
            folded = functional.pixel_unshuffle(planes, 2)
            x = self.head(folded if self.embed else torch.cat([folded, *_as_maps(tables, file, folded)], 1))
        passed = []
        for level, down in zip(self.down_levels, self.down, strict=False):
            x = level(x, code)
            passed.append(x)
            x = down(x)
            if self.blocks_seen is not None and len(passed) == LEVEL_OF_BLOCKS:
                x = x + self.blocks_seen(self._coefficients(planes))
        x = self.down_levels[-1](x, code)
        features = x
        for index in reversed(range(len(self.up))):
            x = passed[index] + functional.pixel_shuffle(self.up[index](x), 2)
            x = self.up_levels[index](x, code)
        change = functional.pixel_shuffle(self.tail(x).to(seen.planes.dtype), 2)
        traces = {"description": (features if code is None else code,), "features": (features,)} if collect else {}
        return Estimate(seen.planes[:, self.writes] + change, traces=traces)

    def _coefficients(self, planes: Tensor) -> Tensor:
        """``[B, 64 C, H / 8, W / 8]`` of ``planes [B, C, H, W]``."""
        B, C, H, W = planes.shape
        found = functional.conv2d(planes.reshape(B * C, 1, H, W), self.kernels, stride=8)
        return found.reshape(B, 64 * C, H // 8, W // 8)


def _as_maps(tables: Tensor, file: Tensor, folded: Tensor) -> tuple[Tensor, Tensor]:
    """Tables tiled at the positions of their blocks, and the sampling as constant maps, on the grid of ``folded``."""
    B, _, H, W = folded.shape
    cell = functional.pixel_unshuffle(tables, 2)  # [B, 8, 4, 4]
    return cell.repeat(1, 1, H // 4, W // 4), file[:, :, None, None].expand(B, SAMPLING_VALUES, H, W)


class SeparateNetworks(nn.Module):
    """Two U-Nets: one restores luma from luma, the other chroma from all planes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.luma = Mend(config, reads=slice(0, 1), writes=slice(0, 1))
        self.chroma = Mend(replace(config, widths=config.chroma_widths), writes=slice(1, 3))

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """As :meth:`Mend.forward`; the traces are those of luma."""
        luma, chroma = self.luma(seen, collect), self.chroma(seen)
        return Estimate(torch.cat([luma.planes, chroma.planes], 1), traces=luma.traces)


def build(config: Config) -> nn.Module:
    """Two groups of blocks, one U-Net, or two with ``chroma_widths``."""
    if config.shape == "groups":
        return Groups(config)
    return SeparateNetworks(config) if config.chroma_widths else Mend(config)


def grow(weights: Mapping[str, Tensor], old: Config, new: Config) -> dict[str, Tensor]:
    """Initial weights for a wider or deeper network of as many levels, which first gives the output of the old one.

    New blocks begin as the identity. The channels that were there before begin without those that are new.

    Raises:
        InvalidOption: ``new`` is narrower or has fewer blocks, or differs in more than these.
    """
    sizes = ("widths", "blocks", "chroma_widths")
    kept = ({key: value for key, value in asdict(config).items() if key not in sizes} for config in (old, new))
    if next(kept) != next(kept) or not _fits(old, new):
        raise InvalidOption(
            f"weights of {old} do not grow into {new}: {', '.join(sizes)} may become larger, all else stays as it is; "
            "begin from weights of that kind, or --partly takes the tensors that fit"
        )
    return {
        name: _widened(tensor, weights[name], name) if name in weights else _as_identity(tensor, name)
        for name, tensor in build(new).state_dict().items()
    }


def _fits(old: Config, new: Config) -> bool:
    """Whether no width and no number of blocks is smaller in ``new``, and there are as many."""
    pairs = ((old.widths, new.widths), (old.blocks, new.blocks), (old.chroma_widths, new.chroma_widths))
    return all(len(a) == len(b) and all(map(ge, b, a)) for a, b in pairs)


def _as_identity(tensor: Tensor, name: str) -> Tensor:
    """Initial weights of an added block: 0 in its last convolution alone, so that gradients reach them."""
    is_last = ".second." in name and ".second.0." not in name
    return torch.zeros_like(tensor) if is_last else tensor


def _widened(fresh: Tensor, trained: Tensor, name: str) -> Tensor:
    """As :func:`~jpegmend.models.layers.widened`, in each half of a modulation's scale and shift."""
    if "modulation" in name:
        parts = zip(fresh.chunk(2), trained.chunk(2), strict=True)
        return torch.cat([_widened(*pair, name="") for pair in parts])
    return widened(fresh, trained)


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels, rounded up to a multiple of the coarsest level's stride."""
    if config.shape == "groups":
        return groups_radius(config)
    last = len(config.widths) - 1
    radius = 2 * 2  # head and tail, at half resolution
    for level, blocks in enumerate(config.blocks):
        times = 1 if level == last else 2
        radius += times * 2 * blocks * 2 ** (level + 1)
    cell: int = 2 ** (last + 1)
    return -(-radius // cell) * cell + cell


SPEC = Spec(
    name="mend",
    title="mend, our own: several scales, tables as input",
    paper="our own; tables as input from QGCN (TIP 2020), several scales from all five papers",
    config=Config,
    build=build,
    planes=lambda config: "ycbcr",
    halo=halo,
    grow=grow,
    multiple=16,
    on_grid=lambda config: config.shape == "groups" or config.tables == "maps" or config.coefficients,
    tiling="exact",
    inputs=("planes", "tables", "sampling"),
    small=(
        Config(widths=(8, 8, 8), blocks=(1, 1, 1), embedding=8),
        Config(widths=(8, 8, 8), blocks=(1, 1, 1), convolution="separable", tables="maps"),
        Config(widths=(8, 8, 8), blocks=(1, 1, 1), embedding=8, coefficients=True, chroma_widths=(4, 4, 4)),
        Config(shape="groups", widths=(8, 8), blocks=(2, 1), embedding=8),
        Config(shape="groups", widths=(8, 8), blocks=(2, 1), tables="maps", integers=True),
    ),
)
