"""The methods that are measured: a released network, a card of one's own, or ``jpeg``, the decoded file itself."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.degrade_and_score import Picture
from jpegmend.evaluation.measure.protocols import method_label
from jpegmend.weights import Card

JPEG = Card(
    name="jpeg",
    network="none",
    title="the JPEG itself",
    planes="y",
    halo=0,
    released=True,
    notes="No network: strength 0 through the same pipeline.",
)

_DECIDE = ("planes", "multiple", "halo", "tiling", "window", "inputs", "quality_from", "caution", "foreign")
"""The fields of a card that decide the result beside the weights."""


@dataclass(frozen=True)
class Method:
    """A network, with the projection into the file's quantisation cells on or off."""

    card: Card
    consistent: bool = False

    @property
    def name(self) -> str:
        """The card's name; ``+ projection`` where it is on."""
        return method_label(self.card.name, consistent=self.consistent)

    @property
    def sha256(self) -> str:
        """sha256 of the weights, as the card states it; empty for ``jpeg``."""
        kind = "onnx" if "onnx" in self.card.files else "safetensors"
        return dict(self.card.files.get(kind, {})).get("sha256", "")

    @property
    def checksum(self) -> str:
        """12 digits of a checksum of what decides the result: the weights, and how the card says they are run."""
        card = asdict(self.card)
        decides = self.sha256, *(card[name] for name in _DECIDE)
        return hashlib.sha256(repr(decides).encode()).hexdigest()[:12]

    def restore(self, data: bytes, *, threads: int | None = None, runtime: str = "auto") -> tuple[Picture, float]:
        """The restored picture without alpha, uint8 [H, W] or [H, W, 3], and the seconds that ``restore`` took.

        Raises:
            WeightsMissing, WeightsDamaged: the network cannot be run.
        """
        from jpegmend.restoration import restore  # loads the runtime, which tables and reports do not need

        plain = self.card.network == "none"
        start = perf_counter()
        answer = restore(
            data,
            model=self.card,
            strength=0.0 if plain else 1.0,
            consistent=self.consistent and not plain,
            bits=8,
            threads=threads,
            runtime=runtime,
        )
        pixels = answer.to_array(8)
        seconds = perf_counter() - start
        return np.asarray(pixels[..., :3] if pixels.ndim == 3 else pixels, np.uint8), seconds


def find(name: str | Path) -> Card:
    """The card to measure: ``jpeg``, a name of the catalogue, or the path of a card.

    Raises:
        UnknownModel: no such name; the message lists the names there are.
    """
    return JPEG if name == "jpeg" else weights.find(name)


def methods(names: list[str], *, consistent: bool, both: bool) -> tuple[Method, ...]:
    """Each model as the protocol uses it, and, where it asks for both, with the projection the other way.

    Raises:
        UnknownModel: no such name.
        InvalidOption: two networks of one name, whose scores could not be told apart.
    """
    cards: dict[str, Card] = {}
    for card in map(find, names):
        other = cards.setdefault(card.name, card)
        if Method(other).checksum != Method(card).checksum:
            raise InvalidOption(
                f"two networks are called {card.name!r}, by their cards in {other.folder} and in {card.folder}; "
                "measure them apart, or give one of them another name, by --name of `jpegmend release` or `adopt`"
            )
    found: list[Method] = []
    for card in cards.values():
        ways = (False,) if card is JPEG else (consistent, not consistent) if both else (consistent,)
        found += [Method(card, way) for way in ways]
    return tuple(found)
