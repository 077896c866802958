"""Accuracy of a compression quality ranker: share of pairs of compressions that it orders correctly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.degrade_and_score import decode, encode, in_channel, open_picture
from jpegmend.runtimes.contract import Floats

DIFFERENCES = (1, 2, 5, 10, 20)
QUALITIES = (8, 12, 16, 22)
"""The lower qualities of the pairs; with the largest difference they end at 42."""


def measure_ranking(
    score: Callable[[Floats], float],
    pictures: Iterable[Path],
    *,
    qualities: Sequence[int] = QUALITIES,
    differences: Sequence[int] = DIFFERENCES,
) -> dict[int, float]:
    """The share of pairs in which the better quality has the higher score, by the difference of the two qualities.

    Every picture is compressed by libjpeg (through Pillow) as luma of the studio range, at each of ``qualities`` and
    at each of them plus each of ``differences``; ``score`` gets the decoded luma [H, W] in 0..1. Equal scores count as
    wrong.

    Raises:
        InvalidOption: no picture, or a quality outside 1..100.
    """
    needed = sorted({*qualities, *(low + more for low in qualities for more in differences)})
    if not needed or needed[0] < 1 or needed[-1] > 100:
        raise InvalidOption(f"qualities {needed[:1]} to {needed[-1:]}; libjpeg's are 1 to 100")
    right = dict.fromkeys(differences, 0)
    count = 0
    for path in pictures:
        pixels = open_picture(path)
        luma = in_channel(pixels, "studio-y", gray=pixels.ndim == 2)
        scores = {}
        for quality in needed:
            seen = decode(encode(luma, quality, "gray"))
            scores[quality] = score(np.asarray(seen, np.float32) / np.float32(255))
        count += len(qualities)
        for difference in differences:
            right[difference] += count_right(scores, qualities, difference)
    if not count:
        raise InvalidOption("no picture to rank; give a folder with pictures")
    return {difference: found / count for difference, found in right.items()}


def count_right(scores: Mapping[int, float], lows: Iterable[int], difference: int) -> int:
    """Of the pairs of each quality in ``lows`` and that plus ``difference``: how many rank the better one higher.

    ``scores`` are those of one picture by quality. Equal scores count as wrong.

    >>> count_right({10: 0.1, 15: 0.3, 20: 0.3}, (10, 15), 5)
    1
    """
    return sum(scores[low + difference] > scores[low] for low in lows)
