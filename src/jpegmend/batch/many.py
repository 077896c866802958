"""``restore_many``: restoration of many pictures by several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from jpegmend import weights
from jpegmend.batch.limited import limited
from jpegmend.batch.processes import Pool, Worker
from jpegmend.batch.share import share_out
from jpegmend.errors import InvalidOption, JpegmendError
from jpegmend.reading import Source, for_another_process
from jpegmend.restoration import Options, Restored, restore
from jpegmend.restoration.options import check_names


class Result(NamedTuple):
    """Result of :func:`restore_many` for one picture."""

    source: Any
    """The path, bytes, or object given."""
    restored: Restored | None
    """The restored picture; None if it failed."""
    error: Exception | None
    """The error of a picture that failed, else None."""


def restore_many(sources: Iterable[Source], *, jobs: int | None = None, **options: Any) -> Iterator[Result]:
    """Restore many pictures in several processes; results are yielded when they are ready, not in order.

    A picture that fails, or whose process was killed, has a result with an ``error``; the others are not affected. Only
    a few sources are read ahead, so ``sources`` may be an endless iterator.

    Args:
        sources: those of ``restore``. Paths are read by the processes. Open files are read here, when their turn
            comes; their bytes, arrays and the pixels of Pillow images are sent to the processes.
        jobs: number of processes; None: one per CPU, fewer if memory is short.
        options: those of ``restore`` but ``progress``; ``threads`` and ``memory`` are for all processes together.

    Raises:
        InvalidOption: an option out of range, or a single path in place of several.
    """
    if isinstance(sources, (str, bytes, os.PathLike)):
        raise InvalidOption(f"sources is a single {type(sources).__name__}; give a list, or use restore")
    check_names("restore_many", Options, options)
    checked = Options(**options)
    if checked.progress is not None:
        raise InvalidOption("progress: pictures are restored in other processes; leave it out, and count the results")
    count = len(sources) if isinstance(sources, (list, tuple, set, dict)) else 1 << 30
    share = share_out(max(1, count), jobs=jobs, threads=checked.threads, memory=checked.memory_bytes)
    plain = {name: _as_plain(value) for name, value in options.items()}
    given = {**plain, "threads": share.threads, "memory": share.memory, "max_pixels": checked.max_pixels}
    if weights.is_file_of_others(checked.model):
        given["model"] = weights.find(checked.model)  # measured once, not in every process
    return _results(sources, share.jobs, given)


def _results(sources: Iterable[Any], jobs: int, options: dict[str, Any]) -> Iterator[Result]:
    def items() -> Iterator[tuple[Any, Any]]:
        for source in sources:
            yield source, _to_send(source, options["max_pixels"])

    def call(worker: Worker, item: tuple[Any, Any]) -> Restored:
        if isinstance(item[1], JpegmendError):
            raise item[1]
        restored: Restored = worker.call(_restore, item[1], options)
        return restored

    with closing(Pool(call, jobs)) as pool:
        for (source, _), answer in pool.as_they_come(items()):
            if isinstance(answer, JpegmendError):
                yield Result(source, None, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                yield Result(source, answer, None)


def _as_plain(value: Any) -> Any:
    """A member of an enumeration as its text or number: the processes do not import the script that has its class."""
    for kind in (str, float, int):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind.__str__(value) if kind is str else kind(value)
    return value


def _to_send(source: Any, max_pixels: int) -> Any:
    """A source as a process takes it, or the error that says why it cannot be sent."""
    try:
        return for_another_process(source, max_pixels=max_pixels)
    except JpegmendError as error:
        return error
    except Exception as error:  # objects of others raise anything when they are read
        return InvalidOption(f"a {type(source).__name__} could not be read: {error!r}; give a path or bytes")


def _restore(source: Any, options: dict[str, Any]) -> Restored:
    with limited():
        return restore(source, **options)
