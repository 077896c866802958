"""Memory of this machine, of the container (control group) that this process runs in, and of processes, in bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class _Group(NamedTuple):
    """Files of a control group's memory, and the names in its statistics of pages that files fill."""

    folder: str
    limit: str
    used: str
    cached: tuple[str, ...]


_GROUPS = (
    _Group("/sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file", "active_file")),
    _Group(
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
)
"""Version 2 and version 1 of control groups."""


def physical_memory() -> int | None:
    """Memory that this process could have at most, by the machine and the container; None if both do not say."""
    found = [_machine(), *map(_limit, _GROUPS)]
    return min((size for size in found if size is not None), default=None)


def available_memory() -> int:
    """Memory that is free without swapping, by the system and the container; a large number if unknown."""
    found = [_meminfo(), *map(_left, _GROUPS)]
    return min((size for size in found if size is not None), default=1 << 62)


def resident_bytes(pid: int) -> int:
    """Bytes of memory that a process holds; 0 if unknown."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def _limit(group: _Group) -> int | None:
    try:
        return int(Path(group.folder, group.limit).read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _left(group: _Group) -> int | None:
    limit = _limit(group)
    if limit is None:
        return None
    try:
        used = int(Path(group.folder, group.used).read_text())
        lines = map(str.split, Path(group.folder, "memory.stat").read_text().splitlines())
        # Pages of files that were read count as used, and are given up as soon as memory is asked for.
        used -= sum(int(line[1]) for line in lines if len(line) == 2 and line[0] in group.cached)
    except (OSError, ValueError):
        return None
    return max(0, limit - max(0, used))
