"""Comparison picture: before and after side by side, and below them an enlarged crop where they differ most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import Metadata
from jpegmend.writing import files

CROP = 96
"""Side of the enlarged part, in pixels of the picture."""
_LARGEST = 900
_GAP = 8


def compose(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two pictures ``[H, W]`` or ``[H, W, 3|4]`` side by side, ``[h, w, 3]`` uint8, before on the left.

    Large pictures are reduced; the crop is enlarged by repeating pixels, without interpolation.

    Raises:
        InvalidOption: the two are not of one size.
    """
    if before.shape[:2] != after.shape[:2]:
        raise InvalidOption(f"pictures of {before.shape[:2]} and {after.shape[:2]}; a comparison needs one size")
    pair = [_as_rgb(picture) for picture in (before, after)]
    top, left = most_changed(*pair)
    crops = [picture[top : top + CROP, left : left + CROP] for picture in pair]
    wholes = [_shrink(picture) for picture in pair]
    zoom = max(1, wholes[0].shape[1] // crops[0].shape[1])
    enlarged = [crop.repeat(zoom, 0).repeat(zoom, 1) for crop in crops]
    width = max(wholes[0].shape[1], enlarged[0].shape[1])
    rows = [_beside(*(_widen(picture, width) for picture in row)) for row in (wholes, enlarged)]
    gap = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([rows[0], gap, rows[1]])


def write(before: NDArray[Any], after: NDArray[Any], path: Path, *, overwrite: bool = False) -> None:
    """Write the comparison of two uint8 pictures as a PNG; raises what ``files.write`` does."""
    files.write(compose(before, after), Metadata(), path, format="png", overwrite=overwrite)


def most_changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[int, int]:
    """Top and left of the square of :data:`CROP` pixels with the largest sum of differences."""
    change = np.abs(before.astype(np.int16) - after).sum(2, dtype=np.int64)
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = (min(CROP, length) for length in change.shape)
    boxes = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    top, left = np.unravel_index(boxes.argmax(), boxes.shape)
    return int(top), int(left)


def _as_rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if picture.ndim == 2:
        return picture[:, :, None].repeat(3, 2)
    return picture[:, :, :3]


def _shrink(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    factor = -(-max(picture.shape[:2]) // _LARGEST)
    return picture if factor == 1 else np.asarray(Image.fromarray(np.ascontiguousarray(picture)).reduce(factor))


def _widen(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)


def _beside(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([left, np.full((left.shape[0], _GAP, 3), 255, np.uint8), right], 1)
