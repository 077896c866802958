"""Restoration or enlargement of one file: read, restore, write; runs in this process or in a worker."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from jpegmend.batch.comparison import Gain, compared_with, labels, measure, read_reference
from jpegmend.batch.find import STANDARD
from jpegmend.batch.fitting import fitting
from jpegmend.batch.inputs import read_input, sha256, state_of
from jpegmend.batch.limited import limited
from jpegmend.batch.pages import Pages
from jpegmend.batch.settings import Output
from jpegmend.errors import InvalidOption, JpegmendError, MissingExtra, ModelError, describe
from jpegmend.formats import WRITTEN

if TYPE_CHECKING:
    from jpegmend.restoration import Restored

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file to restore or enlarge, its target and options."""

    source: Path
    data: bytes | None = None
    """The bytes of the source, if they were read before."""
    target: Path
    operation: str = "restore"
    options: Mapping[str, Any]
    output: Output
    overwrite: bool
    max_bytes: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of one file."""

    error: str | None = None
    """Name of the error's class; None if all was done. With a report the result was written, without some pages."""
    message: str | None = None
    fatal: bool = False
    """Whether every other file of the run would fail by the same error."""
    refused_option: bool = False
    """Whether it failed by an option, so that more memory for this file alone may help."""
    report: Mapping[str, Any] = field(default_factory=dict)
    not_kept: tuple[str, ...] = ()
    """Descriptions of the metadata that the format cannot hold."""
    compared: Path | None = None
    """Path of the comparison picture."""
    gain: Gain | None = None
    """PSNR before and after, if a reference was given."""
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    """SHA-256 of the input as it was read."""
    written: int | None = None
    """Bytes of the result."""
    seconds: float = 0.0


def work(task: Task, progress: Progress | None = None) -> Outcome:
    """Make one picture's result and write it; every expected error becomes an outcome."""
    started = time.perf_counter()
    state = state_of(task.source)
    try:
        with limited(), fitting(_format(task.target, task.output)):
            facts = _make(task, progress)
    except (JpegmendError, OSError, MemoryError) as error:
        if isinstance(error, BrokenPipeError) and task.target == STANDARD:
            raise  # its reader has had enough
        return failure(error, time.perf_counter() - started)
    if state is not None:
        facts |= {"size": state.size, "mtime_ns": state.mtime_ns}
    return Outcome(**facts, seconds=round(time.perf_counter() - started, 3))


def failure(error: BaseException, seconds: float = 0.0) -> Outcome:
    """The outcome of a file that failed by an error."""
    return Outcome(
        error=type(error).__name__,
        message=_in_words(error),
        fatal=isinstance(error, MissingExtra) or (isinstance(error, ModelError) and type(error) is not ModelError),
        refused_option=isinstance(error, InvalidOption),
        seconds=round(seconds, 3),
    )


def _in_words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {describe(error)}" if error.filename else describe(error)
    return str(error) or type(error).__name__


def _function(operation: str) -> Callable[..., Restored]:
    from jpegmend import restoration

    return restoration.upscale if operation == "upscale" else restoration.restore


def _make(task: Task, progress: Progress | None) -> dict[str, Any]:
    make, output = _function(task.operation), task.output
    check_place(task.target, overwrite=task.overwrite)
    if output.compare:
        check_place(compared_with(task.target), overwrite=task.overwrite)
    data = read_input(task.source, task.max_bytes) if task.data is None else task.data
    decoded = None
    if output.compare or output.reference:
        decoded = Pages(make, data, {**task.options, "strength": 0.0}, every=output.all_pages).first
    reference = None
    if decoded and output.reference:
        reference = read_reference(output.reference, decoded, task.max_bytes, task.options)
    pages = Pages(make, data, task.options, every=output.all_pages, progress=progress)
    restored = pages.first
    gain = measure(output.reference, reference, decoded, restored) if decoded and reference else None
    # Before the result: by a result that exists the next run would take the picture for done, without its comparison.
    compared = _compare(task, decoded, restored, gain) if decoded and output.compare else None
    try:
        with pages.stored():
            not_kept = save_result(restored, task.target, output, overwrite=task.overwrite, others=pages)
    except BaseException:
        if compared and not task.overwrite:
            compared.unlink(missing_ok=True)  # else the next run would refuse to write over it
        raise
    problem = pages.problem
    return {
        "error": problem and type(problem).__name__,
        "message": problem and str(problem),
        "report": {**restored.report.as_dict(), "warnings": pages.warnings},
        "not_kept": not_kept,
        "compared": compared,
        "gain": gain,
        "size": len(data),
        "sha256": sha256(data),
        "written": None if task.target == STANDARD else task.target.stat().st_size,
    }


def check_place(target: Path, *, overwrite: bool) -> None:
    """Check before the work that a result can be written, and make its folder; raises ``OutputError``."""
    if target == STANDARD:
        return
    from jpegmend.writing.atomic import check_target, make_folder

    make_folder(target.parent)
    check_target(target, overwrite=overwrite)


def save_result(
    restored: Restored, path: Path | BinaryIO, output: Output, *, overwrite: bool, others: Sequence[Restored] = ()
) -> tuple[str, ...]:
    """Write a result; returns descriptions of what the format does not hold.

    ``path`` may be :data:`STANDARD`, or a binary file; ``others`` are the pages after the first.
    """
    with _standard_output() if path == STANDARD else contextlib.nullcontext(path) as target:
        not_kept = restored.save(
            target,
            format=output.format or (None if isinstance(target, Path) else "png"),
            bits=output.bits,
            overwrite=overwrite,
            strip=output.strip,
            srgb=output.srgb,
            quality=output.quality,
            compression=output.compression,
            mark=output.mark,
            append=others,
        )
    return (*not_kept, *_lost_depth(restored, path, output))


class _InOrder(io.BufferedWriter):
    """A stream that says that it cannot be moved back: a file that the shell appends to takes all at its end."""

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Standard output with a buffer of its own: without one (PYTHONUNBUFFERED) a write may be cut short, untold."""
    sys.stdout.flush()
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except io.UnsupportedOperation:  # replaced by a stream in memory
        yield sys.stdout.buffer
        return
    with _InOrder(io.FileIO(descriptor, "wb")) as stream:
        yield stream


def _lost_depth(restored: Restored, path: Path | BinaryIO, output: Output) -> tuple[str, ...]:
    bits = restored.report.bits_read
    if bits == 8 or output.bits == 16:
        return ()
    if output.bits == 8:
        return (f"the {bits} bits a sample of the input; bits=16 keeps them in png and tiff",)
    deep = WRITTEN[_format(path, output)].deep
    return () if deep else (f"the {bits} bits a sample of the input; png and tiff hold them",)


def _format(path: Path | BinaryIO, output: Output) -> str:
    """The format of a result; raises ``OutputError`` where suffix and options name none, or two."""
    from jpegmend.writing import find_format

    return find_format(path if isinstance(path, Path) and path != STANDARD else None, output.format)


def _compare(task: Task, decoded: Restored, restored: Restored, gain: Gain | None) -> Path:
    from jpegmend.restoration.output_array import as_shown
    from jpegmend.writing import comparison

    beside = compared_with(task.target)
    # With ``orientation="keep"`` the pixels lie as in the file; beside each other no tag could turn them.
    before, after = (as_shown(each.to_array(8), each.metadata.orientation) for each in (decoded, restored))
    comparison.write(
        before,
        after,
        beside,
        labels=labels(restored.report.as_dict(), gain),
        icc=restored.metadata.icc,
        srgb=task.output.srgb or task.output.strip == "all",
        overwrite=task.overwrite,
    )
    return beside
