"""How clean pictures are spoiled for training: which qualities, which sampling, once or twice.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from jpegmend.data import codec
from jpegmend.data.codec import Sampling
from jpegmend.errors import InvalidRecipe
from jpegmend.jpeg import tables
from jpegmend.models.contract import Observation


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """What may happen to a clean crop; shares are relative weights."""

    qualities: Sequence[tuple[int, int, float]] = ((5, 60, 1.0),)
    """Ranges of libjpeg quality, first and last included, and the share of each."""
    sampling: Mapping[Sampling, float] = field(default_factory=lambda: {"gray": 1.0})
    """Share of each kind of file."""
    studio: float = 0.5
    """Share of the gray crops whose Y has the studio range, as in the papers' gray protocol."""
    double: float = 0.0
    """Share that was compressed before: on a shifted grid or the same, at a quality of its own."""
    double_qualities: tuple[int, int] = (10, 90)
    """Range of the quality of that earlier compression."""

    def __post_init__(self) -> None:
        for low, high, share in self.qualities:
            if not 1 <= low <= high <= 100 or share < 0:
                raise InvalidRecipe(
                    f"qualities {low} to {high}, share {share}: 1 <= low <= high <= 100, share >= 0"
                )
        unknown = set(self.sampling) - set(codec.FACTORS)
        if unknown or not any(self.sampling.values()):
            raise InvalidRecipe(f"sampling {dict(self.sampling)}: kinds are {', '.join(codec.FACTORS)}")


@lru_cache(maxsize=256)
def table_pair(quality: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """libjpeg's luma and chroma tables of a quality, each ``[8, 8]`` float32."""
    pair = tables.standard_luma(quality), tables.standard_chroma(quality)
    luma, chroma = (torch.from_numpy(table.astype("float32")).to(device) for table in pair)
    return luma, chroma


def _tables(qualities: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    pairs = [table_pair(quality, device) for quality in qualities]
    return torch.stack([luma for luma, _ in pairs]), torch.stack([chroma for _, chroma in pairs])


def draw_quality(degradation: Degradation, rng: random.Random) -> int:
    """One quality: a range by its share, then evenly inside it."""
    ranges = degradation.qualities
    low, high, _ = rng.choices(ranges, [share for _, _, share in ranges])[0]
    return rng.randint(low, high)


def _compressed_before(rgb: Tensor, degradation: Degradation, rng: random.Random) -> Tensor:
    """The share ``double`` of the batch after an earlier JPEG, on a grid moved by 0..7 pixels; 0..255 whole."""
    chosen = [index for index in range(len(rgb)) if rng.random() < degradation.double]
    if not chosen:
        return rgb
    low, high = degradation.double_qualities
    qualities = [rng.randint(low, high) for _ in chosen]
    shift = rng.choice([(0, 0), (rng.randrange(8), rng.randrange(8))])
    moved = torch.roll(rgb[chosen], shift, (2, 3))
    seen = codec.observe(codec.rgb_to_ycbcr(moved), *_tables(qualities, rgb.device), "444")
    back = torch.roll(codec.decoded_pixels(seen), (-shift[0], -shift[1]), (2, 3))
    rgb = rgb.clone()
    rgb[chosen] = back
    return rgb


def degrade(clean: Tensor, degradation: Degradation, rng: random.Random) -> tuple[Observation, Tensor]:
    """Compress a batch of one kind of file.

    ``clean`` is ``[B, 3, H, W]`` uint8 RGB, sides multiples of 16. Returns what a reader of the files sees and
    the truth ``[B, 3, H, W]`` (YCbCr in 0..1; for gray pictures chroma is 0.5). One batch holds one sampling.
    """
    kinds = list(degradation.sampling)
    sampling = rng.choices(kinds, [degradation.sampling[kind] for kind in kinds])[0]
    rgb = clean.float()
    spoiled = _compressed_before(rgb, degradation, rng)
    if sampling == "gray":
        studio = rng.random() < degradation.studio
        truth, planes = (
            codec.studio_luma(x) if studio else codec.rgb_to_ycbcr(x)[:, :1] for x in (rgb, spoiled)
        )
        truth = torch.round(truth)
        truth = torch.cat([truth, torch.full_like(truth, 127.5).expand(-1, 2, -1, -1)], 1)
    else:
        truth, planes = codec.rgb_to_ycbcr(rgb), codec.rgb_to_ycbcr(spoiled)
    qualities = [draw_quality(degradation, rng) for _ in range(len(clean))]
    seen = codec.observe(planes, *_tables(qualities, clean.device), sampling)
    return seen, truth / 255
