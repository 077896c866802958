"""CQR: compression quality ranker, and a de-blocking network trained with it.

The ranker is trained on pairs of one picture at two qualities to give the better one the higher score (eq. 1, 2). The
de-blocking network M, RNAN's blocks with dilated convolutions, is then trained on
``|M(x) - y| + 0.01 sigmoid(-CQR(M(x))) + 0.9 |CQR_i(M(x)) - CQR_i(y)|`` (eq. 3 to 6), where CQR_i are the features of
the frozen ranker's i-th layer. The losses are in ``jpegmend.training.losses``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from jpegmend.errors import InvalidOption
from jpegmend.models.attention import AttentionNetwork, BlockShape
from jpegmend.models.contract import Spec, planes_by_channels
from jpegmend.models.layers import check_counts


@dataclass(frozen=True, kw_only=True)
class RankerConfig:
    """Hyper-parameters of the ranker; the defaults are the paper's where it gives them."""

    channels: int = 1
    """Planes of a picture; the paper ranks luma."""
    widths: tuple[int, ...] = (64, 64, 128, 128, 256, 256, 512, 512, 512, 512)
    """Channels of the convolutions. The paper gives their number, 10, and VGG; the widths are VGG-13's."""
    slope: float = 0.2
    """Of the leaky ReLU below zero; open in the paper."""
    levels: tuple[tuple[int, int], ...] = ((1, 10), (11, 20), (21, 30))
    """First and last quality of every level, worst first; the two qualities of a pair come from two of them."""
    margin: float = 0.5
    """Epsilon of the margin ranking loss (eq. 2): least difference of the scores of a pair."""

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, layers=len(self.widths), width=min(self.widths, default=0))
        ends = [quality for level in self.levels for quality in level]
        if len(self.levels) < 2 or any(len(level) != 2 for level in self.levels) or ends != sorted(ends):
            raise InvalidOption(f"levels={self.levels}; give two or more (first, last) ranges, worst first")


class Ranking(NamedTuple):
    """Output of the ranker."""

    score: Tensor
    """``[B]``; higher is better. Only differences have a meaning: the loss does not fix the zero."""
    features: tuple[Tensor, ...]
    """After every layer's leaky ReLU, ``[B, widths[i], H_i, W_i]``: CQR_i of eq. 5 and fig. 4."""


class Ranker(nn.Module):
    """The compression quality ranker: a VGG-like network with one score (section 3.1).

    Every second convolution has stride 2 (open in the paper; VGG pools there). The Siamese network applies this one to
    both pictures of a pair (eq. 1). In training both must be in one batch: batch normalisation of each half alone
    would remove the difference between worse and better pictures.
    """

    def __init__(self, config: RankerConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (config.channels, *config.widths[:-1])
        self.layers = nn.ModuleList(
            nn.Sequential(
                # No bias: the batch normalisation has one.
                nn.Conv2d(before, after, 3, stride=1 + i % 2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(config.slope),
            )
            for i, (before, after) in enumerate(zip(inputs, config.widths, strict=True))
        )
        self.last = nn.Linear(config.widths[-1], 1)

    def forward(self, picture: Tensor) -> Ranking:
        """``[B, C, H, W]`` in 0..1, any size."""
        features, x = [], picture
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        score = self.last(x.mean((-2, -1))).squeeze(1)  # global average pooling, then one number
        return Ranking(score, tuple(features))


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters of the de-blocking network; counts are open in the paper and chosen near RNAN's size."""

    channels: int = 1
    """1 works on each plane alone (the paper: luma), 3 on RGB."""
    width: int = 64
    """Channels of every layer."""
    blocks: int = 10
    """Attention blocks: a dilated non-local one at each end, dilated local ones between."""
    head: int = 1
    """Residual blocks at the beginning of an attention block."""
    trunk: int = 2
    """Residual blocks in its trunk branch."""
    mask: int = 1
    """Residual blocks in its mask branch at full resolution, before and after; twice as many at half of it."""
    tail: int = 0
    """Residual blocks at its end: RNAN has 2, here the dilated convolutions are in their place."""
    up_kernel: int = 3
    """Side of the kernel of the mask branch's transposed convolution."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Of the parallel convolutions."""
    dilated: bool = True
    """False is table 1's "without DC": as many convolutions, all of dilation 1."""

    fold: int = 1
    """Side of the squares of pixels that are folded into channels at the head; 2 for the compact sizes."""

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width, blocks=self.blocks, mask=self.mask, fold=self.fold)
        check_counts(up_kernel=self.up_kernel - 1, dilations=min(self.dilations, default=0))


class CQR(AttentionNetwork):
    """The de-blocking network M (section 3.2, fig. 2)."""

    def __init__(self, config: Config) -> None:
        shape = BlockShape(
            width=config.width,
            head=config.head,
            trunk=config.trunk,
            mask=config.mask,
            tail=config.tail,
            up_kernel=config.up_kernel,
            dilations=config.dilations if config.dilated else (1,) * len(config.dilations),
        )
        super().__init__(config.channels, config.blocks, shape, config.fold)


SPEC = Spec(
    name="cqr",
    title="CQR, attention trained with a ranker of quality",
    paper="Wang, Fu, Sun, Zha: JPEG Artifacts Removal via Compression Quality Ranker-Guided Networks, IJCAI 2020",
    config=Config,
    build=CQR,
    planes=planes_by_channels,
    halo=lambda config: 8,
    tiling="window",
    window=80,
    small=(
        Config(width=8, blocks=2, trunk=1),
        Config(width=8, blocks=3, trunk=1, channels=3),
    ),
)
