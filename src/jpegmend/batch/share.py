"""How many processes a run uses, and what each may take of threads and memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jpegmend.errors import InvalidOption
from jpegmend.runtimes.contract import available_threads

LARGE = 12_000_000
"""Pixels from which a picture is worked on alone, with all threads."""

_PARENT = 60_000_000
"""Bytes of the process that hands out the work; measured."""
_DECODER = 60_000_000
"""Bytes of a worker's own decoder process; measured."""
_LEAST = 350_000_000
"""Bytes a worker needs to be of use: Python, the runtime, the network, small pictures."""
_USUAL = 900_000_000
"""Bytes a worker takes where no limit is given, at most, for pictures below :data:`LARGE`."""


@dataclass(frozen=True)
class Share:
    """What one process may take."""

    jobs: int
    """Processes side by side."""
    threads: int
    """CPU threads of each."""
    all_threads: int
    """CPU threads of one that works alone."""
    memory: int | None
    """Bytes of each; None where there is no limit."""
    all_memory: int | None
    """Bytes of one that works alone."""


def share_out(pictures: int, *, jobs: int | None, threads: int | None, memory: int | None) -> Share:
    """Processes for so many pictures: by default one for each CPU, as far as memory and pictures go.

    ``threads`` and ``memory`` are for all processes together.

    Raises:
        InvalidOption: less than one process, or ``jobs`` processes that ``memory`` is too little for.
    """
    if jobs is not None and jobs < 1:
        raise InvalidOption(f"jobs {jobs}; at least 1, or None for one for each CPU")
    cpus = threads or available_threads()
    if jobs is not None and memory is not None and jobs > 1 and (memory - _PARENT) // jobs < _LEAST:
        least = (jobs * _LEAST + _PARENT) / 1e6
        raise InvalidOption(f"memory={memory / 1e6:.0f}M is too little for jobs={jobs}, which need {least:.0f}M")
    if jobs is None:
        room = (available_memory() - _PARENT) // _USUAL if memory is None else (memory - _PARENT) // _LEAST
        jobs = max(1, min(cpus, room))
    jobs = max(1, min(jobs, pictures))
    if memory is None or pictures == 1:
        return Share(jobs, max(1, cpus // jobs), cpus, memory, memory)
    idle = (jobs - 1) * (_LEAST // 2)
    each, alone = (memory - _PARENT) // jobs - _DECODER, memory - _PARENT - idle - _DECODER
    return Share(jobs, max(1, cpus // jobs), cpus, max(1, each), max(1, alone))


def available_memory() -> int:
    """Bytes that can be taken without swapping, by the system and the container; a large number where unknown."""
    found = [_meminfo(), *(_cgroup(limit, used) for limit, used in _CGROUPS)]
    return min((size for size in found if size is not None), default=1 << 62)


_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def _cgroup(limit: str, used: str) -> int | None:
    try:
        return max(0, int(Path(limit).read_text()) - int(Path(used).read_text()))
    except (OSError, ValueError):  # no such group, or "max"
        return None
