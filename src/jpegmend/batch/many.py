"""``restore_many``: pictures in, restored pictures out, by several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jpegmend.batch.processes import Pool, Worker
from jpegmend.batch.share import share_out
from jpegmend.errors import JpegmendError
from jpegmend.restoration import Options, Restored, restore


class Result(NamedTuple):
    """One picture of :func:`restore_many`."""

    source: Any
    """What was given."""
    restored: Restored | None
    """The restored picture; None where it failed."""
    error: Exception | None
    """Why it failed; None where it did not."""


def restore_many(
    sources: Iterable[str | os.PathLike[str] | bytes], *, jobs: int | None = None, **options: Any
) -> Iterator[Result]:
    """Restore many pictures in several processes; each result comes as soon as it is there, not in order.

    A picture that fails gives a result with an ``error``, and so does one whose process was killed; the others go on.
    Few pictures are in hand at a time, so ``sources`` may be endless.

    Args:
        sources: paths or bytes.
        jobs: processes; None for one for each CPU, as far as memory goes.
        options: those of ``restore``; ``threads`` and ``memory`` are for all processes together.

    Raises:
        InvalidOption: an option out of range.
    """
    checked = Options(**options)
    count = len(sources) if isinstance(sources, (list, tuple, set, dict)) else 1 << 30
    share = share_out(max(1, count), jobs=jobs, threads=checked.threads, memory=checked.memory_bytes)
    given = {**options, "threads": share.threads, "memory": share.memory}
    return _results(sources, share.jobs, share.threads, given)


def _results(sources: Iterable[Any], jobs: int, threads: int, options: dict[str, Any]) -> Iterator[Result]:
    def call(worker: Worker, source: Any) -> Restored:
        restored: Restored = worker.call(_restore, source, options)
        return restored

    with Pool(call, jobs, threads) as pool:
        for source, answer in pool.as_they_come(sources):
            if isinstance(answer, JpegmendError):
                yield Result(source, None, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                yield Result(source, answer, None)


def _restore(source: Any, options: dict[str, Any]) -> Restored:
    return restore(source, **options)
