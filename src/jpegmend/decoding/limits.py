"""Limits of memory, processor time, wall time and pixels for every decoder of untrusted bytes.

All numbers stand here. A decoder's limits grow linearly with the size of the picture; ``worker.py`` applies them to
itself, ``process.py`` ends a worker that stays alive past its wall time.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

MAX_PIXELS = 500_000_000
"""Pixels (width times height) a picture may have unless the caller allows more."""

MEBI = 1 << 20
_SLACK = 128 * MEBI
"""Bytes of memory every decoder may use beside what the picture needs."""
_MACHINE_SHARE = 0.5
"""Share of the machine's physical memory that one decoder may use."""
_BYTES_PER_LEVEL = 1.1 * (2 + 4)
"""For each DCT coefficient: libjpeg's own int16, the library's int32 copy, and a tenth of slack."""
_BYTES_PER_PIXEL = 20.0
"""Measured: 1 (gray) to 10 (16-bit RGBA), WebP 16."""
_SECONDS, _SECONDS_PER_MEBI = 5.0, 0.2
_SECONDS_PER_PIXEL = 0.5e-6
"""Ten times what a sound file of the slowest format (lossless WebP) takes on a desktop core of 2020."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What decoding one file may take; ``n`` below is the number of pixels its header states."""

    pixels: int
    """Most pixels the header may state."""
    memory: float
    """Bytes of memory the worker may use in addition to what it holds already, for n = 0."""
    memory_per_pixel: float = 0.0
    """Bytes in addition for each of the n pixels."""
    machine: float | None
    """Most bytes altogether: a share of the machine's memory; None where the system does not tell its size."""
    seconds: float
    """Processor time for n = 0; exceeding it ends the worker."""
    seconds_per_pixel: float = 0.0
    timeout: float | None = None
    """Wall time in seconds, if the caller gave one; it then replaces the limit of processor time too."""

    def wall(self) -> float:
        """Wall time in seconds for the largest picture allowed: what the parent process waits at most.

        Four times the processor time and half a minute, because the machine may be busy with other work.
        """
        return self.timeout or 30 + 4 * (self.seconds + self.seconds_per_pixel * self.pixels)

    def as_request(self) -> dict[str, Any]:
        """The limits as JSON values, for the worker."""
        return asdict(self)


def jpeg_limits(
    size: int, *, coefficients: int, scans: int, max_pixels: int = MAX_PIXELS, timeout: float | None = None
) -> Limits:
    """Limits for a JPEG of ``size`` bytes whose header, parsed already, states so many DCT coefficients and scans."""
    seconds = _SECONDS + coefficients / 1e6 * (0.05 + 0.005 * min(scans, 30)) + _SECONDS_PER_MEBI * size / MEBI
    return Limits(
        pixels=max_pixels,
        memory=_BYTES_PER_LEVEL * coefficients + 4 * size + _SLACK,
        machine=machine_limit(),
        seconds=timeout or seconds,
        timeout=timeout,
    )


def picture_limits(size: int, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None) -> Limits:
    """Limits for a PNG, TIFF, WebP, BMP, GIF or PNM of ``size`` bytes; the worker reads the number of pixels."""
    return Limits(
        pixels=max_pixels,
        memory=4 * size + _SLACK,
        memory_per_pixel=_BYTES_PER_PIXEL,
        machine=machine_limit(),
        seconds=timeout or _SECONDS + _SECONDS_PER_MEBI * size / MEBI,
        seconds_per_pixel=0.0 if timeout else _SECONDS_PER_PIXEL,
        timeout=timeout,
    )


def machine_limit() -> float | None:
    """Most bytes one decoder may use on this machine; None where the system does not tell how much memory it has."""
    memory = physical_memory()
    return None if memory is None else _MACHINE_SHARE * memory


def physical_memory() -> int | None:
    """Bytes of memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def largest_file(max_pixels: int) -> int:
    """Bytes of a file that are read at most: 8 for each pixel allowed (16-bit RGBA, not compressed), and 64 MiB."""
    return 8 * max_pixels + 64 * MEBI
