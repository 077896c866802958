"""The networks that the service offers."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from jpegmend.weights import DEFAULT, MODELS, Card, is_non_commercial


def _cards() -> dict[str, Card]:
    """Cards of all networks that restore, without those that cannot be read; the catalogue keeps those it has read."""
    return {card.name: card for card in MODELS.readable() if card.scale == 1}


def names() -> tuple[str, ...]:
    """Names of all networks that restore."""
    return tuple(_cards())


def available() -> tuple[str, ...]:
    """Names of those that can run here: released, with an ONNX file or with the package installed that runs them."""
    return tuple(name for name, card in _cards().items() if _runs(card))


def _runs(card: Card) -> bool:
    package = "torch" if card.foreign is None else "spandrel"
    return card.released and ("onnx" in card.files or find_spec(package) is not None)


def describe() -> list[dict[str, Any]]:
    """Facts of every network that restores, as plain values."""
    return [
        {
            "name": name,
            "title": card.title,
            "paper": card.paper,
            "default": name == DEFAULT,
            "available": _runs(card),
            "planes": card.planes,
            "parameters": card.parameters,
            "multiply_adds": card.multiply_adds,
            "licence": card.licence,
            "non_commercial": is_non_commercial(card.licence),
            "data": list(card.data),
        }
        for name, card in _cards().items()
    ]
