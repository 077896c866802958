"""Conversion of pixels to sRGB by their ICC profile, by Little CMS through Pillow, with 8 bits a sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.decoding.profiles import make_transform
from jpegmend.jpeg import Metadata, state_srgb
from jpegmend.writing.depth import to_bits


def to_srgb(pixels: NDArray[Any], metadata: Metadata) -> tuple[NDArray[Any], Metadata, tuple[str, ...]]:
    """Pixels in sRGB, metadata that names no other colours, and what was lost, in words. Alpha stays as it is.

    The rendering intent is the perceptual one. Pixels of a profile that is sRGB itself, or of none, stay as they are. A
    profile that cannot be used is dropped and named as lost.
    """
    bare = replace(metadata, icc=None)
    if not metadata.icc:
        return pixels, bare, ()
    mode = "L" if pixels.ndim == 2 else "RGB"
    transform = make_transform(metadata.icc, mode)
    if transform is None:
        return pixels, bare, ("the ICC profile, which could not be used: colours are taken as sRGB",)
    if _changes_nothing(transform, mode):
        return pixels, state_srgb(metadata), ()
    colours = to_bits(pixels if pixels.ndim == 2 else pixels[..., :3], 8)
    shown = to_bits(_convert(colours, transform), pixels.itemsize * 8)
    if pixels.ndim == 2:
        shown = shown[..., 1]
    elif pixels.shape[2] == 4:
        shown = np.concatenate([shown, pixels[..., 3:]], 2)
    lost = ("16 bits a sample: the conversion to sRGB has 8",) if pixels.itemsize == 2 else ()
    return np.ascontiguousarray(shown), state_srgb(metadata), lost


def _convert(colours: NDArray[Any], transform: Any) -> NDArray[Any]:
    from PIL import Image, ImageCms

    return np.asarray(ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(colours)), transform))


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Whether no colour of a grid of 17 levels a channel moves by more than one level."""
    levels = np.linspace(0, 255, 17).astype(np.uint8)
    if mode == "L":
        colours = levels[None, :]
        return bool(np.abs(_convert(colours, transform).astype(int) - colours[..., None]).max() <= 1)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    return bool(np.abs(_convert(colours, transform).astype(int) - colours).max() <= 1)
