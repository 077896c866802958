"""Limits of memory, processor time, wall time and pixels for all that is done with one picture.

The limits grow linearly with the size of the picture, which ``max_pixels`` bounds. ``Limits`` are those of a decoder:
``worker.py`` applies them to its own process, and ``process.py`` kills a worker that exceeds its wall time.
``restoration_limits`` are those of restoring and writing, which ``batch/limited.py`` applies.
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegmend.decoding.memory import physical_memory

MAX_PIXELS = 500_000_000
"""Default limit of width times height of a picture, in pixels."""

MEBI = 1 << 20
_SLACK = 128 * MEBI
"""Bytes of memory that every decoder may use in addition to the needs of the picture."""
_MACHINE_SHARE = 0.5
"""Share of the machine's physical memory that one picture may use."""
_BYTES_PER_LEVEL = 1.1 * (2 + 4)
"""Bytes of memory per DCT coefficient: libjpeg's int16 array, the library's int32 copy, and 10 % reserve."""
_BYTES_PER_PIXEL = 20.0
"""Bytes of memory per pixel. Measured needs: 1 (gray) to 10 (16-bit RGBA), WebP 16."""
_SPARSE_PIXELS, _PIXELS_PER_BYTE = 64_000_000, 1000
"""A picture of more pixels than the first must hold a byte for this many of them: an empty page of one bit a pixel
takes one for 8,000, a page with text one for 500."""
_SECONDS, _SECONDS_PER_MEBI = 5.0, 0.2
_SECONDS_PER_PIXEL = 0.5e-6
"""Ten times the measured time of the slowest format (lossless WebP) on a desktop core of 2020."""
_RESTORING, _RESTORING_PER_PIXEL = 1024 * MEBI, 250.0
"""Bytes of memory for restoring and writing a picture, without the network. Measured at 2 megapixels: up to 185 a pixel
(16-bit PNG with alpha)."""
_RESTORING_SECONDS, _RESTORING_SECONDS_PER_PIXEL = 60.0, 20e-6
"""Ten times the measured time of the slowest part (writing AVIF) on a desktop core of 2020, and a minute."""
_SLOWEST = 3e8
"""Multiply-adds a second that a network does at least on one core; a core of 2020 does a hundred times as many."""
_UNKNOWN_COST = 1e8
"""Multiply-adds a pixel where the card does not state them, several times those of the largest networks."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits for decoding one file, linear in the number n of pixels that its header states."""

    pixels: int
    """Greatest n allowed."""
    plausible: int
    """Greatest n that a file of this size can hold."""
    memory: float
    """Bytes of memory that the worker may allocate in addition to those it uses already, for n = 0."""
    memory_per_pixel: float = 0.0
    """Additional bytes of memory per pixel."""
    machine: float | None
    """Greatest total in bytes, a share of the machine's memory; None if the size of that is unknown."""
    seconds: float
    """Processor time in seconds for n = 0; the system ends a worker that exceeds it."""
    seconds_per_pixel: float = 0.0
    timeout: float | None = None
    """Wall time in seconds, if the caller gave one; it then replaces the limit of processor time too."""

    def wall(self) -> float:
        """Limit of wall time in seconds for the largest picture allowed, after which the parent stops the worker.

        Four times the processor time and half a minute, because the machine may be busy with other work.
        """
        return self.timeout or 30 + 4 * (self.seconds + self.seconds_per_pixel * self.pixels)


def jpeg_limits(
    size: int, *, coefficients: int, scans: int, max_pixels: int = MAX_PIXELS, timeout: float | None = None
) -> Limits:
    """Limits for a JPEG of ``size`` bytes, from the numbers of DCT coefficients and scans in its parsed header."""
    seconds = _SECONDS + coefficients / 1e6 * (0.05 + 0.005 * min(scans, 30)) + _SECONDS_PER_MEBI * size / MEBI
    return Limits(
        pixels=max_pixels,
        plausible=max_pixels,  # jpeg/coefficients.py has a closer limit
        memory=_BYTES_PER_LEVEL * coefficients + 4 * size + _SLACK,
        machine=machine_limit(),
        seconds=timeout or seconds,
        timeout=timeout,
    )


def picture_limits(size: int, *, max_pixels: int = MAX_PIXELS, timeout: float | None = None) -> Limits:
    """Limits for a file of any format but JPEG, of ``size`` bytes; the worker reads the number of pixels."""
    return Limits(
        pixels=max_pixels,
        plausible=max(_SPARSE_PIXELS, _PIXELS_PER_BYTE * size),
        memory=4 * size + _SLACK,
        memory_per_pixel=_BYTES_PER_PIXEL,
        machine=machine_limit(),
        seconds=timeout or _SECONDS + _SECONDS_PER_MEBI * size / MEBI,
        seconds_per_pixel=0.0 if timeout else _SECONDS_PER_PIXEL,
        timeout=timeout,
    )


def restoration_limits(
    pixels: int, *, network_bytes: float = 0.0, multiply_adds: float | None = 0.0
) -> tuple[float, float]:
    """Bytes of memory and seconds of processor time for restoring a picture of ``pixels`` and writing it.

    ``network_bytes``: memory of one run of the network. ``multiply_adds``: its operations a pixel, None if unknown.
    """
    memory = _RESTORING + _RESTORING_PER_PIXEL * pixels + 3 * network_bytes
    cost = _UNKNOWN_COST if multiply_adds is None else multiply_adds
    seconds = _RESTORING_SECONDS + pixels * (_RESTORING_SECONDS_PER_PIXEL + cost / _SLOWEST)
    return memory if (most := machine_limit()) is None else min(memory, most), seconds


def machine_limit() -> float | None:
    """Greatest number of bytes that one picture may use on this machine; None if its memory size is unknown."""
    memory = physical_memory()
    return None if memory is None else _MACHINE_SHARE * memory


def largest_file(max_pixels: int) -> int:
    """Size limit of a file in bytes: 8 for each pixel allowed (uncompressed 16-bit RGBA) plus 64 MiB."""
    return 8 * max_pixels + 64 * MEBI
