"""Degrade a picture as a protocol says, and score a restored picture against the original: PSNR, SSIM, PSNR-B.

Pictures are uint8, [H, W] gray or [H, W, 3] RGB. Nothing is written.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend import metrics
from jpegmend.blocks import studio_y
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.protocol_values import Channel
from jpegmend.evaluation.measure.protocols import Case, Protocol
from jpegmend.formats import WRITTEN
from jpegmend.metrics.peak import decibels

Picture = NDArray[np.uint8]

BLOCK = 8
LONGEST = WRITTEN["jpeg"].largest
"""Side in pixels of the largest JPEG that libjpeg writes."""
SSIM: Mapping[str, Mapping[str, Any]] = {
    "matlab": {},
    "uniform-8": {"window": "uniform", "size": 8},
    "uniform-7": {"window": "uniform", "size": 7, "sample_covariance": True},
}
"""Arguments of ``metrics.ssim`` for each variant of ``Protocol.ssim``."""

PSNR_B = ("true", "fbcnn", "fbcnn-sum")
"""The variants of ``Protocol.psnr_b``."""

PILLOW_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
"""Pillow's numbers for the chroma samplings."""


@dataclass(frozen=True)
class Trial:
    """One compressed picture in memory and the picture that a perfect restoration would give."""

    file: bytes
    """A JPEG, or for pairs any file that ``restore`` reads."""
    truth: Picture
    """The original in the channel that is compared: [H, W] or [H, W, 3]."""
    decoded: Picture
    """The file as libjpeg decodes it, in that channel; gains are differences to its scores."""
    channel: Channel
    gray: bool
    """Whether the picture is gray: its values are luma, no colour matrix is applied."""

    def compared(self, restored: Picture) -> Picture:
        """A restored picture in the channel that is compared."""
        return in_channel(restored, self.channel, gray=self.gray)


def open_picture(path: Path) -> Picture:
    """The pixels of a file, upright: [H, W] for a gray picture, also one stored as equal R, G and B; else RGB.

    WebP has no gray mode, so that Classic5 may come with three equal channels. 16 bits are rounded to 8.

    Raises:
        InputError: it cannot be read.
    """
    from PIL import ImageOps

    from jpegmend.data.clear_pictures import open_clear

    upright = ImageOps.exif_transpose(open_clear(path))
    if upright.mode in ("L", "1", "LA"):
        return np.asarray(upright.convert("L"))
    pixels = np.asarray(upright.convert("RGB"))
    equal = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()
    return np.ascontiguousarray(pixels[..., 0]) if equal else pixels


def open_original(path: Path, protocol: Protocol) -> Picture:
    """The original picture in the channel that the protocol compares: [H, W] luma, or RGB [H, W, 3].

    The values of a gray file (Classic5) are luma already: no colour matrix is applied.
    """
    from PIL import Image

    pixels = open_picture(path)
    if protocol.scale != 1:
        height, width = (max(8, round(side * protocol.scale)) for side in pixels.shape[:2])
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return in_channel(pixels, protocol.channel, gray=pixels.ndim == 2)


def in_channel(pixels: Picture, channel: Channel, *, gray: bool) -> Picture:
    """A picture [H, W] or [H, W, 3] in the channel that is compared; for ``gray`` values are luma already."""
    from PIL import Image

    if gray and channel != "rgb":
        return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    if channel == "rgb":
        return colour
    return studio_y(colour) if channel == "studio-y" else np.asarray(Image.fromarray(colour).convert("L"))


def degrade(original: Picture, protocol: Protocol, case: Case) -> Trial:
    """Compress a picture once at each quality of ``case``; between two compressions the block grid is shifted.

    Raises:
        InvalidOption: the picture is too small for the shift, or too large for a JPEG.
    """
    truth, seen = original, original
    data = b""
    for number, quality in enumerate(case):
        if number:
            down, right = protocol.shift
            truth, seen = truth[down:, right:], seen[down:, right:]
            if min(seen.shape[:2]) < 1:
                height, width = original.shape[:2]
                raise InvalidOption(
                    f"a picture of {width}x{height} pixels is too small for a shift of {down} rows and {right} columns "
                    "between its compressions; take it away"
                )
        data = encode(seen, quality, protocol.sampling)
        seen = decode(data)
    # The JPEG holds the compared channel itself, which is one gray plane or RGB.
    return Trial(data, truth, seen, protocol.channel, gray=truth.ndim == 2)


def encode(picture: Picture, quality: int, sampling: str) -> bytes:
    """A JPEG with libjpeg's standard tables; ``sampling`` is ignored for gray pictures.

    Raises:
        InvalidOption: a side is longer than libjpeg writes.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    if max(height, width) > LONGEST:
        raise InvalidOption(f"a picture of {width}x{height} pixels; a JPEG has at most {LONGEST} a side: cut it")
    stream = io.BytesIO()
    options: dict[str, Any] = {} if picture.ndim == 2 else {"subsampling": PILLOW_SUBSAMPLING[sampling]}
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def decode(data: bytes) -> Picture:
    """The pixels of a JPEG as libjpeg decodes it, by Pillow."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as file:
        return np.asarray(file)


def score(truth: Picture, judged: Picture) -> dict[str, float]:
    """PSNR in dB, SSIM, and PSNR-B in dB of an 8-bit picture against the original, in every variant.

    Keys: ``psnr``, ``ssim:`` and ``psnr_b:`` with the variants of ``Protocol.ssim`` and ``Protocol.psnr_b``. For RGB
    the PSNR is over all values; SSIM and PSNR-B are means over the three channels, but for ``psnr_b:fbcnn-sum``.
    SSIM is NaN on sides below its window, PSNR-B on sides below a block.

    Raises:
        InvalidOption: the shapes differ.
    """
    if truth.shape != judged.shape:
        raise InvalidOption(f"truth of shape {truth.shape} and result of {judged.shape}; they must be alike")
    pairs = _by_channel(truth, judged)
    found = {"psnr": metrics.psnr(truth, judged, peak=255)}
    for name, options in SSIM.items():
        small = min(truth.shape[:2]) < options.get("size", 11)
        values = [math.nan] if small else [metrics.ssim(a, b, peak=255, **options) for a, b in pairs]
        found[f"ssim:{name}"] = float(np.mean(values))
    return found | {f"psnr_b:{name}": value for name, value in _psnr_b(truth, judged).items()}


def baseline(truth: Picture, decoded: Picture) -> tuple[float, float]:
    """PSNR and PSNR-B in dB of the decoded JPEG; gains are differences to them."""
    return metrics.psnr(truth, decoded, peak=255), _psnr_b(truth, decoded)["true"]


def _by_channel(truth: Picture, judged: Picture) -> list[tuple[Picture, Picture]]:
    return [(truth, judged)] if truth.ndim == 2 else [(truth[..., c], judged[..., c]) for c in range(3)]


def _psnr_b(truth: Picture, judged: Picture) -> dict[str, float]:
    if min(truth.shape[:2]) < BLOCK:
        return dict.fromkeys(PSNR_B, math.nan)
    pairs = _by_channel(truth, judged)
    true = [metrics.psnr_b(a, b, peak=255) for a, b in pairs]
    common = [metrics.psnr_b(a, b, peak=255, variant="fbcnn") for a, b in pairs]
    blocking = sum(metrics.bef(b, variant="fbcnn") for _, b in pairs)
    together = decibels(float(np.square(truth.astype(np.float64) - judged).mean()) + blocking, 255)
    return dict(zip(PSNR_B, (float(np.mean(true)), float(np.mean(common)), together), strict=True))
