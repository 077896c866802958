"""From weights to a callable on planes: ONNX Runtime by default, PyTorch where it is installed.

The seam is one callable, :class:`Runtime`: planes, tables and :class:`PictureFacts` in, an :class:`Answer` out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, Runtime
from jpegmend.weights import Card

__all__ = ["RUNTIMES", "Answer", "Floats", "PictureFacts", "Runtime", "close", "load", "open_runtime"]

RUNTIMES = ("auto", "onnx", "torch")
"""What ``open_runtime`` takes; ``auto`` is ``onnx`` where the card has such a file, else ``torch``."""


def open_runtime(card: Card, *, runtime: str = "auto", threads: int | None = None) -> Runtime:
    """The network of a card, ready to call. The four used last of each runtime stay loaded; ``close`` drops them.

    ``threads`` None means every CPU this process may use.

    Raises:
        InvalidOption: an unknown runtime, or fewer than one thread.
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``.
        MissingExtra: ``torch`` is asked for and not installed.
    """
    if runtime not in RUNTIMES:
        raise InvalidOption(f"runtime {runtime!r}; allowed: {', '.join(RUNTIMES)}")
    if threads is not None and threads < 1:
        raise InvalidOption(f"{threads} threads; at least 1, or None for all")
    if runtime == "auto":
        runtime = "onnx" if "onnx" in card.files or not card.released else "torch"
    if runtime == "onnx":
        from jpegmend.runtimes.onnx import open_onnx

        return open_onnx(card, threads)
    from jpegmend.runtimes.torch import open_torch

    return open_torch(card, threads)


def load(model: str | Path | Card = weights.DEFAULT, *, runtime: str = "auto", threads: int | None = None) -> Runtime:
    """A network by name (or card), as a callable on planes; see :class:`Runtime`.

    Raises:
        UnknownModel: no such name; otherwise what ``open_runtime`` raises.
    """
    return open_runtime(weights.find(model), runtime=runtime, threads=threads)


def close() -> None:
    """Drop the networks that stay loaded, and their memory with them. The next restoration loads its own again."""
    # Only what was imported can hold anything, and importing a runtime takes time.
    if onnx := sys.modules.get("jpegmend.runtimes.onnx"):
        onnx.close_sessions()
    if torch := sys.modules.get("jpegmend.runtimes.torch"):
        torch.close_networks()
