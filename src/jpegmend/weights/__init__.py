"""Catalogue of the released networks: their cards (metadata) and verified weights files.

Every released network has a card, ``cards/NAME.json``, with its weights beside it. ``read_card`` reads a card from
any other place (a network that a user trained); its weights lie beside it too.
"""

from jpegmend.weights.card import Card, read_card
from jpegmend.weights.catalogue import DEFAULT, MODELS, find, path

__all__ = ["DEFAULT", "MODELS", "Card", "find", "path", "read_card"]
