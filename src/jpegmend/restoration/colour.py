"""From the planes of a file to what is shown: RGB or gray.

CMYK and YCCK become RGB, since nearly nothing that reads PNG or WebP reads CMYK. With a CMYK profile in the file it
is done by it, through Little CMS, to sRGB, at 8 bits (Little CMS knows no 16-bit CMYK in Pillow); without one, as
ink over ink. The profile no longer describes the result and is dropped; the report says so.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from jpegmend import blocks
from jpegmend.reading import Opened
from jpegmend.runtimes import Floats

Converter = Callable[[Floats], Floats]


def choose(colour: str) -> Converter:
    """From planes [n, h, w] of a scene, 0..1, to RGB [3, h, w] or gray [1, h, w]; not for CMYK.

    Planes are clipped first, as libjpeg clips them: an overshoot of luma is no colour.
    """
    return _ycbcr if colour == "ycbcr" else _as_it_is


def choose_ink(image: Opened) -> tuple[Converter, str]:
    """The same for the four planes of CMYK or YCCK, and how it is done, in words."""
    inverted, ycck = image.ink_inverted, image.colour == "ycck"
    managed = _managed(image.metadata.icc, inverted)

    def convert(planes: Floats) -> Floats:
        planes = np.clip(planes, 0, 1)
        cmyk = blocks.ycck_to_cmyk(planes) if ycck else planes
        if managed is not None:
            return managed(np.asarray(cmyk, np.float32))
        return np.asarray(blocks.cmyk_to_rgb(cmyk, adobe_inverted=inverted), np.float32)

    if managed is not None:
        return convert, "CMYK was converted to sRGB by the file's ICC profile, at 8 bits"
    lost = "; its ICC profile could not be used and is dropped" if image.metadata.icc else ""
    return convert, f"CMYK was converted to RGB without a colour profile{lost}"


def _ycbcr(planes: Floats) -> Floats:
    np.clip(planes, 0, 1, out=planes)
    return np.asarray(blocks.ycbcr_to_rgb(planes), np.float32)


def _as_it_is(planes: Floats) -> Floats:
    return planes


def _managed(profile: bytes | None, inverted: bool) -> Converter | None:
    """A conversion by the profile, or None where there is none that works."""
    if not profile:
        return None
    from PIL import Image, ImageCms

    try:
        transform: Any = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "CMYK", "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

    def convert(cmyk: Floats) -> Floats:
        ink = 1 - cmyk if inverted else cmyk
        stored = np.floor(np.clip(ink, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
        image = Image.fromarray(np.ascontiguousarray(stored), "CMYK")
        shown = np.asarray(ImageCms.applyTransform(image, transform))
        return np.asarray(shown.transpose(2, 0, 1), np.float32) * np.float32(1 / 255)

    return convert
