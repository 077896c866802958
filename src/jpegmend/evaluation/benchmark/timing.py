"""Speed and memory of models beside the reference network, timed alternately in one run and given as ratios.

The reference runs on one plane of float32, without decoding; our times are of the whole of ``restore``, from JPEG bytes
in colour 4:2:0 to 8-bit pixels.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.benchmark import footprint
from jpegmend.evaluation.benchmark.reference import REFERENCE, REFERENCE_SIDE, reference_runner
from jpegmend.evaluation.benchmark.synthetic import synthetic_jpeg
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.methods_under_test import Method, find


def timed(work: Callable[[], Any]) -> float:
    """Seconds that one call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def benchmark(
    models: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    *,
    threads: int | None = None,
    runtime: str = "auto",
    repeats: int = 3,
    memory: bool = True,
    reference: bool = True,
) -> dict[str, Any]:
    """Time models and the reference alternately at several sizes; medians, after one warm-up each.

    Returns JSON-ready values: ``speed``, ``reference``, ``environment``. ``speed`` is a list of lines with ``what``,
    ``width``, ``height``, ``seconds``, ``seconds_per_megapixel``, ``times_reference`` (speed a pixel over that of the
    reference; None without it) and ``peak_mb`` (of a new process that does only this).

    Raises:
        InvalidOption: fewer than one repeat.
        ModelError: a model is unknown or has no weights.
    """
    if repeats < 1:
        raise InvalidOption(f"{repeats} repeats; at least 1")
    found: list[dict[str, Any]] = []
    for width, height in sizes:
        found += _one_size(models, width, height, {"threads": threads, "runtime": runtime}, repeats, memory, reference)
    facts = environment(threads=threads, runtime=runtime, repeats=repeats)
    return {"speed": found, "reference": REFERENCE if reference else "none", "environment": facts}


def _one_size(
    models: Sequence[str], width: int, height: int, how: dict[str, Any], repeats: int, memory: bool, reference: bool
) -> list[dict[str, Any]]:
    data = synthetic_jpeg(width, height)
    work: dict[str, Callable[[], Any]] = {}
    for name in models:
        method = Method(find(name), consistent=True)
        work[name] = lambda method=method: method.restore(data, **how)  # type: ignore[misc]
    side = (min(width, REFERENCE_SIDE), min(height, REFERENCE_SIDE))
    if reference:
        run = reference_runner(how["threads"])
        work["reference"] = lambda: run(*side)
    seconds = _alternately(work, repeats)
    pixels = {name: (side if name == "reference" else (width, height)) for name in work}
    base = seconds["reference"] / math.prod(side) if reference else None
    lines = []
    for name, took in seconds.items():
        area = math.prod(pixels[name])
        lines.append(
            {
                "what": name,
                "width": pixels[name][0],
                "height": pixels[name][1],
                "seconds": took,
                "seconds_per_megapixel": 1e6 * took / area,
                "times_reference": base * area / took if base else None,
                "peak_mb": peak(data, name, **how) if memory and name != "reference" else None,
            }
        )
    return lines


def _alternately(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each call; calls alternate, so that other load on the machine slows all of them alike."""
    for call in work.values():
        call()
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, call in work.items():
            took[name].append(timed(call))
    return {name: statistics.median(values) for name, values in took.items()}


def peak(data: bytes, model: str, **how: Any) -> float:
    """Peak resident memory in MB of a new process that restores one JPEG by the Python API."""
    with _temporary_file(data) as path:
        return footprint.measure("restore", str(path), json.dumps({"model": model, **how}))["peak_mb"]


def command(data: bytes, model: str) -> dict[str, float]:
    """Seconds with start, and peak memory in MB, of the whole command ``jpegmend FILE -o OUT --model MODEL``."""
    with _temporary_file(data) as path:
        words = [str(path), "-o", str(path.with_suffix(".png")), "--model", model, "--quiet"]
        found = footprint.measure("command", *words)
    return {"seconds": found["wall_seconds"], "peak_mb": found["peak_mb"]}


@contextmanager
def _temporary_file(data: bytes) -> Iterator[Path]:
    """Write a JPEG to a temporary file, which is deleted at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="jpegmend-") as folder:
        path = Path(folder) / "photo.jpg"
        path.write_bytes(data)
        yield path


def exponent(areas: Sequence[float], seconds: Sequence[float]) -> float:
    """The power with which time grows with area: the slope of a straight line through the logarithms.

    >>> round(exponent([1, 2, 4], [3, 6, 12]), 6)
    1.0
    """
    slope, _ = np.polyfit(np.log(areas), np.log(seconds), 1)
    return float(slope)
