"""Inference runtimes: a network as a callable on planes, by ONNX Runtime (default) or PyTorch (if installed).

Both implement :class:`Runtime`: it takes planes, tables and :class:`PictureFacts`, and returns an :class:`Answer`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, Runtime
from jpegmend.runtimes.flips import FLIPS, MeanOfFlips
from jpegmend.runtimes.providers import NAMES, choose_onnx, choose_torch, onnx_providers, torch_devices
from jpegmend.weights import Card

__all__ = [
    "FLIPS",
    "RUNTIMES",
    "Answer",
    "Floats",
    "MeanOfFlips",
    "NAMES",
    "PictureFacts",
    "Runtime",
    "check_provider",
    "close",
    "load",
    "open_runtime",
]

RUNTIMES = ("auto", "onnx", "torch")
"""Values of ``runtime``; ``auto`` is ``onnx`` if the card has an ONNX file, else ``torch``."""


def open_runtime(card: Card, *, runtime: str = "auto", threads: int | None = None, provider: str = "auto") -> Runtime:
    """Load the network of a card. The four most recently used of each runtime stay loaded; ``close`` drops them.

    ``threads`` None means every CPU this process may use.

    Raises:
        InvalidOption: an unknown runtime or provider, one that is not installed, or too few or many threads.
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``.
        MissingExtra: ``torch`` is asked for and not installed.
    """
    if runtime not in RUNTIMES:
        raise InvalidOption(f"runtime {runtime!r}; allowed: {', '.join(RUNTIMES)}")
    if provider not in ("auto", *NAMES):
        raise InvalidOption(f"provider {provider!r}; allowed: auto, {', '.join(NAMES)}")
    runtime = _library(card, runtime)
    key = card.name, str(card.files), runtime, threads
    if runtime == "onnx":
        from jpegmend.runtimes.onnx import open_onnx

        return choose_onnx(provider, lambda name: open_onnx(card, threads, name), key)
    if card.foreign is not None:
        from jpegmend.runtimes.spandrel_network import open_spandrel

        return choose_torch(provider, lambda name: open_spandrel(card, threads, name), key)
    from jpegmend.runtimes.torch import open_torch

    return choose_torch(provider, lambda name: open_torch(card, threads, name), key)


def check_provider(card: Card, *, runtime: str, provider: str) -> None:
    """Check without loading the network that the library which runs it has the provider.

    Raises:
        InvalidOption: it does not; the message says which it has.
        MissingExtra: the library is PyTorch, which is not installed.
    """
    if provider not in ("auto", "cpu"):
        offered = onnx_providers if _library(card, runtime) == "onnx" else torch_devices
        offered(provider)


def _library(card: Card, runtime: str) -> str:
    if runtime != "auto":
        return runtime
    return "onnx" if "onnx" in card.files or not card.released else "torch"


def load(model: str | Path | Card = weights.DEFAULT, *, runtime: str = "auto", threads: int | None = None) -> Runtime:
    """Load a network by name, path of a card, or card, as a callable on planes; see :class:`Runtime`.

    Raises:
        UnknownModel: no such name; otherwise what ``open_runtime`` raises.
    """
    return open_runtime(weights.find(model), runtime=runtime, threads=threads)


def close() -> None:
    """Drop all loaded networks and free their memory. Later calls load them again."""
    # A module that was never imported holds nothing, and importing one takes time.
    if onnx := sys.modules.get("jpegmend.runtimes.onnx"):
        onnx.close_sessions()
    if torch := sys.modules.get("jpegmend.runtimes.torch"):
        torch.close_networks()
    if spandrel := sys.modules.get("jpegmend.runtimes.spandrel_network"):
        spandrel.close_networks()
