"""Settings of a run over many pictures."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jpegmend import weights
from jpegmend.weights import Card

_WITHOUT_EFFECT = ("threads", "memory", "timeout", "max_pixels", "runtime", "provider")
"""Options that do not change the result."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """Format and encoder settings of results."""

    format: str | None = None
    """``png``, ``tiff``, ``webp`` or ``jpeg``; None goes by the suffix."""
    bits: int | None = None
    """8 or 16; None for those of the input, where the format holds them."""
    quality: int | None = None
    """1..100, of lossy formats; None is ``writing.lossy.DEFAULT_QUALITY``."""
    compression: int | None = None
    """0..9, zlib's level for PNG; None is the fastest for photos."""
    strip: bool | str = False
    """One of ``writing.stripping.STRIPS``, or False."""
    srgb: bool = False
    """Whether pixels are converted to sRGB by their profile."""
    mark: bool = False
    """Whether the XMP states that an algorithm altered the picture."""
    all_pages: bool = False
    """Whether every page of a file is restored, into a TIFF of as many pages."""
    compare: bool = False
    """Whether a before and after PNG is written beside the result."""
    reference: Path | None = None
    """The original of a single picture, for the gain in PSNR."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of a run."""

    operation: str = "restore"
    """``restore`` or ``upscale``: the function of ``jpegmend`` that makes each result."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for that function; for ``upscale`` with a model."""
    output: Output = Output()
    overwrite: bool = False
    """Whether existing results are made again."""
    max_bytes: int = 4_000_000_000
    """Greatest size of an input in bytes."""

    @functools.cached_property
    def card(self) -> Card:
        """The card of the selected network."""
        return weights.find(self.options.get("model") or weights.DEFAULT)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of every option that changes the result, or what is beside it."""
        options = {key: value for key, value in self.options.items() if key not in _WITHOUT_EFFECT}
        options["model"] = self.card.name
        # What a result is measured against does not change it.
        output = {**vars(self.output), "reference": None}
        facts = {"operation": self.operation, "options": options, "output": output}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    @functools.cached_property
    def accepted(self) -> tuple[str, str]:
        """Fingerprints of runs with the same results: its own, and that of a run that also writes comparisons."""
        return self.fingerprint, replace(self, output=replace(self.output, compare=True)).fingerprint

    @functools.cached_property
    def weights_hash(self) -> str:
        """A hash of the weights of every network that may run; empty if none does."""
        if self.options.get("strength") == 0:
            return ""
        # ``upscale`` may restore first.
        cards = [self.card] if self.operation == "restore" else [self.card, weights.find(weights.DEFAULT)]
        parts = sorted(str(entry["sha256"]) for card in cards for entry in card.files.values())
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
