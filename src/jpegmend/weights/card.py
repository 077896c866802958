"""Model card: metadata of one weights file, read by the restoration and printed in the documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import pairwise
from math import lcm
from pathlib import Path
from typing import Any, Literal

from jpegmend.errors import WeightsDamaged
from jpegmend.weights.foreign import Foreign

PlaneKind = Literal["y", "ycbcr", "rgb"]
Tiling = Literal["exact", "global", "window"]
QualityFrom = Literal["tiles", "middle"]

TILINGS = ("exact", "global", "window")
QUALITIES_FROM = ("tiles", "middle")
INPUTS = ("planes", "tables", "sampling", "overview", "quality")


@dataclass(frozen=True, kw_only=True)
class Card:
    """Metadata of one weights file; none of it is inferred from the tensors."""

    name: str
    """The name that users give: ``mend-s``."""
    network: str
    """Its key in ``jpegmend.models.NETWORKS``; the name of its architecture for a network of others."""
    title: str
    paper: str | None = None
    """Authors, title, venue and year; None for a network of our own."""
    planes: PlaneKind
    """Input planes: ``y`` one component at its own resolution, ``ycbcr`` or ``rgb`` three on the luma grid."""
    scale: int = 1
    """Output height and width over those of the input: 1 for restoration, above 1 for super-resolution."""
    multiple: int = 1
    """Height and width of its input must be multiples of this; pictures are padded by edge replication."""
    halo: int
    """Pixels added to a tile on each side before it is run, on the network's own grid."""
    tiling: Tiling = "exact"
    """``exact``: the tiled result equals the untiled one; ``global``: each tile comes with an overview of the whole
    picture; ``window``: windows at fixed positions, blended where they overlap."""
    window: int | None = None
    """Side of the window in pixels where ``tiling`` is ``window``, a multiple of ``multiple``."""
    inputs: tuple[str, ...] = ("planes",)
    """Its inputs, in the order of its ONNX file; of planes, tables, sampling, overview, quality."""
    quality_from: QualityFrom = "tiles"
    """Source of the estimated quality. ``tiles``: the mean of the estimates of all tiles, weighted by their pixels.
    ``middle``: one estimate from the central 256x256 pixels, given to every tile as the input ``quality``, so that
    all tiles are restored alike."""
    released: bool = False
    """Whether its weights lie beside the card."""
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For ``onnx`` and ``safetensors``: ``file`` (a name beside the card) and ``sha256``."""
    parameters: int = 0
    multiply_adds: float = 0.0
    """Multiply-accumulate operations per pixel of the picture."""
    bytes_per_pixel: float = 1024.0
    """Peak working memory of one run, per pixel of the picture or its window; determines the size of tiles. Measured
    with ONNX Runtime; where there is no ONNX file, counted for PyTorch, which may take twice as much."""
    caution: tuple[tuple[float, float], ...] = ()
    """Points (quality, share of the strength 0..1) of a line, in rising quality. The share is below 1 where
    validation showed that the network changes good pictures too much. Empty: full strength at every quality."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Hyper-parameters, as the network's ``Config`` takes them."""
    recipe: str | None = None
    """Path of its recipe in the repository of jpegmend; None for weights that are no part of it. The weights file holds
    the whole recipe in its header."""
    data: tuple[str, ...] = ()
    """Data sets it was trained on."""
    licence: str = ""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """Minutes, machine, steps."""
    scores: tuple[Mapping[str, Any], ...] = ()
    notes: str = ""
    foreign: Foreign | None = None
    """How a network of others is called; None for those of ``jpegmend.models.NETWORKS``."""
    folder: Path = field(default=Path(), compare=False)
    """Folder of the card and its weights. Not part of the JSON."""

    def __post_init__(self) -> None:
        for wrong, message in self._contradictions():
            if wrong:
                raise WeightsDamaged(f"card {self.name!r}: {message}")

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        unknown = [name for name in self.inputs if name not in INPUTS]
        side = self.window or 0
        return (
            (self.planes not in ("y", "ycbcr", "rgb"), f"planes {self.planes!r}; allowed: y, ycbcr, rgb"),
            (self.tiling not in TILINGS, f"tiling {self.tiling!r}; allowed: {', '.join(TILINGS)}"),
            (bool(unknown), f"unknown inputs {unknown}; allowed: {', '.join(INPUTS)}"),
            (
                self.quality_from not in QUALITIES_FROM,
                f"quality_from {self.quality_from!r}; allowed: {', '.join(QUALITIES_FROM)}",
            ),
            (
                self.quality_from == "middle" and "quality" not in self.inputs,
                "quality_from 'middle' needs the input quality, which it does not read",
            ),
            (self.inputs[:1] != ("planes",), "the first input must be planes"),
            (self.multiple < 1, f"multiple {self.multiple}; it must be at least 1"),
            (self.scale < 1, f"scale {self.scale}; it must be at least 1"),
            (self.scale > 1 and self.tiling != "exact", f"scale {self.scale} with tiling {self.tiling!r}; exact only"),
            (self.halo < 0, f"halo {self.halo}; it must not be negative"),
            (not _rises(self.caution), f"caution {self.caution}; qualities 1..100 must rise, shares lie in 0..1"),
            (
                not all(isinstance(entry.get(key), str) for entry in self.files.values() for key in ("file", "sha256")),
                f"files {self.files}; each form needs the texts file and sha256",
            ),
            (self.bytes_per_pixel <= 0, f"bytes_per_pixel {self.bytes_per_pixel}; it must be above 0"),
            (
                self.tiling == "window" and (side <= 2 * self.halo or side % lcm(8, max(1, self.multiple)) != 0),
                f"window {self.window}; it must be a multiple of 8 and {self.multiple}, above twice the halo",
            ),
            *(self.foreign.contradictions() if self.foreign else ()),
        )


def _rises(caution: tuple[tuple[float, float], ...]) -> bool:
    """Whether the points have rising qualities 1..100 and shares 0..1."""
    qualities = [0.0, *(quality for quality, _ in caution)]
    rising = all(low < high <= 100 for low, high in pairwise(qualities))
    return rising and all(0 <= share <= 1 for _, share in caution)


_FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "inputs": tuple,
    "data": tuple,
    "scores": tuple,
    "caution": lambda value: tuple(map(tuple, value)),
    "foreign": lambda value: None if value is None else Foreign(**value),
}
_NAMES = {f.name for f in fields(Card)} - {"folder"}
_NEEDED = {f.name for f in fields(Card) if f.default is MISSING and f.default_factory is MISSING}


def read_card(path: Path | str) -> Card:
    """The card in a JSON file; its weights are looked for beside it.

    Raises:
        WeightsDamaged: no such file, no JSON, a key missing or unknown, or values that contradict each other.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsDamaged(f"no card can be read from {path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(found, dict):
        raise WeightsDamaged(f"{path}: a card is a JSON object, this is {type(found).__name__}")
    return make_card(found, path)


def make_card(found: Mapping[str, Any], path: Path) -> Card:
    """The card of plain values that stand, or will stand, in the JSON file ``path``.

    Raises:
        WeightsDamaged: a key missing or unknown, or values that contradict each other.
    """
    if unknown := found.keys() - _NAMES:
        raise WeightsDamaged(f"{path}: unknown keys {', '.join(sorted(unknown))}")
    if missing := _NEEDED - found.keys():
        raise WeightsDamaged(f"{path}: missing keys {', '.join(sorted(missing))}")
    try:
        values = {key: _FROM_JSON.get(key, lambda value: value)(value) for key, value in found.items()}
        return Card(**values, folder=path.parent)
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsDamaged(f"{path}: a value of the wrong type: {error}") from error


def write_card(path: Path, record: Mapping[str, Any]) -> None:
    """Write the JSON file of a card; raises ``OutputError`` where it cannot be written."""
    from jpegmend.writing.atomic import write_bytes  # here, because it loads Pillow

    write_bytes(path, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
