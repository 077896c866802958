"""Clean pictures in memory, and random crops of them.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jpegmend.data import pack
from jpegmend.data.clear_pictures import open_clear
from jpegmend.data.sets import picture_files
from jpegmend.errors import MissingData
from jpegmend.formats import SUFFIXES


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Every picture file below the given files and folders, sorted by name.

    Raises :class:`~jpegmend.errors.MissingData` where a path does not exist or holds none.
    """
    found: list[Path] = []
    for path in paths:
        here = [path] if path.is_file() else picture_files(path, "**/*")
        if not here:
            raise MissingData(f"{path}: no pictures there; give a folder or files ending in {', '.join(SUFFIXES)}")
        found += here
    return found


def load_rgb(path: Path) -> Tensor:
    """One picture as ``[3, H, W]`` uint8 RGB. Raises InputError where it cannot be read."""
    return torch.from_numpy(np.array(open_clear(path).convert("RGB"))).permute(2, 0, 1).contiguous()


def read_pictures(path: Path) -> Iterator[Tensor]:
    """Every picture of a folder, a file or a packed file (:mod:`jpegmend.data.pack`), each ``[3, H, W]`` uint8 RGB."""
    yield from pack.read(path) if path.suffix == pack.SUFFIX else map(load_rgb, find_pictures([path]))


@dataclass(frozen=True)
class Sizes:
    """Settings for using large pictures at a half, a quarter, ... of their size too.

    Large photos are less sharp at full size than the small pictures that are compressed strongly; a network trained
    on them alone restores detail worse.
    """

    halve_above: int = 0
    """Pictures with more pixels than this are halved; 0 for none."""
    halvings: int = 1
    """How often at most."""
    even: bool = False
    """Whether a picture's sizes are drawn equally often; else every pixel is as likely as any other."""

    def of(self, picture: Tensor) -> list[Tensor]:
        """The picture ``[3, H, W]`` and its halves, large to small."""
        out = [picture]
        while self.halve_above and len(out) <= self.halvings and out[-1][0].numel() > self.halve_above:
            out.append(halved(out[-1]))
        return out


@dataclass(frozen=True)
class _Pool:
    """The pictures that hold a crop of some side."""

    tensors: list[Tensor]
    cumulative: list[float]
    """Sums of their weights up to each."""
    ranges: list[tuple[int, int]]
    """First (inclusive) and last (exclusive) picture of the source of each."""

    def draw(self, count: int, candidates: int, rng: random.Random) -> list[Tensor]:
        """The pictures of ``count`` groups of candidates, group by group; those of a group are of one source."""
        drawn = []
        for first in rng.choices(range(len(self.tensors)), cum_weights=self.cumulative, k=count):
            start, end = self.ranges[first]
            low = self.cumulative[start - 1] if start else 0.0
            weight = self.cumulative[end - 1] - low
            others = [low + weight * rng.random() for _ in range(candidates - 1)]
            drawn += [first, *(bisect(self.cumulative, other, start, end - 1) for other in others)]
        return [self.tensors[index] for index in drawn]


@dataclass(frozen=True)
class Pictures:
    """Clean pictures as uint8 tensors on a device, and random crops of them."""

    tensors: Sequence[Tensor]
    """Each ``[3, H, W]``."""
    weights: Sequence[float] | None = None
    """How often each is drawn; by its pixels where None."""
    candidates: int = 1
    """Number of crops drawn for each one taken, from pictures of the same source; that with most detail is taken."""
    flips: bool = True
    """Whether crops are flipped and rotated by multiples of 90 degrees at random."""
    counts: Sequence[int] | None = None
    """Number of tensors of each source (data set), in order; None where all are of one."""
    shared: bool = False
    """Whether sources keep their shares of the weight if some of their pictures are too small for a crop."""
    _by_side: dict[int, _Pool] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        paths: Iterable[Path],
        *,
        device: torch.device | str = "cpu",
        sizes: Sizes | None = None,
        shares: Sequence[float] | None = None,
        candidates: int = 1,
        flips: bool = True,
    ) -> Pictures:
        """Read all pictures below folders, in files, or in packed files (:mod:`jpegmend.data.pack`).

        ``sizes`` says which are also used smaller than they are. ``shares`` says how often crops come from each
        path; by pixels where it is None. Each path is a source.
        """
        tensors: list[Tensor] = []
        weights: list[float] = []
        counts: list[int] = []
        for index, path in enumerate(paths):
            read = list(_read(path, sizes or Sizes(), device))
            scale = shares[index] / sum(weight for _, weight in read) if shares else 1.0
            tensors += [tensor for tensor, _ in read]
            weights += [scale * weight for _, weight in read]
            counts.append(len(read))
        return cls(tensors, weights, candidates, flips, counts, shared=bool(shares))

    def crops(self, batch: int, side: int, rng: random.Random) -> Tensor:
        """Random crops ``[B, 3, side, side]`` uint8, flipped and rotated with ``flips``."""
        out = []
        # The source is drawn first: were it chosen by detail too, sources with more of it would exceed their share.
        for picture in self._large_enough(side).draw(batch, self.candidates, rng):
            top, left = (rng.randrange(length - side + 1) for length in picture.shape[1:])
            crop = picture[:, top : top + side, left : left + side]
            if self.flips:
                crop = torch.rot90(crop, rng.randrange(4), (1, 2))
                crop = crop.flip(2) if rng.random() < 0.5 else crop
            out.append(crop)
        crops = torch.stack(out)
        if self.candidates == 1:
            return crops
        chosen = detail(crops).reshape(batch, self.candidates).argmax(1)
        return crops.reshape(batch, self.candidates, *crops.shape[1:])[torch.arange(batch, device=crops.device), chosen]

    def without(self, side: int) -> list[int]:
        """The numbers of the sources that have no picture for crops of that side."""
        fits = [min(tensor.shape[1:]) >= side for tensor in self.tensors]
        return [number for number, source in enumerate(self._sources()) if not any(fits[i] for i in source)]

    def _large_enough(self, side: int) -> _Pool:
        """The pictures that hold such a crop, and their weights; worked out once a side."""
        if side not in self._by_side:
            every = self.weights or [float(t.shape[1] * t.shape[2]) for t in self.tensors]
            tensors: list[Tensor] = []
            weights: list[float] = []
            ranges: list[tuple[int, int]] = []
            for source in self._sources():
                fit = [i for i in source if min(self.tensors[i].shape[1:]) >= side]
                kept = sum(every[i] for i in fit)
                scale = sum(every[i] for i in source) / kept if self.shared and kept else 1.0
                ranges += [(len(tensors), len(tensors) + len(fit))] * len(fit)
                tensors += [self.tensors[i] for i in fit]
                weights += [scale * every[i] for i in fit]
            if not tensors:
                raise MissingData(
                    f"no picture is at least {side} x {side} pixels; use smaller crops or larger pictures"
                )
            self._by_side[side] = _Pool(tensors, list(accumulate(weights)), ranges)
        return self._by_side[side]

    def _sources(self) -> list[range]:
        """The numbers of the tensors of each source."""
        ends = list(accumulate(self.counts or [len(self.tensors)]))
        return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def detail(crops: Tensor) -> Tensor:
    """Measure of detail ``[B]``: mean absolute difference of neighbours in green, which is near luma."""
    green = crops[:, 1].to(torch.int16)
    across, along = green.diff(dim=-1).abs(), green.diff(dim=-2).abs()
    return across.float().mean((1, 2)) + along.float().mean((1, 2))


def _read(path: Path, sizes: Sizes, device: torch.device | str) -> Iterator[tuple[Tensor, float]]:
    """Every picture of one source at all its sizes, with how often each is drawn."""
    for picture in read_pictures(path):
        pyramid = sizes.of(picture)
        pixels = [float(p.shape[1] * p.shape[2]) for p in pyramid]
        weights = [pixels[0] / len(pixels)] * len(pixels) if sizes.even else pixels
        for size, weight in zip(pyramid, weights, strict=True):
            yield size.to(device), weight


def halved(picture: Tensor) -> Tensor:
    """``[3, H, W]`` uint8 at half the size, by Pillow's box filter."""
    image = Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()))
    return torch.from_numpy(np.array(image.reduce(2))).permute(2, 0, 1).contiguous()
