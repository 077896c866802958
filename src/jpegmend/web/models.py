"""The networks that the service offers."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import Any

from jpegmend.weights import DEFAULT, MODELS, Card


@functools.cache
def names() -> tuple[str, ...]:
    """Names of all networks that restore."""
    return tuple(name for name, card in MODELS.items() if card.scale == 1)


@functools.cache
def available() -> tuple[str, ...]:
    """Names of those that can run here: released, with an ONNX file or with PyTorch installed."""
    return tuple(name for name in names() if _runs(MODELS[name]))


def _runs(card: Card) -> bool:
    return card.released and ("onnx" in card.files or find_spec("torch") is not None)


def describe() -> list[dict[str, Any]]:
    """Facts of every network that restores, as plain values."""
    return [
        {
            "name": name,
            "title": card.title,
            "paper": card.paper,
            "default": name == DEFAULT,
            "available": name in available(),
            "planes": card.planes,
            "parameters": card.parameters,
            "multiply_adds": card.multiply_adds,
            "licence": card.licence,
            "data": list(card.data),
        }
        for name, card in ((name, MODELS[name]) for name in names())
    ]
