"""Clean pictures in memory, and random crops of them.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jpegmend.errors import MissingData

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm")


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Every picture file below the given files and folders, sorted by name.

    Raises :class:`~jpegmend.errors.MissingData` where a path does not exist or holds none.
    """
    found: list[Path] = []
    for path in paths:
        here = (
            [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        )
        if not here:
            raise MissingData(
                f"{path}: no pictures there; give a folder or files ending in {', '.join(SUFFIXES)}"
            )
        found += here
    return found


def load_rgb(path: Path, *, reduce: int = 1) -> Tensor:
    """One picture as ``[3, H, W]`` uint8 RGB, made smaller by a whole factor with a box filter."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        if reduce > 1:
            rgb = rgb.reduce(reduce)
        return torch.from_numpy(np.array(rgb)).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Pictures:
    """Pictures held as uint8 on a device, drawn by area so that every pixel is as likely as any other."""

    tensors: Sequence[Tensor]

    @classmethod
    def load(
        cls, paths: Iterable[Path], *, device: torch.device | str = "cpu", halve_above: int = 0
    ) -> Pictures:
        """Read all pictures; those with more pixels than ``halve_above`` also at half the size (0: none).

        A large photo is often soft at full size; its half is as sharp as the test sets are.
        """
        tensors = []
        for path in find_pictures(paths):
            tensors.append(load_rgb(path).to(device))
            if halve_above and tensors[-1].shape[1] * tensors[-1].shape[2] > halve_above:
                tensors.append(load_rgb(path, reduce=2).to(device))
        return cls(tensors)

    def crops(self, batch: int, side: int, rng: random.Random) -> Tensor:
        """``[B, 3, side, side]`` uint8: random places, flips and quarter turns."""
        large = [t for t in self.tensors if min(t.shape[1:]) >= side]
        if not large:
            raise MissingData(
                f"no picture is at least {side} x {side} pixels; use smaller crops or larger pictures"
            )
        chosen = rng.choices(large, [t.shape[1] * t.shape[2] for t in large], k=batch)
        out = []
        for picture in chosen:
            top, left = (rng.randrange(length - side + 1) for length in picture.shape[1:])
            crop = picture[:, top : top + side, left : left + side]
            crop = torch.rot90(crop, rng.randrange(4), (1, 2))
            out.append(crop.flip(2) if rng.random() < 0.5 else crop)
        return torch.stack(out)
