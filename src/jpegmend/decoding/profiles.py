"""Transforms of colours to sRGB by an ICC profile, by Little CMS through Pillow, with 8 bits a sample.

It runs in the worker process too and imports nothing of this package.
"""

from __future__ import annotations

import io
from typing import Any


def make_transform(profile: bytes, mode: str) -> Any | None:
    """The transform of ``ImageCms`` from pixels of Pillow's ``mode`` to sRGB; None if the profile cannot be used."""
    from PIL import ImageCms

    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def describe_ink(profile: bytes | None, transform: Any | None) -> str:
    """How CMYK became RGB, in words: by the ``transform`` of the file's ``profile``, or without one."""
    if transform is not None:
        return "CMYK was converted to sRGB by the file's ICC profile, at 8 bits"
    lost = "; its ICC profile could not be used and is dropped" if profile else ""
    return f"CMYK was converted to RGB without a colour profile{lost}"
