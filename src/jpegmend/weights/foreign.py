"""How a network of others is called: the part of a card that our own networks do not need."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jpegmend.errors import ModelRefused

MAX_BYTES = 2**30
"""Largest model file that is opened, in bytes; FBCNN's, the largest of the usual ones, has 0.3 GB."""


def check_size(count: int, name: str) -> None:
    """Refuse files of more than :data:`MAX_BYTES`; raises ``ModelRefused``."""
    if count > MAX_BYTES:
        raise ModelRefused(f"{name} has {count / 1e9:.2f} GB; models of up to {MAX_BYTES / 1e9:.2f} GB are opened")


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """The interface of a network of others, as trial runs found it or the user stated it."""

    input: str = ""
    """Name of an ONNX graph's input, [1, C, H, W]; empty for state dicts."""
    output: str = ""
    """Name of an ONNX graph's output of the same shape; empty for state dicts."""
    half: bool = False
    """Whether input and output are float16."""
    black: float = 0.0
    """Value of black in its input and output."""
    white: float = 1.0
    """Value of white: 1, or 255."""
    size: tuple[int, int] | None = None
    """Height and width of its input, in pixels, where they are fixed; smaller windows are padded."""
    difference: float | None = None
    """Largest difference between the tiled and the untiled result, white being 1, on the drawing that was measured;
    None where it was not measured."""

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", tuple(self.size))

    def contradictions(self) -> tuple[tuple[bool, str], ...]:
        """Pairs of whether a value is wrong, and what is wrong, as a card reports them."""
        sides = self.size or (8, 8)
        return (
            (not self.white > self.black, f"white {self.white} is not above black {self.black}"),
            (bool(self.input) != bool(self.output), "an ONNX graph needs both input and output"),
            (len(sides) != 2 or min(sides) < 8, f"size {self.size}; it must be a height and a width of at least 8"),
        )


_NON_COMMERCIAL = re.compile(r"\bNC\b|non[-_ ]?commercial|\bacademic\b|research[-_ ]only", re.IGNORECASE)


def is_non_commercial(licence: str) -> bool:
    """Whether a licence allows non-commercial use only, by its name.

    >>> is_non_commercial("CC-BY-NC-SA-4.0"), is_non_commercial("CC-BY-4.0")
    (True, False)
    """
    return bool(_NON_COMMERCIAL.search(licence))
