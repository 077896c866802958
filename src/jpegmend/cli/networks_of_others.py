"""Messages on a network of others before it is used: its licence, and its interface and tiles as measured."""

from __future__ import annotations

from collections.abc import Iterable

from jpegmend import weights
from jpegmend.cli.streams import say
from jpegmend.weights import Card, is_non_commercial
from jpegmend.weights.catalogue import user_folder


def tell(model: str, *, quiet: bool = False) -> str | Card:
    """The card of a network of others, after a message on standard error; any other name is returned unchanged.

    Raises:
        UnknownModel, WeightsDamaged, ModelRefused: as ``jpegmend.weights.find``.
    """
    card = weights.find(model)
    tell_licence(card, quiet=quiet)
    if card.foreign is None:
        return model
    if not quiet and card.folder != user_folder():
        from jpegmend.adoption import describe

        say(f"{card.name}: {describe(card)}")
        say(f"jpegmend adopt {model} --name NAME keeps this, and its licence")
    return card


def tell_licence(card: Card, *, quiet: bool = False) -> None:
    """Say on standard error that a network is for non-commercial use only, where its licence says so."""
    if not quiet and is_non_commercial(card.licence):
        say(f"{card.name}: licence {card.licence}, for non-commercial use only")


def tell_licences(models: Iterable[str]) -> None:
    """Call :func:`tell_licence` for each of the models of an evaluation or a benchmark; ``jpeg`` is none.

    Raises:
        UnknownModel, WeightsDamaged, ModelRefused: as ``jpegmend.weights.find``.
    """
    for model in dict.fromkeys(models):
        if model != "jpeg":
            tell_licence(weights.find(model))
