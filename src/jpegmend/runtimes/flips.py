"""Mean of a network's answers for a picture and its mirror images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, Runtime

FLIPS: dict[int, tuple[tuple[int, ...], ...]] = {1: ((),), 2: ((), (-1,)), 4: ((), (-1,), (-2,), (-2, -1))}
"""By number of passes: the axes that each pass reverses; -1 is left to right, -2 top to bottom."""


class MeanOfFlips:
    """A runtime that runs another one on mirrored planes too and returns the mean of its answers, mirrored back.

    Height and width must be multiples of the block size on every plane's own grid, as windows of the pipeline are: then
    blocks begin at the same places in the mirror image, and the tables hold for it (a mirrored block has the same
    quantisation steps; only signs of coefficients change). Traces are those of the picture itself.
    """

    def __init__(self, runtime: Runtime, passes: int) -> None:
        """``passes``: 1, 2 (left to right) or 4 (also top to bottom)."""
        self._runtime = runtime
        self._flips = FLIPS[passes]
        self.name = runtime.name

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        first, *rest = (
            self._runtime(_flip(planes, axes), tables, _flip_facts(facts, axes), traces=() if axes else traces)
            for axes in self._flips
        )
        total = first.planes.astype(np.float32)
        for answer, axes in zip(rest, self._flips[1:], strict=True):
            total += _flip(answer.planes, axes)
        total /= np.float32(len(self._flips))
        qualities = [answer.quality for answer in (first, *rest) if answer.quality is not None]
        return Answer(total, float(np.mean(qualities)) if qualities else None, first.traces)


def _flip(values: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    return np.flip(values, axes) if axes else values


def _flip_facts(facts: PictureFacts, axes: tuple[int, ...]) -> PictureFacts:
    """The facts of the mirrored picture."""
    return facts if facts.overview is None else replace(facts, overview=_flip(facts.overview, axes))
