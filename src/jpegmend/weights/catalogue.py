"""Released networks by name, and the verified paths of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from jpegmend.errors import UnknownModel, WeightsDamaged, WeightsMissing
from jpegmend.weights.card import Card, read_card

DEFAULT = "mend-s"
"""The network that is used when none is named."""

_WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".onnx")

CARDS = Path(__file__).parent / "cards"


class Catalogue(Mapping[str, Card]):
    """Cards by name, in alphabetical order; a card is read when it is first asked for.

    Iterating and ``in`` use file names only, so listing the models reads no file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Card] = {}

    def __getitem__(self, name: str) -> Card:
        if name not in self:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = read_card(self._folder / f"{name}.json")
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(file.stem for file in self._folder.glob("*.json")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{len(self)} networks: {', '.join(self)}>"


MODELS: Mapping[str, Card] = Catalogue(CARDS)
"""Every network of this package with a card, by name."""


def find(name: str | Path | Card) -> Card:
    """The card for a name of the catalogue, for the path of a card (``.json``), or the card itself.

    Raises:
        UnknownModel: no such name; the message lists the names there are.
        WeightsDamaged: the card cannot be read.
    """
    if isinstance(name, Card):
        return name
    if isinstance(name, Path) or name.endswith(".json"):
        return read_card(name)
    if name.endswith(_WEIGHTS):
        raise UnknownModel(
            f"{name} holds weights alone, and PyTorch files of other projects are not read; give the card beside the "
            f"weights, NAME.json, as `jpegmend release` writes it, or a name: {', '.join(MODELS)}"
        )
    if name not in MODELS:
        raise UnknownModel(
            f"no model {name!r}; there are: {', '.join(MODELS) or 'none'}; or give the path of a card, NAME.json"
        )
    return MODELS[name]


def path(card: Card, kind: str) -> Path:
    """The weights file of a card, its checksum verified; ``kind`` is ``onnx`` or ``safetensors``.

    Raises:
        WeightsMissing: not released, or not in this form.
        WeightsDamaged: the file is gone, or its sha256 is not the card's.
    """
    if not card.released:
        raise WeightsMissing(f"the weights of {card.name!r} are not released yet; {_released()}")
    if kind not in card.files:
        forms = ", ".join(card.files) or "no file at all"
        raise WeightsMissing(f"{card.name!r} has no {kind} weights; it has {forms}")
    entry = card.files[kind]
    file = card.folder / entry["file"]
    try:
        state = file.stat()
        found = _sha256(file, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise WeightsDamaged(f"the weights of {card.name!r} cannot be read: {error}; install again") from error
    if found != entry["sha256"]:
        raise WeightsDamaged(
            f"{file.name} has sha256 {found}, its card says {entry['sha256']}; "
            "the file was changed or cut short: install again"
        )
    return file


def _released() -> str:
    names = [name for name, card in MODELS.items() if card.released]
    return f"released are: {', '.join(names)}" if names else "none is"


@lru_cache(maxsize=64)
def _sha256(file: Path, size: int, changed: int) -> str:
    """SHA-256 of a file, cached; size and time are in the key, so that a replaced file is hashed again."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
