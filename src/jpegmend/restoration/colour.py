"""Conversion of a file's planes to RGB or gray.

CMYK and YCCK become RGB, because PNG and WebP hold no CMYK: by the file's CMYK profile to sRGB (Little CMS, 8 bits:
Pillow has no 16-bit CMYK), or without a profile by the product formula of ``blocks.cmyk_to_rgb``. The profile does not
describe the result, so it is dropped, with a warning in the report.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jpegmend import blocks
from jpegmend.decoding.profiles import describe_ink, make_transform
from jpegmend.reading import Opened
from jpegmend.runtimes import Floats

Converter = Callable[[Floats], Floats]


def choose(colour: str) -> Converter:
    """The conversion of planes [n, h, w] that were made of pixels to RGB [3, h, w] or gray [1, h, w].

    Planes are clipped first to the values that pixels can have, so that overshoot of luma does not change the colour.
    """
    return _ycbcr if colour == "ycbcr" else _as_it_is


def choose_for(opened: Opened, colour: str) -> tuple[Converter, str]:
    """The conversion of an opened picture's planes in that colour space, and a sentence on it; none but for ink.

    Planes of a JPEG file are clipped to 0..1 first, as in libjpeg.
    """
    if colour in ("cmyk", "ycck"):
        return choose_ink(opened)
    return (_ycbcr_of_file if colour == "ycbcr" and opened.values is None else choose(colour)), ""


def choose_ink(image: Opened) -> tuple[Converter, str]:
    """The conversion of CMYK or YCCK planes [4, h, w] to RGB [3, h, w], and a sentence on how it is done."""
    inverted, ycck, profile = image.ink_inverted, image.colour == "ycck", image.metadata.icc
    transform = make_transform(profile, "CMYK") if profile else None

    def convert(planes: Floats) -> Floats:
        planes = np.clip(planes, 0, 1)
        cmyk = np.asarray(blocks.ycck_to_cmyk(planes) if ycck else planes, np.float32)
        if transform is not None:
            return _managed(1 - cmyk if inverted else cmyk, transform)
        return np.asarray(blocks.cmyk_to_rgb(cmyk, adobe_inverted=inverted), np.float32)

    return convert, describe_ink(profile, transform)


def _ycbcr_of_file(planes: Floats) -> Floats:
    np.clip(planes, 0, 1, out=planes)
    return np.asarray(blocks.ycbcr_to_rgb(planes), np.float32)


def _ycbcr(planes: Floats) -> Floats:
    np.clip(planes[0], 0, 1, out=planes[0])
    # Around 128/255: Cb of pure blue and Cr of pure red are above 1.
    np.clip(planes[1:], blocks.NEUTRAL - 0.5, blocks.NEUTRAL + 0.5, out=planes[1:])
    return np.asarray(blocks.ycbcr_to_rgb(planes), np.float32)


def _as_it_is(planes: Floats) -> Floats:
    return planes


def _managed(ink: Floats, transform: Any) -> Floats:
    """CMYK planes [4, h, w], 1 the most ink, to RGB by the transform of an ICC profile."""
    from PIL import Image, ImageCms

    stored = np.floor(np.clip(ink, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    image = Image.frombytes("CMYK", (stored.shape[1], stored.shape[0]), stored.tobytes())
    shown = np.asarray(ImageCms.applyTransform(image, transform))
    return np.asarray(shown.transpose(2, 0, 1), np.float32) * np.float32(1 / 255)
