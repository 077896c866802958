"""Work on one picture, done in a worker process: restoration, inspection, writing in another format.

Files of a job lie in its folder under fixed names: the input, the result, the restored pixels for further formats, the
decoded picture and the map of change.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.batch import messages
from jpegmend.batch.fitting import fitting
from jpegmend.batch.inputs import read_input
from jpegmend.batch.limited import limited
from jpegmend.batch.pages import Pages
from jpegmend.batch.settings import Output
from jpegmend.batch.work import save_result
from jpegmend.errors import JpegmendError
from jpegmend.formats import WRITTEN

if TYPE_CHECKING:
    from jpegmend.restoration import Restored

INPUT, DECODED, CHANGE = "input", "decoded.png", "change.png"
"""Names of files in the folder of a job."""
_KEPT = "restored-{}.pickle"
"""Name of the file of a restored page."""

SHOWN_CHANGE = 32
"""Difference in levels of 8 bits, 0..255, from which the map of change has its last colour."""
_NICE = 5
"""Added to the niceness of workers, so that the service answers while they compute."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A picture to restore."""

    folder: Path
    options: Mapping[str, Any]
    """Arguments for ``jpegmend.restore``."""
    output: Output
    max_bytes: int
    compare: bool = False
    """Whether the decoded picture and the map of change are written too."""
    keep: bool = False
    """Whether the restored pixels are kept for :func:`write_again`."""


def result_name(output: Output) -> str:
    """Name of the file of a result; it differs wherever the bytes may.

    >>> result_name(Output(format="webp", quality=80))
    'result-80-None-None-False-False-False.webp'
    """
    facts = (output.quality, output.bits, output.compression, output.strip, output.srgb, output.mark)
    return "result-" + "-".join(map(str, facts)) + WRITTEN[output.format or "png"].suffixes[0]


def restore_picture(order: Order) -> dict[str, Any]:
    """Restore the input and write the result; returns the report and what is known of the change."""
    _be_nice()
    with _folder_of_job(order.folder), limited(), fitting(order.output.format or "png"):
        return _restore(order)


def _restore(order: Order) -> dict[str, Any]:
    from jpegmend.restoration import restore

    data = read_input(order.folder / INPUT, order.max_bytes)
    options = {**order.options, "progress": lambda done, total: messages.send((done, total))}
    pages = Pages(_keeping(order, restore), data, options, every=order.output.all_pages)
    restored = pages.first
    target = order.folder / result_name(order.output)
    with pages.stored():
        not_kept = save_result(restored, target, order.output, overwrite=True, others=pages)
    warnings = [*pages.warnings, *([str(pages.problem)] if pages.problem else [])]
    report = {**restored.report.as_dict(), "warnings": warnings}
    made: dict[str, Any] = {"report": report, "not_kept": list(not_kept)}
    if order.compare:
        plain = {**order.options, "strength": 0.0, "consistent": None, "bits": 8}
        decoded = Pages(restore, data, plain, every=order.output.all_pages).first
        decoded.save(order.folder / DECODED, format="png", bits=8, overwrite=True)
        made["change"] = _write_change(decoded.to_array(8), restored.to_array(8), order.folder / CHANGE)
    return made


def write_again(folder: Path, output: Output) -> list[str]:
    """Write a restored picture in another format; returns descriptions of what the format does not hold."""
    _be_nice()
    with _folder_of_job(folder):
        first = _kept(folder, 1)
        others = _KeptPages(folder, len(list(folder.glob(_KEPT.format("*")))) if output.all_pages else 1)
        return list(save_result(first, folder / result_name(output), output, overwrite=True, others=others))


def _keeping(order: Order, make: Callable[..., Restored]) -> Callable[..., Restored]:
    """A function that restores, and keeps each page in the job's folder where that is asked for."""
    numbers = itertools.count(1)

    def make_and_keep(data: bytes, **options: Any) -> Restored:
        restored = make(data, **options)
        if order.keep:
            _keep(restored, order.folder, next(numbers))
        return restored

    return make_and_keep


class _KeptPages(Sequence[Any]):
    """The pages after the first of a file with ``count`` pages, as they were kept."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count

    def __len__(self) -> int:
        return self._count - 1

    def __getitem__(self, number: Any) -> Any:
        if number >= len(self):
            raise IndexError(number)
        return _kept(self._folder, number + 2)


def _keep(restored: Restored, folder: Path, page: int) -> None:
    with (folder / _KEPT.format(page)).open("wb") as stream:
        pickle.dump(restored, stream, protocol=5)


def _kept(folder: Path, page: int) -> Restored:
    with (folder / _KEPT.format(page)).open("rb") as stream:
        restored: Restored = pickle.load(stream)  # written by _keep, in a folder of this user alone
    return restored


def inspect_picture(path: Path, max_bytes: int, max_pixels: int) -> dict[str, Any]:
    """Facts of a picture file, as plain values."""
    from jpegmend.restoration.inspection import inspect

    _be_nice()
    with _folder_of_job(path.parent):
        return inspect(read_input(path, max_bytes), max_pixels=max_pixels).as_dict()


@contextlib.contextmanager
def _folder_of_job(folder: Path) -> Iterator[None]:
    """Raise ``FileNotFoundError``, an error of the service, where a picture failed because the folder was removed."""
    try:
        yield
    except JpegmendError as error:
        if folder.exists():
            raise
        raise FileNotFoundError("the folder of a job was removed, as by a clean-up of the cache") from error


def prepare(model: str, threads: int) -> None:
    """Load a network, so that the first picture does not wait for it."""
    from jpegmend import weights
    from jpegmend.runtimes import open_runtime

    _be_nice()
    open_runtime(weights.find(model), threads=threads)


@functools.cache
def _be_nice() -> None:
    """Lower the priority of this process, once."""
    if hasattr(os, "nice"):
        os.nice(_NICE)


def _write_change(before: NDArray[Any], after: NDArray[Any], path: Path) -> dict[str, float]:
    """Write the map of change, the largest difference of a pixel's samples; returns mean and largest difference.

    Both pictures are uint8 of one shape.
    """
    from PIL import Image

    largest = np.empty(before.shape[:2], np.uint8)
    total = 0
    for top in range(0, before.shape[0], 256):  # in strips: differences of a whole picture would be its largest copy
        rows = slice(top, top + 256)
        change = np.abs(before[rows].astype(np.int16) - after[rows])
        total += int(change.sum(dtype=np.int64))
        largest[rows] = change if change.ndim == 2 else change.max(2)
    image = Image.fromarray(largest)
    image.putpalette(_palette().tobytes())
    image.save(path, "PNG", compress_level=1)
    return {"mean": round(total / before.size, 3), "largest": int(largest.max()), "shown": SHOWN_CHANGE}


def _palette() -> NDArray[np.uint8]:
    """256 colours from dark blue by violet and orange to pale yellow; the last is reached at :data:`SHOWN_CHANGE`."""
    points = np.array([(12, 14, 34), (84, 26, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float64)
    place = np.minimum(np.arange(256) / SHOWN_CHANGE, 1) * (len(points) - 1)
    return np.stack([np.interp(place, range(len(points)), channel) for channel in points.T], 1).round().astype(np.uint8)
