"""Training data of super-resolution: the clean picture is downscaled, then compressed; the truth is the clean one.

Shape letters: B batch, C planes, H W pixels, s scale.
"""

from __future__ import annotations

import random
from dataclasses import replace

from torch import Tensor
from torch.nn import functional

from jpegmend.data import codec
from jpegmend.data.codec import Sampling
from jpegmend.data.degradation import Degradation, as_written, degrade
from jpegmend.models.contract import Observation


def reduce(picture: Tensor, scale: int) -> Tensor:
    """``[B, C, H, W]`` on 0..255 to ``[B, C, H/s, W/s]``, by bicubic interpolation with antialiasing, whole numbers."""
    size = [side // scale for side in picture.shape[2:]]
    return _bicubic(picture, size).round().clamp(0, 255)


def enlarge(planes: Tensor, scale: int) -> Tensor:
    """``[B, C, H, W]`` to ``[B, C, s H, s W]`` by bicubic interpolation, the baseline of super-resolution."""
    return planes if scale == 1 else _bicubic(planes, [side * scale for side in planes.shape[2:]])


def _bicubic(x: Tensor, size: list[int]) -> Tensor:
    # With antialiasing PyTorch takes Keys' kernel of a = -0.5, as Pillow and MATLAB do.
    return functional.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)


def degrade_reduced(
    clean: Tensor, degradation: Degradation, rng: random.Random, scale: int
) -> tuple[Observation, Tensor]:
    """Downscale and compress pictures: the input of the network and the truth at full size, J and O of MDU's eq. 25.

    ``clean`` is ``[B, 3, H, W]`` uint8 RGB, sides multiples of ``16 scale``; ``seen`` has sides H/s and W/s, the truth
    is ``[B, 3, H, W]``. With ``scale`` 1 it is :func:`~jpegmend.data.degradation.degrade`;
    else ``degradation.social``, which changes the size, must be 0.
    """
    if scale == 1:
        return degrade(clean, degradation, rng)
    studio = rng.random() < degradation.studio
    seen, _ = degrade(reduce(clean.float(), scale), replace(degradation, studio=float(studio)), rng)
    sampling = _sampling(seen)
    return seen, as_written(clean.float(), sampling, studio and sampling == "gray") / 255


def _sampling(seen: Observation) -> Sampling:
    factors = tuple(int(factor) for factor in seen.sampling[0])
    return next(name for name, pair in codec.FACTORS.items() if pair == factors)
