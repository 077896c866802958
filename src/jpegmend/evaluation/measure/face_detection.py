"""Face detection as a downstream task, by the detector that scikit-image ships (LBP cascade, from OpenCV).

As in DCSC's detection experiment. The faces found in the clear picture are the truth; the score is F1 of those found in
another version, where a box counts if its intersection over union with a true one is at least 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jpegmend.errors import extra_needed
from jpegmend.evaluation.measure.degrade_and_score import Picture

Box = tuple[int, int, int, int]
"""Top, left, height, width in pixels."""


def detect(picture: Picture) -> list[Box]:
    """Faces in a picture, upright and at least 30 pixels high.

    Raises:
        MissingExtra: scikit-image is not installed.
    """
    with extra_needed("face detection", "evaluation"):
        from skimage import data
        from skimage.feature import Cascade
    shipped: Any = data
    cascade: Any = Cascade(shipped.lbp_frontal_face_cascade_filename())
    pixels = np.ascontiguousarray(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2))
    largest = (min(pixels.shape[:2]),) * 2
    found = cascade.detect_multi_scale(
        img=pixels, scale_factor=1.2, step_ratio=1, min_size=(30, 30), max_size=largest, min_neighbor_number=4
    )
    return [(int(box["r"]), int(box["c"]), int(box["height"]), int(box["width"])) for box in found]


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0..1.

    >>> overlap((0, 0, 10, 10), (0, 5, 10, 10))
    0.3333333333333333
    """
    height = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    width = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(0, height) * max(0, width)
    return both / (first[2] * first[3] + second[2] * second[3] - both)


def agreement(truth: list[Box], found: list[Box]) -> float:
    """F1 of found boxes against true ones, each matched once; 1 where there are none and none was found."""
    if not truth and not found:
        return 1.0
    left, hits = list(found), 0
    for box in truth:
        best = max(left, key=lambda other: overlap(box, other), default=None)
        if best is not None and overlap(box, best) >= 0.5:
            left.remove(best)
            hits += 1
    return 2 * hits / (len(truth) + len(found))
