"""The catalogue: which networks are released, what is known of each, and where its checked files are.

Every released network has a card, ``cards/NAME.json``, with its weights beside it. A card from anywhere else
(a network somebody trained) is read by ``read_card``; its files lie beside it too.
"""

from jpegmend.weights.card import Card, read_card
from jpegmend.weights.catalogue import DEFAULT, MODELS, find, path

__all__ = ["DEFAULT", "MODELS", "Card", "find", "path", "read_card"]
