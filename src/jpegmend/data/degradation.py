"""Degradation of clean pictures for training: JPEG at given qualities and samplings, once or twice.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from jpegmend.blocks import GRAY_CHROMA
from jpegmend.data import codec
from jpegmend.data.codec import File, Sampling
from jpegmend.errors import InvalidRecipe
from jpegmend.jpeg import tables
from jpegmend.models.contract import Observation

Encoder = Literal["batched", "pillow"]
STRONGER = 1.25
"""Ratio of the mean steps from which a first compression is strong enough to be found."""
MARGIN = 16
"""With crops at any phase of the block grid: pixels by which the compressed picture is larger than the crop."""


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Distribution of the compressions drawn in training; shares are relative weights."""

    # As a table of a recipe it must refuse what the other tables do.
    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    qualities: tuple[tuple[int, int, float], ...] = ((5, 60, 1.0),)
    """Ranges of libjpeg quality, first and last included, and the share of each."""
    sampling: Mapping[Sampling, float] = field(default_factory=lambda: {"gray": 1.0})
    """Share of each kind of file."""
    studio: float = 0.5
    """Share of the gray crops with studio-range luma, as in the papers' gray protocol."""
    tables: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    """Luma and chroma tables of other encoders, 64 steps each, row-major."""
    custom: float = 0.0
    """Share that is compressed with one of ``tables`` in place of libjpeg's."""
    double: float = 0.0
    """Share that is compressed twice, the first time at an independent quality."""
    double_qualities: tuple[int, int] = (10, 90)
    """Range of the quality of that earlier compression."""
    shifted: float = 0.5
    """Share of those compressed twice with a shifted first block grid (as if cropped in between)."""
    found: float = 0.0
    """Share of the batches (of those that are not ``social``) in which a clearly stronger first compression counts as
    found: its pictures are seen on its grid and with its tables, as ``restore`` sees a file whose earlier compression
    it has found."""
    social: float = 0.0
    """Share of the batches that simulate an upload to social media: compressed, downscaled, compressed again."""
    smaller: tuple[float, float] = (0.5, 0.9)
    """Range of the scale factor of that downscaling."""
    encoder: Encoder = "batched"
    """``batched``: the PyTorch codec; ``pillow``: files written and read by Pillow."""
    phase: Literal["corner", "any"] = "corner"
    """Position of crops on the grid of 8x8 blocks. ``corner``: they begin at a block corner; ``any``: they are cut from
    a larger compressed picture at any position."""

    def __post_init__(self) -> None:
        self._check_qualities()
        unknown = set(self.sampling) - set(codec.FACTORS)
        if unknown or not any(self.sampling.values()) or min(self.sampling.values()) < 0:
            raise InvalidRecipe(f"sampling {dict(self.sampling)}: kinds are {', '.join(codec.FACTORS)}, one above 0")
        for name in ("studio", "custom", "double", "shifted", "found", "social"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidRecipe(f"{name} {getattr(self, name)}: a share lies in 0..1")
        if not 0.25 <= self.smaller[0] <= self.smaller[1] <= 1:
            raise InvalidRecipe(f"smaller {self.smaller}: 0.25 <= low <= high <= 1")
        if any(
            len(table) != 64 or not all(1 <= step <= 255 for step in table) for pair in self.tables for table in pair
        ):
            raise InvalidRecipe("tables: each pair is luma and chroma, each 64 steps in 1..255, row-major")
        if self.phase == "any" and self.social:
            raise InvalidRecipe(f"phase 'any' with social {self.social}; crops of such pictures begin at block corners")
        if self.custom and not self.tables:
            raise InvalidRecipe(f"custom {self.custom} but no tables; give pairs of 64 steps")

    def _check_qualities(self) -> None:
        for low, high, share in self.qualities:
            if not 1 <= low <= high <= 100 or share < 0:
                raise InvalidRecipe(f"qualities {low} to {high}, share {share}: 1 <= low <= high <= 100, share >= 0")
        low, high = self.double_qualities
        if not 1 <= low <= high <= 100:
            raise InvalidRecipe(f"double_qualities {low} to {high}: 1 <= low <= high <= 100")
        if not any(share for _, _, share in self.qualities):
            raise InvalidRecipe(f"qualities {self.qualities}: one share must be above 0")


@lru_cache(maxsize=256)
def table_pair(quality: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """libjpeg's luma and chroma tables of a quality, each ``[8, 8]`` float32."""
    pair = tables.standard_luma(quality), tables.standard_chroma(quality)
    luma, chroma = (torch.from_numpy(table.astype("float32")).to(device) for table in pair)
    return luma, chroma


def tables_of(qualities: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """libjpeg's luma and chroma tables, each ``[B, 8, 8]``, one quality a picture."""
    pairs = [table_pair(quality, device) for quality in qualities]
    return torch.stack([luma for luma, _ in pairs]), torch.stack([chroma for _, chroma in pairs])


def draw_quality(degradation: Degradation, rng: random.Random) -> int:
    """Draw a quality: a range by its share, then uniformly inside it."""
    ranges = degradation.qualities
    low, high, _ = rng.choices(ranges, [share for _, _, share in ranges])[0]
    return rng.randint(low, high)


def _draw_tables(
    degradation: Degradation, batch: int, device: torch.device, rng: random.Random
) -> tuple[Tensor, Tensor]:
    luma, chroma = tables_of([draw_quality(degradation, rng) for _ in range(batch)], device)
    for index in range(batch if degradation.custom else 0):
        if rng.random() < degradation.custom:
            pair = rng.choice(degradation.tables)
            luma[index], chroma[index] = (torch.tensor(table, dtype=torch.float32).reshape(8, 8) for table in pair)
    return luma, chroma


def compress(picture: Tensor, luma: Tensor, chroma: Tensor, sampling: Sampling, encoder: Encoder = "batched") -> File:
    """Compress by the encoder of that name; see :func:`jpegmend.data.codec.compress`."""
    if encoder == "pillow":
        from jpegmend.data import encoder as real

        return real.compress(picture, luma, chroma, sampling)
    return codec.compress(picture, luma, chroma, sampling)


def _draw_twice(batch: int, degradation: Degradation, rng: random.Random) -> tuple[list[int], tuple[int, int]]:
    """The pictures of a batch that are compressed twice, and the rows and columns between the two grids."""
    chosen = [index for index in range(batch) if rng.random() < degradation.double]
    if not chosen:
        return [], (0, 0)
    return chosen, (rng.randrange(8), rng.randrange(8)) if rng.random() < degradation.shifted else (0, 0)


def _compressed_before(rgb: Tensor, degradation: Degradation, rng: random.Random) -> Tensor:
    """The batch with the share ``double`` compressed once, on a grid shifted by 0..7 pixels; integers 0..255."""
    chosen, shift = _draw_twice(len(rgb), degradation, rng)
    if not chosen:
        return rgb
    moved = torch.roll(rgb[chosen], shift, (2, 3))
    shown = _earlier(moved, degradation, rng)
    rgb = rgb.clone()
    rgb[chosen] = torch.roll(shown, (-shift[0], -shift[1]), (2, 3))
    return rgb


def _earlier(rgb: Tensor, degradation: Degradation, rng: random.Random) -> Tensor:
    earlier, sampling = _earlier_tables(len(rgb), degradation, rgb.device, rng), rng.choice(("444", "420"))
    return codec.show(compress(rgb, *earlier, sampling, degradation.encoder))  # type: ignore[arg-type]


def _earlier_tables(
    batch: int, degradation: Degradation, device: torch.device, rng: random.Random
) -> tuple[Tensor, Tensor]:
    low, high = degradation.double_qualities
    return tables_of([rng.randint(low, high) for _ in range(batch)], device)


@dataclass(frozen=True)
class _First:
    """A first compression of some pictures of a batch, which counts as found where it is clearly stronger."""

    chosen: list[int]
    """The pictures of the batch that had one."""
    found: list[bool]
    """For each of them, whether it counts as found."""
    luma: Tensor
    chroma: Tensor
    """``[N, 8, 8]``: its tables for each of the ``N`` chosen."""
    shift: tuple[int, int]
    """Rows and columns by which a picture is moved before the second compression."""

    def apply(self, given: Tensor, sampling: Sampling, encoder: Encoder) -> Tensor:
        """Compress the chosen ones of ``given [B, C, H, W]`` on their own grid, then move them."""
        shown = codec.show(compress(given[self.chosen], self.luma, self.chroma, sampling, encoder))
        given = given.clone()
        given[self.chosen] = torch.roll(shown, self.shift, (2, 3))
        return given

    def undo(self, seen: Observation, truth: Tensor, sampling: Sampling) -> tuple[Observation, Tensor]:
        """What is seen after the second compression: where the first is found by its grid and tables, else moved."""
        planes, tables, truth = seen.planes.clone(), seen.tables.clone(), truth.clone()
        for index, found, luma, chroma in zip(self.chosen, self.found, self.luma, self.chroma, strict=True):
            if not found:
                truth[index] = torch.roll(truth[index], self.shift, (1, 2))
                continue
            planes[index] = torch.roll(planes[index], (-self.shift[0], -self.shift[1]), (1, 2))
            tables[index, 0] = luma
            if sampling != "gray":
                tables[index, 1:] = chroma
        return seen._replace(planes=planes, tables=tables), truth


def _draw_first(luma: Tensor, degradation: Degradation, rng: random.Random) -> _First:
    """First compressions of a batch whose second has the tables ``luma`` ``[B, 8, 8]``."""
    chosen, shift = _draw_twice(len(luma), degradation, rng)
    earlier = _earlier_tables(len(chosen), degradation, luma.device, rng) if chosen else (luma[:0], luma[:0])
    found = [
        bool(table.mean() > STRONGER * luma[index].mean()) for index, table in zip(chosen, earlier[0], strict=True)
    ]
    return _First(chosen, found, *earlier, shift)


def _upload(rgb: Tensor, degradation: Degradation, rng: random.Random) -> tuple[Tensor, Tensor]:
    """The downscaled pictures, clean and after a first compression at full size; sides stay multiples of 16."""
    factor = rng.uniform(*degradation.smaller)
    size = [max(16, int(side * factor) // 16 * 16) for side in rgb.shape[2:]]
    clean, spoiled = (
        functional.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).round().clamp(0, 255)
        for x in (rgb, _earlier(rgb, degradation, rng))
    )
    return clean, spoiled


def degrade(
    clean: Tensor, degradation: Degradation, rng: random.Random, qualities: Sequence[int] | None = None
) -> tuple[Observation, Tensor]:
    """Compress a batch of clean crops, all with the same sampling.

    ``clean`` is ``[B, 3, H, W]`` uint8 RGB, sides multiples of 16. Returns the input of the network and the truth
    ``[B, 3, H, W]`` (YCbCr in 0..1; for gray pictures chroma is ``GRAY_CHROMA``). A batch of simulated uploads is
    smaller than ``clean``. ``qualities``, one per picture, are those of the (last) compression with libjpeg's tables;
    None: drawn from ``degradation``.
    """
    kinds = list(degradation.sampling)
    sampling = rng.choices(kinds, [degradation.sampling[kind] for kind in kinds])[0]
    rgb = clean.float()
    found = degradation.found > 0 and rng.random() < degradation.found
    if degradation.social and rng.random() < degradation.social:
        rgb, spoiled = _upload(rgb, degradation, rng)
        found = False
    else:
        spoiled = rgb if found else _compressed_before(rgb, degradation, rng)
    studio = sampling == "gray" and rng.random() < degradation.studio
    truth, given = as_written(rgb, sampling, studio), spoiled
    if sampling == "gray":
        given = torch.round(truth[:, :1] if spoiled is rgb else as_written(spoiled, sampling, studio)[:, :1])
    pair = tables_of(qualities, clean.device) if qualities else _draw_tables(degradation, len(clean), clean.device, rng)
    if not found:
        return codec.observe(compress(given, *pair, sampling, degradation.encoder)), truth / 255
    first = _draw_first(pair[0], degradation, rng)
    if first.chosen:
        given = first.apply(given, sampling, degradation.encoder)
    return first.undo(codec.observe(compress(given, *pair, sampling, degradation.encoder)), truth / 255, sampling)


def cut(seen: Observation, truth: Tensor, side: int, rng: random.Random) -> tuple[Observation, Tensor]:
    """Crops of ``side`` pixels at random phases of the block grid, from pictures that are :data:`MARGIN` larger.

    ``seen.planes`` and ``truth`` are ``[B, C, side + 16, side + 16]``; each picture has a position of its own.
    """
    places = [(rng.randrange(8), rng.randrange(8)) for _ in range(len(truth))]
    planes, truth = (
        torch.stack([one[:, y : y + side, x : x + side] for one, (y, x) in zip(batch, places, strict=True)])
        for batch in (seen.planes, truth)
    )
    return seen._replace(planes=planes), truth


def as_written(rgb: Tensor, sampling: Sampling, studio: bool) -> Tensor:
    """The planes before compression: ``[B, 3, H, W]`` YCbCr on 0..255; gray is rounded, its chroma ``GRAY_CHROMA``."""
    if sampling != "gray":
        return codec.rgb_to_ycbcr(rgb)
    y = torch.round(codec.studio_luma(rgb) if studio else codec.rgb_to_ycbcr(rgb)[:, :1])
    return torch.cat([y, torch.full_like(y, 255 * GRAY_CHROMA).expand(-1, 2, -1, -1)], 1)
