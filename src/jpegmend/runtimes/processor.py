"""The processor that networks run on: its name and how much of it this process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from jpegmend.errors import InvalidOption

MOST_PARALLEL = 1024
"""Greatest number of threads, and of processes, that may be asked for, above the CPUs of today's machines. ONNX Runtime
starts as many threads as it is told: 4000 on two CPUs took more than five minutes for a picture of 0.3 megapixels."""


def available_threads() -> int:
    """Number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(asked: int | None) -> int:
    """The number of threads that is asked for; for None every CPU this process may use.

    Raises:
        InvalidOption: less than one or more than :data:`MOST_PARALLEL`.
    """
    if asked is None:
        return available_threads()
    if not 1 <= asked <= MOST_PARALLEL:
        raise InvalidOption(f"{asked} threads; give 1 to {MOST_PARALLEL}, or None for all")
    return asked


def processor_name() -> str:
    """Name of the processor, such as ``AMD EPYC 7B12``; its architecture where the system states no name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return next((name for name in names if name and name != "unknown"), platform.machine())
