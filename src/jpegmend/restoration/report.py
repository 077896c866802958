"""What was read and what was done, as values: for people, for JSON, for tests."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Report:
    """One restoration."""

    format: str
    """``jpeg``, ``png``, ..., ``pillow image``, ``array``."""
    width: int
    height: int
    """Size of what came out, in pixels, after its orientation was applied."""
    megapixels: float
    colour: str
    """What the planes of the input were: gray, ycbcr, rgb, cmyk, ycck."""
    coding: str | None
    """``baseline``, ``extended``, ``progressive``, with ``, arithmetic`` where it is; None if no JPEG."""
    sampling: str | None
    """``4:2:0`` and the like; None if no JPEG."""
    quality: int | None
    """The libjpeg quality nearest to the file's luma table; None if no JPEG."""
    quality_exact: bool | None
    """Whether the luma table is exactly that quality's."""
    estimated_quality: int | None
    """What the pixels look like; None where no trace of compression was found, or none was looked for."""
    quality_by_network: float | None
    """The network's own estimate of the picture's libjpeg quality, 1..100; None where it makes none."""
    estimated: bool
    """The network was told tables that no file states: estimated from the pixels, or the caller's ``quality``."""
    grid: tuple[int, int]
    """Row and column of the picture where the 8x8 blocks begin, 0..7; not (0, 0) only where it was estimated."""
    metadata: tuple[str, ...]
    """What the input carried and the result keeps: of icc, exif, xmp, comments, density."""
    lost: float
    """Share of the picture that never arrived, 0..1."""
    model: str
    runtime: str | None
    """``onnx cpu``, ``torch cuda``, ...; None where no network was run."""
    strength: float
    """What was used: 0 where there was nothing to restore."""
    consistent: bool
    """Whether every coefficient was brought back into the file's quantisation cell."""
    consistent_why: str
    tiles: int
    orientation: int
    """The EXIF orientation of the input; 1 is upright."""
    orientation_applied: bool
    bits: int
    seconds: float
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values only, for JSON."""
        found = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}
