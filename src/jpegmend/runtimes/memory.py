"""The memory that a call takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def grown_bytes(call: Callable[[], Any]) -> float | None:
    """By how many bytes the largest resident size of this process rises above its size before; None but on Linux.

    Memory that was freed before and not returned to the system is used again and does not count.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the peak begins anew
        before = _kilobytes(status, "VmRSS")
        call()
        return 1024.0 * max(0, _kilobytes(status, "VmHWM") - before)
    except (OSError, ValueError):
        return None


def _kilobytes(status: Path, name: str) -> int:
    for line in status.read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(name)
