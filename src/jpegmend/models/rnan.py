"""RNAN: residual non-local attention network, a baseline of the five papers.

``O = J + residual(J)``, trained on the squared error. Every block multiplies its features by a mask; in the first and
the last block the mask branch begins with a non-local operation over the whole window.
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegmend.models.attention import AttentionNetwork, BlockShape
from jpegmend.models.contract import Spec, planes_by_channels
from jpegmend.models.layers import check_counts


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults count 7.44 million parameters beside the paper's 7.41.

    The authors' published code is ``Config(up_kernel=6, closing=True)``: 8.92 million.
    """

    channels: int = 1
    """1 works on each plane alone, 3 on RGB."""
    width: int = 64
    """Channels of every layer; MDU's table V takes 24, 36 and 48."""
    blocks: int = 10
    """Attention blocks; the first and the last are non-local, the others local."""
    head: int = 1
    """Residual blocks at the beginning of an attention block."""
    trunk: int = 2
    """Residual blocks in its trunk branch."""
    mask: int = 1
    """Residual blocks in its mask branch at full resolution, before and after; twice as many at half of it."""
    tail: int = 2
    """Residual blocks at its end."""
    up_kernel: int = 3
    """Side of the kernel of the mask branch's transposed convolution; open, 3 meets the paper's parameter count."""
    closing: bool = False
    """Whether a convolution ends every block, as in the authors' code."""

    fold: int = 1
    """Side of the squares of pixels that are folded into channels at the head; 2 for the compact sizes."""

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width, blocks=self.blocks, mask=self.mask, fold=self.fold)
        check_counts(up_kernel=self.up_kernel - 1)


class RNAN(AttentionNetwork):
    """The network: attention blocks between two convolutions, a skip over all."""

    def __init__(self, config: Config) -> None:
        shape = BlockShape(
            width=config.width,
            head=config.head,
            trunk=config.trunk,
            mask=config.mask,
            tail=config.tail,
            up_kernel=config.up_kernel,
            closing=config.closing,
        )
        super().__init__(config.channels, config.blocks, shape, config.fold)


SPEC = Spec(
    name="rnan",
    title="RNAN, residual non-local attention",
    paper="Zhang, Li, Li, Zhong, Fu: Residual Non-local Attention Networks for Image Restoration, ICLR 2019",
    config=Config,
    build=RNAN,
    planes=planes_by_channels,
    halo=lambda config: 16,
    tiling="window",
    window=96,
    small=(
        Config(width=8, blocks=2, trunk=1, tail=1),
        Config(width=8, blocks=3, trunk=1, tail=1, channels=3),
    ),
)
