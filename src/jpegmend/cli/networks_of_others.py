"""Message on a network of others before it is used: its licence, and its interface and tiles as measured."""

from __future__ import annotations

import sys

from jpegmend import weights
from jpegmend.weights import Card, is_non_commercial
from jpegmend.weights.catalogue import user_folder


def tell(model: str, *, quiet: bool = False) -> str | Card:
    """The card of a network of others, after a message on standard error; any other name is returned unchanged.

    Raises:
        UnknownModel, WeightsDamaged, ModelRefused: as ``jpegmend.weights.find``.
    """
    card = weights.find(model)
    if not quiet and is_non_commercial(card.licence):
        _say(f"{card.name}: licence {card.licence}, for non-commercial use only")
    if card.foreign is None:
        return model
    if not quiet and card.folder != user_folder():
        from jpegmend.adoption import describe

        _say(f"{card.name}: {describe(card)}")
        _say(f"jpegmend adopt {model} --name NAME keeps this, and its licence")
    return card


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
