"""Everything a caller can choose about a restoration, checked before any work begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import InvalidOption
from jpegmend.runtimes import RUNTIMES
from jpegmend.weights import DEFAULT, Card


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to restore; the defaults are what most people want."""

    model: str | Path | Card = DEFAULT
    """A name of the catalogue, the path of a card (``.json``), or a card."""
    strength: float = 1.0
    """0..1: 0 gives the decoded picture, 1 the network's; between, a blend."""
    consistent: bool | None = None
    """Whether every DCT coefficient is brought back into the cell the file states. None: where the file is a
    first-generation JPEG. True is possible only for JPEG files."""
    bits: int = 16
    """8 or 16: depth of what is kept."""
    orientation: str = "apply"
    """``apply``: the EXIF orientation is applied to the pixels and its tag becomes 1; ``keep``: neither is touched."""
    quality: int | None = None
    """1..100: treat the picture as compressed with libjpeg's tables of that quality, whatever the file says."""
    runtime: str = "auto"
    threads: int | None = None
    """CPU threads of the network; None for all this process may use."""
    memory: int | None = None
    """Bytes the process should stay under, all in all; None: tiles of about 400 MB. Large pictures need more
    for themselves, and a limit that cannot be met is an error."""
    strict: bool = False
    """A damaged file is an error instead of a picture with a part missing."""
    max_pixels: int = MAX_PIXELS
    timeout: float | None = None
    """Seconds after which decoding of a file is given up; None: by its size."""
    keep_planes: bool = False
    """Keep the restored float planes in ``Restored.planes``; takes 12 bytes a pixel."""
    traces: Collection[str] = ()
    """Names of intermediate results of the network to keep in ``Restored.traces``; ``memory`` does not count them."""

    def __post_init__(self) -> None:
        allowed = (
            (0 <= self.strength <= 1, f"strength {self.strength}; it goes from 0 to 1"),
            (self.bits in (8, 16), f"{self.bits} bits; allowed: 8, 16"),
            (self.orientation in ("apply", "keep"), f"orientation {self.orientation!r}; allowed: apply, keep"),
            (self.quality is None or 1 <= self.quality <= 100, f"quality {self.quality}; it goes from 1 to 100"),
            (self.runtime in RUNTIMES, f"runtime {self.runtime!r}; allowed: {', '.join(RUNTIMES)}"),
            (self.threads is None or self.threads >= 1, f"{self.threads} threads; at least 1, or None for all"),
            (self.memory is None or self.memory > 0, f"memory {self.memory}; give bytes above 0"),
            (self.max_pixels >= 1, f"max_pixels {self.max_pixels}; it must be at least 1"),
            (self.timeout is None or self.timeout > 0, f"timeout {self.timeout}; give seconds above 0"),
            (
                not isinstance(self.traces, str),
                f"traces {self.traces!r}; give several names, such as ({self.traces!r},)",
            ),
        )
        for holds, message in allowed:
            if not holds:
                raise InvalidOption(message)
