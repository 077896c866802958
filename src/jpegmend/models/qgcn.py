"""QGCN: a residual network with the quantisation tables and a downscaled whole picture as inputs.

It minimises ``|G(Y_Q) - X|`` (eq. 5, 6); Y_Q is the decoded picture with its tables, tiled, as further channels.
Without the global branch it is the paper's QCN, without tables too its baseline EDSR.

Shape letters: B batch, C planes, H W pixels, G length of the global vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec, planes_by_channels
from jpegmend.models.layers import (
    BLOCK,
    LARGEST_STEP,
    check_counts,
    check_fold,
    convolution,
    fold,
    folded_radius,
    unfold,
)
from jpegmend.models.qcn_published import PublishedQCN

OVERVIEW = 112
"""Side in pixels of the input of the global branch."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's colour QGCN."""

    channels: int = 3
    """3 restores RGB, 1 each plane alone."""
    tables: bool = True
    """Whether the tables are an input; without them, and without ``whole``, this is EDSR."""
    whole: bool = True
    """Whether there is a global branch; without it, but with tables, this is QCN."""
    blocks: int = 64
    """Residual blocks in both groups together: 2 x 32 in section III, 2 x 8 to 2 x 64 in fig. 8 (N_res counts one
    group)."""
    width: int = 64
    """Channels of the restoration branch."""
    scale: float = 0.1
    """Factor on the residual of every block."""
    global_widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the global branch, two convolutions each (table I; the authors' code ends with 128)."""
    hidden: int = 1024
    """Outputs of the first fully connected layer."""
    vector: int = 64
    """Length of the global vector."""
    deviation: float = 0.01
    """Standard deviation of the initial weights (section IV-A); 0 takes PyTorch's own initialisation."""
    fold: int = 1
    """1: as in the authors' code, a 4x4 convolution of stride 2 (the text says 3x3, 64) and a sub-pixel convolution.
    Above 1: squares of that side are folded into channels before a 3x3 convolution, and the last convolution outputs
    folded pixels."""
    skip: bool = False
    """Whether the output is added to the decoded picture; the paper has no such skip."""
    published: bool = False
    """Whether QCN has the layers of the authors' published program and weights (``qcn_published``); needs
    ``whole=False``."""

    def __post_init__(self) -> None:
        check_counts(width=self.width, hidden=self.hidden, vector=self.vector, stages=len(self.global_widths))
        check_fold(self.fold)
        if self.channels not in (1, 3):
            raise InvalidOption(f"channels={self.channels}; QGCN restores 1 plane or 3")
        if self.published and (self.whole or not self.tables):
            raise InvalidOption("published=True is QCN, which has tables and no global branch; give whole=False")
        if self.blocks < 2 or self.blocks % 2:
            raise InvalidOption(f"blocks={self.blocks}; two equal groups need an even number, 2 or more")


class ScaledBlock(nn.Module):
    """``x + 0.1 conv(ReLU(conv(x)))`` (fig. 3c)."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = convolution(width, width)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H/2, W/2]`` in and out."""
        return x + self.scale * self.second(functional.relu(self.first(x)))  # type: ignore[no-any-return]


class Group(nn.Module):
    """Residual blocks with a skip over all of them."""

    def __init__(self, blocks: int, width: int, scale: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ScaledBlock(width, scale) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, H/2, W/2]`` in and out."""
        return x + self.blocks(x)  # type: ignore[no-any-return]


class GlobalBranch(nn.Module):
    """Global branch: the downscaled whole picture to one vector (table I)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = config.channels
        for width in config.global_widths:
            layers += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.ReLU()]
            layers += [convolution(width, width), nn.ReLU()]
            before = width
        self.convolutions = nn.Sequential(*layers)
        side = OVERVIEW >> len(config.global_widths)
        self.fc1 = nn.Linear(before * side * side, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.vector)

    def forward(self, overview: Tensor) -> Tensor:
        """``[B, C, 112, 112]`` in 0..1 to ``[B, G]``."""
        features = self.convolutions(overview).flatten(1)
        return self.fc2(functional.relu(self.fc1(features)))  # type: ignore[no-any-return]


def make_small(planes: Tensor) -> Tensor:
    """Resize ``[B, C, H, W]`` to ``[B, C, 112, 112]`` by bicubic interpolation with antialiasing.

    It makes ``Observation.overview`` in training, from the crop in place of the whole picture.
    """
    small = functional.interpolate(
        planes.float(), size=(OVERVIEW, OVERVIEW), mode="bicubic", align_corners=False, antialias=True
    )
    return small.to(planes.dtype)


def quantisation_maps(tables: Tensor, height: int, width: int) -> Tensor:
    """The luma table and, for three planes, the chroma table, tiled over the picture (fig. 2).

    ``tables [B, C, 8, 8]`` in the units of the file; returns ``[B, 1 or 2, height, width]``, steps over 255.
    The one chroma map is that of the second plane, Cb's. The picture must begin at the corner of a block.
    """
    rows = torch.arange(height, device=tables.device) % BLOCK
    columns = torch.arange(width, device=tables.device) % BLOCK
    return tables[:, :2, rows][..., columns] / LARGEST_STEP


class QGCN(nn.Module):
    """The restoration branch with the global branch (fig. 3)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        maps = min(config.channels, 2) if config.tables else 0
        C = config.width
        cell = config.fold**2
        if config.published:
            self.published = PublishedQCN(config.channels + maps, config.channels, C, config.blocks, config.scale)
            return
        if cell == 1:
            self.down = nn.Conv2d(config.channels + maps, C, 4, stride=2, padding=1)
        else:
            self.down = convolution(cell * (config.channels + maps), C)
        self.first = Group(config.blocks // 2, C, config.scale)
        self.branch = GlobalBranch(config) if config.whole else None
        self.merge = convolution(C + config.vector if config.whole else C, C)
        self.second = Group(config.blocks // 2, C, config.scale)
        self.spread = convolution(C, 4 * C) if cell == 1 else None
        self.last = convolution(C, cell * config.channels)
        if config.deviation > 0:
            self.apply(self._start)
        if config.skip:  # the initial output is the decoded picture
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def _start(self, layer: nn.Module) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=self.config.deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """``seen.planes [B, C, H, W]`` in 0..1, any size; the trace ``global`` is the vector, ``[B, G]``."""
        Y, (height, width) = seen.planes, seen.planes.shape[-2:]
        Y = functional.pad(Y, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")  # footnote 1
        Y_Q = Y
        if self.config.tables:
            maps = quantisation_maps(seen.tables, Y.shape[-2], Y.shape[-1])
            Y_Q = torch.cat([Y, maps.to(Y.dtype)], 1)  # eq. 5
        if self.config.published:
            return Estimate(self.published(Y_Q)[..., :height, :width])
        # First and last layer in float32 also where autocast is on: bfloat16 has steps of half a gray level.
        with torch.autocast(Y.device.type, enabled=False):
            x = self.down(fold(Y_Q, self.config.fold))
        x = self.first(functional.relu(x))
        traces: dict[str, tuple[Tensor, ...]] = {}
        if self.branch is not None:
            vector = self.branch(make_small(seen.planes) if seen.overview is None else seen.overview)
            x = torch.cat([x, vector[:, :, None, None].expand(-1, -1, *x.shape[-2:])], 1)
            traces = {"global": (vector,)} if collect else {}
        x = self.second(functional.relu(self.merge(x)))
        if self.spread is not None:
            x = functional.pixel_shuffle(self.spread(x), 2)
        with torch.autocast(Y.device.type, enabled=False):
            X = unfold(self.last(x.to(Y.dtype)), self.config.fold, *Y.shape[-2:])
        X = Y + X if self.config.skip else X
        return Estimate(X[..., :height, :width], traces=traces)


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels: two 3x3 a block, merge and spread at half size, down and last at full.

    On a folded grid all of them, without spread, count cells.
    """
    if config.published:
        return 2 * (2 * config.blocks + 2) + 5
    if config.fold == 1:
        return 2 * (2 * config.blocks + 2) + 3
    return folded_radius(2 * config.blocks + 3, config.fold)


SPEC = Spec(
    name="qgcn",
    title="QGCN, guided by quantisation tables; QCN and EDSR are its baselines",
    paper="Li, Wang, Xie, Ma: Learning a Single Model with a Wide Range of Quality Factors for JPEG Image "
    "Artifacts Removal, IEEE TIP 2020",
    config=Config,
    build=QGCN,
    planes=planes_by_channels,
    halo=halo,
    multiple=8,
    on_grid=lambda config: config.tables,
    tiling="global",
    inputs=("planes", "tables", "overview"),
    small=(
        Config(blocks=2, width=8, global_widths=(4, 8), hidden=16, vector=8),
        Config(blocks=2, width=8, global_widths=(4, 8), hidden=16, vector=8, channels=1),
        Config(blocks=2, width=8, global_widths=(4, 8), hidden=16, vector=8, fold=2, skip=True),
        Config(blocks=2, width=8, whole=False),
        Config(blocks=2, width=8, whole=False, published=True),
        Config(blocks=2, width=8, whole=False, tables=False),
    ),
)
