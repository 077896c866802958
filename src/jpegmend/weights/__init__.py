"""Catalogue of the networks: their cards (metadata) and verified weights files.

Every released network has a card, ``cards/NAME.json``, with its weights beside it. Networks that the user adopted lie
in a folder of the user's in the same form. ``read_card`` reads a card from any other place (a network that a user
trained); its weights lie beside it too.
"""

from jpegmend.weights.card import Card, read_card
from jpegmend.weights.catalogue import DEFAULT, MODELS, PACKAGED, find, is_file_of_others, path
from jpegmend.weights.foreign import Foreign, is_non_commercial

__all__ = [
    "DEFAULT",
    "MODELS",
    "PACKAGED",
    "Card",
    "Foreign",
    "find",
    "is_file_of_others",
    "is_non_commercial",
    "path",
    "read_card",
]
