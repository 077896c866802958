"""Comparison picture: decoded and restored side by side with labels, below them the most changed part enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption
from jpegmend.jpeg import Metadata
from jpegmend.writing import files

Pixels = NDArray[np.uint8]

CROP = 96
"""Side of the enlarged part, in pixels of the picture."""
LABELS = ("decoded", "restored")
_LARGEST = 900
_GAP = 8
_PAPER, _INK = 255, 0
_LEAST_ENLARGED = 288
"""Pixels that the enlarged part has at least, if its side is CROP."""


def compose(before: NDArray[Any], after: NDArray[Any], labels: tuple[str, str] = LABELS) -> Pixels:
    """Two pictures side by side with a label above each, and below them the part that changed most, enlarged.

    ``before`` and ``after`` are uint8, ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``; the result is ``[h, w]`` if both are
    gray, else ``[h, w, 3]``. Pictures above 900 pixels a side are reduced by a whole factor; the part is enlarged by
    repeating pixels, without interpolation. A picture that is no larger than the part is shown enlarged only.
    Transparent places are shown on a chequerboard. Labels may have several lines.

    Raises:
        InvalidOption: the two are not of one size.
    """
    if before.shape[:2] != after.shape[:2]:
        raise InvalidOption(f"pictures of {before.shape[:2]} and {after.shape[:2]}; a comparison needs one size")
    gray = before.ndim == after.ndim == 2
    pair = [_opaque(picture) for picture in (before, after)]
    top, left = most_changed(*pair)
    parts = [picture[top : top + CROP, left : left + CROP] for picture in pair]
    wholes = [] if max(before.shape[:2]) <= CROP else [_shrink(picture) for picture in pair]
    zoom = max(_LEAST_ENLARGED, wholes[0].shape[1] if wholes else 0) // max(parts[0].shape[:2])
    enlarged = [part.repeat(zoom, 0).repeat(zoom, 1) for part in parts]
    width = max(picture.shape[1] for picture in (*wholes, *enlarged))
    size = min(28, max(15, width // 28))
    width = max(width, *(_text_width(label, size) for label in labels))
    rows = [_beside([_text(label, width, size) for label in labels])]
    if wholes:
        note = f"most changed part, enlarged {zoom} times"
        rows += [_beside([_widen(whole, width) for whole in wholes]), _text(note, rows[0].shape[1], size)]
    rows.append(_beside([_widen(part, width) for part in enlarged]))
    shown = np.concatenate(rows)
    return np.ascontiguousarray(shown[..., 0]) if gray else shown


def write(
    before: NDArray[Any],
    after: NDArray[Any],
    path: Path,
    *,
    labels: tuple[str, str] = LABELS,
    icc: bytes | None = None,
    srgb: bool = False,
    overwrite: bool = False,
) -> None:
    """Write the comparison of two uint8 pictures as a PNG with their ICC profile; raises what ``files.write`` does.

    ``srgb`` converts both to sRGB instead.
    """
    shown = compose(before, after, labels)
    files.write(shown, Metadata(icc=icc), path, format="png", srgb=srgb, overwrite=overwrite)


def most_changed(before: NDArray[Any], after: NDArray[Any]) -> tuple[int, int]:
    """Top and left of the square of :data:`CROP` pixels with the largest sum of differences; pictures [H, W, 3]."""
    change = np.abs(before.astype(np.int16) - after).sum(2, dtype=np.int64)
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = (min(CROP, length) for length in change.shape)
    boxes = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    top, left = np.unravel_index(boxes.argmax(), boxes.shape)
    return int(top), int(left)


def _opaque(picture: NDArray[Any]) -> NDArray[Any]:
    """As [H, W, 3]; transparent pixels are blended with a chequerboard."""
    if picture.ndim == 2:
        return picture[:, :, None].repeat(3, 2)
    if picture.shape[2] == 3:
        return picture
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    board = np.where((rows // 8 + columns // 8) % 2, 204, 255)[..., None]
    alpha = picture[..., 3:].astype(np.int32)
    blended = (picture[..., :3] * alpha + board * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)


def _shrink(picture: Pixels) -> Pixels:
    from PIL import Image

    factor = -(-max(picture.shape[:2]) // _LARGEST)
    return picture if factor == 1 else np.asarray(Image.fromarray(np.ascontiguousarray(picture)).reduce(factor))


def _text_width(text: str, size: int) -> int:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    return int(max(font.getlength(line) for line in text.split("\n"))) + 2 * _GAP


def _text(text: str, width: int, size: int) -> Pixels:
    """A line or several as [h, width, 3], black on white, in Pillow's own font of ``size`` pixels."""
    from PIL import Image, ImageDraw, ImageFont

    lines = text.split("\n")
    step = size * 5 // 4
    paper = Image.new("L", (width, step * len(lines) + _GAP), _PAPER)
    draw = ImageDraw.Draw(paper)
    for place, line in enumerate(lines):
        draw.text((_GAP // 2, place * step + _GAP // 2), line, fill=_INK, font=ImageFont.load_default(size))
    return _opaque(np.asarray(paper))


def _widen(picture: Pixels, width: int) -> Pixels:
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=_PAPER)


def _beside(pair: list[Pixels]) -> Pixels:
    """Two of one width with a gap between them; the lower one is filled up below."""
    height = max(picture.shape[0] for picture in pair)
    left, right = (
        np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)), constant_values=_PAPER) for picture in pair
    )
    return np.concatenate([left, np.full((height, _GAP, 3), _PAPER, np.uint8), right], 1)
