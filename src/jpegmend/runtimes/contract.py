"""What every runtime gives: a callable on planes.

Shape letters: C planes, H W pixels.
"""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import ModelError

Floats = NDArray[np.float32]


class Runtime(Protocol):
    """One network, loaded."""

    name: str
    """How it runs, for reports: ``onnx cpu``, ``torch cuda``, ..."""

    def __call__(
        self, planes: Floats, tables: Floats, sampling: tuple[int, int], overview: Floats | None = None
    ) -> Floats:
        """Restore planes that lie on one grid.

        Args:
            planes: [C, H, W], 0..1, H and W multiples of the card's ``multiple``.
            tables: [C, 8, 8], quantisation steps in the units of the file; ones where a plane has none.
            sampling: luma rows and columns for one chroma sample; (2, 2) is 4:2:0, (0, 0) is no chroma.
            overview: [C, 112, 112], the whole picture made small, for cards that ask for it.

        Returns:
            [C, H, W], not clipped.

        Raises:
            ModelError: the network failed, or answered in another shape.
        """
        ...


def available_threads() -> int:
    """CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def batch_inputs(
    planes: Floats, tables: Floats, sampling: tuple[int, int], overview: Floats | None
) -> dict[str, Floats]:
    """The inputs of a network by name, each with a batch axis in front, contiguous float32."""
    named = {"planes": planes, "tables": tables, "sampling": np.array(sampling, np.float32)}
    if overview is not None:
        named["overview"] = overview
    return {name: np.ascontiguousarray(value[None], np.float32) for name, value in named.items()}


def check_answer(restored: Floats, planes: Floats, name: str) -> Floats:
    """The answer, if it has the shape that was asked for and no NaN or infinity in it.

    Raises:
        ModelError: it has not.
    """
    if restored.shape != planes.shape:
        raise ModelError(f"{name!r} answered {restored.shape} for planes {planes.shape}; its weights are wrong")
    # A sum is a single pass without a temporary, and one NaN or infinity is enough to show in it.
    if not np.isfinite(restored.sum(dtype=np.float32)):
        raise ModelError(f"{name!r} answered with NaN or infinity; its weights are wrong, or the input is far off")
    return restored
