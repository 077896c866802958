"""Process settings that make training on a CPU faster, restored afterwards."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TRIM_THRESHOLD = -1
"""``M_TRIM_THRESHOLD`` of glibc's ``mallopt``: free memory from which some is returned to the system."""
_MMAP_MAX = -4
"""``M_MMAP_MAX``: number of large blocks that may be mapped separately, and are then returned when freed."""
_NEVER = 2**31 - 1
_DEFAULTS = {_TRIM_THRESHOLD: 128 * 1024, _MMAP_MAX: 65536}


@contextmanager
def cpu_settings() -> Iterator[None]:
    """Keep freed memory and flush denormal numbers while the block runs; both are settings of the whole process.

    Operations on denormals (below 1e-38) are many times slower than on other numbers, and do not matter to a network.
    Both settings are restored, except that glibc no longer adapts its threshold for large blocks by itself.
    """
    kept, flushed = keep_freed_memory(), flushes_denormals()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        if kept:
            _set_allocator(_DEFAULTS)
            ctypes.CDLL(None).malloc_trim(0)


def flushes_denormals() -> bool:
    """Whether this thread takes denormal numbers as 0."""
    return float(torch.tensor(1e-39) * torch.tensor(1.0)) == 0


def keep_freed_memory() -> bool:
    """Set glibc to keep freed memory for the next step; returns whether it was set.

    By default the memory of large activations is returned to the system at every step and cleared page by page when it
    is allocated again, which takes a quarter of the time of DCSC. With the setting the process keeps its peak memory.
    Other C libraries and allocators have no such setting and are not changed; nor is glibc if
    ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_MAX_`` is set in the environment.
    """
    if {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_"} & os.environ.keys():
        return False
    return _set_allocator({_TRIM_THRESHOLD: _NEVER, _MMAP_MAX: 0})


def _set_allocator(settings: dict[int, int]) -> bool:
    try:
        library = ctypes.CDLL(None)
        return all(bool(library.mallopt(key, value)) for key, value in settings.items())
    except (AttributeError, OSError, TypeError):
        return False
