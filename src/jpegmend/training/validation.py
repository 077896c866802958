"""Validation during training: PSNR on a few pictures, at the qualities that the recipe trains.

Figures to report come from ``jpegmend evaluate``. Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from math import lcm
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor, nn

from jpegmend.data import codec
from jpegmend.data.codec import Sampling
from jpegmend.data.degradation import Degradation, as_written, table_pair
from jpegmend.data.pictures import read_pictures
from jpegmend.data.resampling import enlarge, reduce
from jpegmend.errors import MissingData
from jpegmend.models.contract import Observation, Planes, Spec
from jpegmend.restoration.tiles import lattice, ramp, round_up
from jpegmend.training.planes import select_planes

REPORTED = (10, 20, 30, 40, 90)
"""libjpeg qualities that are validated if the recipe trains them."""
_MCU = 16
"""Side in pixels of the squares that 4:2:0 compresses together; sides of pictures are cut to multiples of it."""
_BATCH = 8
"""Number of windows in a batch."""


def trained_qualities(degradation: Degradation) -> tuple[int, ...]:
    """The qualities of :data:`REPORTED` that a recipe trains; if none, its lowest, middle and highest quality.

    >>> trained_qualities(Degradation(qualities=((8, 42, 1.0),)))
    (10, 20, 30, 40)
    >>> trained_qualities(Degradation(qualities=((60, 85, 1.0),)))
    (60, 72, 85)
    """
    ranges = [(low, high) for low, high, share in degradation.qualities if share]
    found = tuple(q for q in REPORTED if any(low <= q <= high for low, high in ranges))
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return found or tuple(sorted({low, (low + high) // 2, high}))


def load_pictures(paths: Iterable[Path], *, most: int, scale: int) -> tuple[list[Tensor], int]:
    """The first ``most`` pictures below ``paths``, each ``[3, H, W]`` uint8, and the number of those left out before.

    Those with a side below 16 ``scale`` pixels, for a network of that scale, are left out: sides are cut to multiples
    of it. Raises :class:`~jpegmend.errors.MissingData` where no picture is left.
    """
    least, found, left_out = _MCU * scale, list[Tensor](), 0
    for picture in chain.from_iterable(map(read_pictures, paths)):
        if min(picture.shape[1:]) < least:
            left_out += 1
        else:
            found.append(picture)
        if len(found) == most:
            break
    if left_out and not found:
        raise MissingData(
            f"validation: of {left_out} pictures none has sides of {least} pixels or more; give larger ones"
        )
    return found, left_out


def checksum(pictures: Iterable[Tensor], qualities: Iterable[int], colour: int | None) -> str:
    """A checksum of what :func:`scores` measures on; scores of equal ones can be compared."""
    found = hashlib.sha256(repr((tuple(qualities), colour)).encode())
    for picture in pictures:
        found.update(repr(tuple(picture.shape)).encode())
        found.update(picture.contiguous().numpy().data)
    return found.hexdigest()


def psnr(restored: Tensor, truth: Tensor) -> float:
    """PSNR in dB of one picture in 0..1, after clipping and rounding to 8 bits; at most 58.92.

    That is the PSNR of the rounding itself. An exact picture, such as an even one, would be infinite, and so the mean.
    """
    error = torch.round(restored.clamp(0, 1) * 255) - torch.round(truth * 255)
    return float(20 * torch.log10(255 / error.square().mean().clamp(min=1 / 12).sqrt()))


@torch.inference_mode()
def scores(
    network: nn.Module,
    spec: Spec,
    config: object,
    pictures: Iterable[Tensor],
    *,
    qualities: Iterable[int] = REPORTED,
    colour: int | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Mean gain over the JPEG and mean PSNR in dB on ``pictures``, each ``[3, H, W]`` uint8 RGB.

    ``gain_10`` and ``psnr_10`` are those of studio-range luma, compressed as gray at quality 10. ``colour`` is a
    quality at which colour networks are validated on RGB too, compressed with 4:2:0: ``colour_gain_20``. Networks with
    ``tiling="window"`` are validated in windows. The gain of super-resolution networks is over bicubic interpolation of
    the JPEG.
    """
    network = network.to(device).eval()
    kind, scale = spec.planes(config), spec.scale(config)
    cases: list[tuple[str, Sampling, int]] = [("", "gray", quality) for quality in qualities]
    if colour is not None and kind != "y":
        cases.append(("colour_", "420", colour))
    found: dict[str, list[float]] = {}
    for picture in pictures:
        height, width = (side // (_MCU * scale) * (_MCU * scale) for side in picture.shape[1:])
        rgb = picture[None, :, :height, :width].to(device).float()
        for prefix, sampling, quality in cases:
            seen, truth = _compressed(rgb, kind, sampling, quality, scale)
            planes = enlarge(seen.planes, scale), run(network, spec, config, seen), truth
            before, after, target = (_shown(each, kind, sampling) for each in planes)
            found.setdefault(f"{prefix}psnr_{quality}", []).append(psnr(after, target))
            found.setdefault(f"{prefix}gain_{quality}", []).append(psnr(after, target) - psnr(before, target))
    return {name: round(mean(values), 3) for name, values in found.items()}


def mean_gain(found: dict[str, float]) -> float:
    """Mean of all gains in dB, including that of colour."""
    return mean(value for name, value in found.items() if "gain_" in name)


def _compressed(
    rgb: Tensor, kind: Planes, sampling: Sampling, quality: int, scale: int = 1
) -> tuple[Observation, Tensor]:
    """The input of a network for ``rgb [1, 3, H, W]``, downscaled by ``scale`` and compressed, and the truth."""
    truth = as_written(rgb, sampling, studio=True)
    given = rgb if scale == 1 else reduce(rgb, scale)
    luma, chroma = (table[None] for table in table_pair(quality, rgb.device))
    written = as_written(given, sampling, studio=True)[:, :1] if sampling == "gray" else given
    file = codec.compress(written, luma, chroma, sampling)
    seen, truth, _ = select_planes(kind, codec.observe(file), truth / 255, 1.0)
    return seen, truth


def _shown(planes: Tensor, kind: Planes, sampling: Sampling) -> Tensor:
    """The values that are compared: the first plane of gray pictures, RGB of others."""
    if sampling == "gray":
        return planes[:, :1]
    return codec.ycbcr_to_rgb(planes * 255) / 255 if kind == "ycbcr" else planes


def run(network: nn.Module, spec: Spec, config: object, seen: Observation) -> Tensor:
    """The network's output ``[B, C, H, W]``; for ``tiling="window"`` in blended windows as in inference."""
    side = spec.window_side(config)
    if spec.tiling != "window" or side is None:
        return network(seen).planes  # type: ignore[no-any-return]
    grid = lcm(8, spec.multiple)
    overlap = min(round_up(2 * spec.halo(config), grid), side - grid)
    height, width = seen.planes.shape[2:]
    places = [(top, left) for top in lattice(height, side, overlap) for left in lattice(width, side, overlap)]
    total, weight = torch.zeros_like(seen.planes), torch.zeros_like(seen.planes)
    for (top, left), answer in zip(places, _answers(network, seen, places, side), strict=True):
        down, across = (
            torch.tensor(ramp(start, min(start + side, length), length, overlap), device=answer.device)
            for start, length in ((top, height), (left, width))
        )
        share = down[:, None] * across
        here = (..., slice(top, top + side), slice(left, left + side))
        total[here] += answer * share
        weight[here] += share
    return total / weight


def _answers(network: nn.Module, seen: Observation, places: list[tuple[int, int]], side: int) -> Iterator[Tensor]:
    """The outputs ``[B, C, side, side]`` for windows at the given corners, in batches."""
    B = len(seen.planes)
    for first in range(0, len(places), _BATCH):
        some = places[first : first + _BATCH]
        windows = torch.cat([seen.planes[..., top : top + side, left : left + side] for top, left in some])
        given = {
            name: field.repeat(len(some), *[1] * (field.ndim - 1))
            for name, field in seen._asdict().items()
            if field is not None
        }
        yield from network(Observation(**given | {"planes": windows})).planes.split(B)
