"""Memory of training on a CPU: what a step frees, the next one needs again."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD = -1
"""``M_TRIM_THRESHOLD`` of glibc's ``mallopt``: how much may lie free before some goes back to the system."""
_MMAP_MAX = -4
"""``M_MMAP_MAX``: how many large blocks may be mapped on their own, and so go back at once."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory for the next step; returns whether it will.

    Otherwise a network of many large activations gives its memory back at every step, and the system clears
    it page by page when it is taken again: a quarter of the time of DCSC. The process keeps its peak instead.
    Other C libraries, and allocators put before glibc, have no such setting and are left as they are; so is
    glibc where ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_MAX_`` says what somebody wants.
    """
    if {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_"} & os.environ.keys():
        return False
    try:
        library = ctypes.CDLL(None)
        return bool(library.mallopt(_TRIM_THRESHOLD, _NEVER) and library.mallopt(_MMAP_MAX, 0))
    except (AttributeError, OSError, TypeError):
        return False
