"""Crops for a report: where a picture gained least and most, shown as original, JPEG and restored."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jpegmend.evaluation.measure.degrade_and_score import Picture
from jpegmend.evaluation.measure.methods_under_test import Method
from jpegmend.evaluation.measure.protocols import parse_case
from jpegmend.evaluation.measure.results import Row
from jpegmend.evaluation.measure.sources import Source

SIDE = 128
"""Side of a crop in pixels of the picture."""
GAP = 6
"""Width of the white gap between two crops, in pixels."""


@dataclass(frozen=True)
class Crop:
    """Three crops side by side, as PNG, with their caption."""

    caption: str
    png: bytes


def chosen(rows: Sequence[Row], method: Method) -> list[tuple[str, Row]]:
    """The picture that gained least and the one that gained most at the lowest quality measured."""
    mine = [row for row in rows if row.label == method.name]
    if not mine:
        return []
    lowest = min(mine, key=lambda row: parse_case(row.quality)).quality
    ranked = sorted((row for row in mine if row.quality == lowest), key=lambda row: row.gain)
    return [("least gain", ranked[0]), ("most gain", ranked[-1])][: len(ranked)]


def strips(rows: Sequence[Row], method: Method, pictures: Sequence[Source]) -> list[Crop]:
    """The crops for one method; the pictures are compressed and restored again for them."""
    by_row = {(source.data_set, source.image, source.quality): source for source in pictures}
    found = []
    for title, row in chosen(rows, method):
        trial = by_row[row.data_set, row.image, row.quality].trial()
        restored, _ = method.restore(trial.file)
        caption = (
            f"{method.name}, {title}: {row.data_set}/{row.image} at quality {row.quality}, {row.gain:+.2f} dB; "
            "original, JPEG, restored"
        )
        found.append(Crop(caption, strip(trial.truth, trial.decoded, trial.compared(restored))))
    return found


def strip(truth: Picture, decoded: Picture, restored: Picture) -> bytes:
    """PNG of one crop of three pictures side by side, where restoring changed the most; each pixel drawn 2x2."""
    from PIL import Image

    top, left = largest_change(decoded, restored)
    window = (slice(top, top + SIDE), slice(left, left + SIDE))
    parts = [np.atleast_3d(picture)[window] for picture in (truth, decoded, restored)]
    parts = [np.repeat(part, 3, axis=2) if part.shape[2] == 1 else part for part in parts]
    space = np.full((parts[0].shape[0], GAP, 3), 255, np.uint8)
    joined = np.concatenate([parts[0], space, parts[1], space, parts[2]], axis=1)
    stream = io.BytesIO()
    Image.fromarray(joined.repeat(2, axis=0).repeat(2, axis=1)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def largest_change(decoded: Picture, restored: Picture) -> tuple[int, int]:
    """Top left corner of the window of SIDE where the two differ most, on a grid of half a window."""
    change = np.square(np.atleast_3d(restored).astype(np.float32) - np.atleast_3d(decoded)).sum(axis=2)
    height, width = change.shape
    corners = [
        (top, left)
        for top in range(0, max(1, height - SIDE + 1), SIDE // 2)
        for left in range(0, max(1, width - SIDE + 1), SIDE // 2)
    ]
    return max(corners, key=lambda at: float(change[at[0] : at[0] + SIDE, at[1] : at[1] + SIDE].sum()))
