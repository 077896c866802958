"""Number of processes of a run, and the threads and memory of each."""

from __future__ import annotations

from dataclasses import dataclass

from jpegmend.decoding.memory import available_memory
from jpegmend.errors import InvalidOption
from jpegmend.runtimes.processor import MOST_PARALLEL, thread_count

LARGE = 12_000_000
"""Number of pixels from which a picture is restored alone, with all threads."""

_PARENT = 60_000_000
"""Measured memory of the parent process in bytes."""
_DECODER = 60_000_000
"""Measured memory of a worker's decoding process in bytes."""
_LEAST = 350_000_000
"""Least memory of a worker in bytes: Python, the runtime, the network, small pictures."""
_USUAL = 900_000_000
"""Greatest memory of a worker without a limit, in bytes, for pictures below :data:`LARGE`."""


@dataclass(frozen=True)
class Share:
    """Number of processes, and their threads and memory."""

    jobs: int
    """Number of parallel processes."""
    threads: int
    """CPU threads of each process."""
    all_threads: int
    """CPU threads of a process that runs alone."""
    memory: int | None
    """Memory limit of each process in bytes; None for no limit."""
    all_memory: int | None
    """Memory limit of a process that runs alone, in bytes."""


def share_out(pictures: int, *, jobs: int | None, threads: int | None, memory: int | None) -> Share:
    """Divide threads and memory between processes: by default one per CPU, fewer if memory or pictures are few.

    ``threads`` and ``memory`` are for all processes together.

    Raises:
        InvalidOption: a number of processes or threads that is not allowed, or ``jobs`` processes that
            ``memory`` is too little for.
    """
    if jobs is not None and not 1 <= jobs <= MOST_PARALLEL:
        raise InvalidOption(f"jobs {jobs}; give 1 to {MOST_PARALLEL}, or None for one for each CPU")
    cpus = thread_count(threads)
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
