"""The processor that networks run on: its name and how much of it this process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def available_threads() -> int:
    """Number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """Name of the processor, such as ``AMD EPYC 7B12``; its architecture where the system states no name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return next((name for name in names if name and name != "unknown"), platform.machine())
