"""Clean pictures in memory, and random crops of them.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import random
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
from jpegmend.errors import MissingData
from jpegmend.formats import SUFFIXES


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Every picture file below the given files and folders, sorted by name.

    Raises :class:`~jpegmend.errors.MissingData` where a path does not exist or holds none.
    """
    found: list[Path] = []
    for path in paths:
        here = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
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
class Pictures:
    """Clean pictures as uint8 tensors on a device, and random crops of them."""

    tensors: Sequence[Tensor]
    """Each ``[3, H, W]``."""
    weights: Sequence[float] | None = None
    """How often each is drawn; by its pixels where None."""
    candidates: int = 1
    """Number of random positions tried for each crop; the crop with most detail is taken."""
    flips: bool = True
    """Whether crops are flipped and rotated by multiples of 90 degrees at random."""
    _by_side: dict[int, tuple[list[Tensor], list[float]]] = field(default_factory=dict, repr=False)

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
        path; by pixels where it is None.
        """
        tensors: list[Tensor] = []
        weights: list[float] = []
        for index, path in enumerate(paths):
            read = list(_read(path, sizes or Sizes(), device))
            scale = shares[index] / sum(weight for _, weight in read) if shares else 1.0
            tensors += [tensor for tensor, _ in read]
            weights += [scale * weight for _, weight in read]
        return cls(tensors, weights, candidates, flips)

    def crops(self, batch: int, side: int, rng: random.Random) -> Tensor:
        """Random crops ``[B, 3, side, side]`` uint8, flipped and rotated with ``flips``."""
        large, cumulative = self._large_enough(side)
        out = []
        for picture in rng.choices(large, cum_weights=cumulative, k=batch * self.candidates):
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

    def _large_enough(self, side: int) -> tuple[list[Tensor], list[float]]:
        """The pictures that hold such a crop, and their weights summed up; worked out once a side."""
        if side not in self._by_side:
            weights = self.weights or [float(t.shape[1] * t.shape[2]) for t in self.tensors]
            fit = [(t, w) for t, w in zip(self.tensors, weights, strict=True) if min(t.shape[1:]) >= side]
            if not fit:
                raise MissingData(
                    f"no picture is at least {side} x {side} pixels; use smaller crops or larger pictures"
                )
            self._by_side[side] = [t for t, _ in fit], list(accumulate(w for _, w in fit))
        return self._by_side[side]


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
