"""Speed and memory, side by side in one run: models against a fixed reference stack of layers, as ratios.

The reference is DnCNN-3's stack (Zhang et al., IEEE TIP 2017): 20 convolutions 3x3, 64 channels, ReLU between, the
input added at the end, batch normalisation folded, random weights. It runs on one plane of float32, without decoding;
our times are of the whole of ``restore``, from JPEG bytes in colour 4:2:0 to 8-bit pixels.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from jpegmend.errors import InvalidOption, MissingExtra
from jpegmend.evaluation.benchmark import footprint
from jpegmend.evaluation.measure.degrade_and_score import encode
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.methods_under_test import Method, find

LAYERS, CHANNELS = 20, 64
REFERENCE = f"DnCNN-3's stack of {LAYERS} layers with {CHANNELS} channels, random weights, one plane, ONNX Runtime"
REFERENCE_SIDE = 512
"""The reference is timed up to this side only: it takes seconds a megapixel, and its cost a pixel is constant."""

TILE = 512


def photo(width: int, height: int) -> Any:
    """RGB uint8 [H, W, 3] that costs a codec about what a photo does: soft shapes, edges, a little grain."""
    rows, columns = np.mgrid[:TILE, :TILE].astype(np.float32)
    noise = np.random.default_rng(0)
    waves = [np.sin(rows / (31 + 9 * c)) * np.cos(columns / (47 - 8 * c)) for c in range(3)]
    edges = 40.0 * ((np.hypot(rows - 250, columns - 260) < 140) ^ (rows + 2 * columns > 900))
    tile = np.stack([128 + 60 * wave + edges for wave in waves], -1) + noise.normal(0, 4, (TILE, TILE, 1))
    tile = np.clip(tile, 0, 255).astype(np.uint8)
    # Mirrored, so that no tile border is an edge.
    pair = np.concatenate([tile, tile[:, ::-1]], 1)
    block = np.concatenate([pair, pair[::-1]], 0)
    repeats = (math.ceil(height / len(block)), math.ceil(width / len(block)), 1)
    return np.tile(block, repeats)[:height, :width]


def synthetic_jpeg(width: int, height: int, *, quality: int = 30, sampling: str = "4:2:0") -> bytes:
    """A colour JPEG of ``photo`` made by Pillow."""
    return encode(photo(width, height), quality, sampling)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height: ``512`` or ``4000x3000``.

    Raises:
        InvalidOption: neither.

    >>> parse_size("512"), parse_size("4000x3000")
    ((512, 512), (4000, 3000))
    """
    parts = text.lower().split("x")
    if not all(part.isdigit() and int(part) > 0 for part in parts) or len(parts) > 2:
        raise InvalidOption(f"size {text!r}; give a side, 512, or width and height, 4000x3000")
    return int(parts[0]), int(parts[-1])


@cache
def reference_network(layers: int = LAYERS, channels: int = CHANNELS) -> bytes:
    """The reference stack as an ONNX file, [1, 1, H, W] to the same; the weights are random but fixed.

    Raises:
        MissingExtra: the package ``onnx`` is not installed.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise MissingExtra("the reference stack needs onnx; pip install 'jpegmend[torch]'") from error
    random = np.random.default_rng(0)
    nodes, weights, flowing = [], [], "x"
    for layer in range(layers):
        ins, outs = 1 if layer == 0 else channels, 1 if layer == layers - 1 else channels
        kernel = random.normal(0, math.sqrt(2 / (9 * ins)), (outs, ins, 3, 3)).astype(np.float32)
        weights += [numpy_helper.from_array(kernel, f"w{layer}")]
        weights += [numpy_helper.from_array(np.zeros(outs, np.float32), f"b{layer}")]
        inputs = [flowing, f"w{layer}", f"b{layer}"]
        nodes.append(helper.make_node("Conv", inputs, [f"c{layer}"], pads=[1] * 4, kernel_shape=[3, 3]))
        flowing = f"c{layer}"
        if layer < layers - 1:
            nodes.append(helper.make_node("Relu", [flowing], [f"r{layer}"]))
            flowing = f"r{layer}"
    nodes.append(helper.make_node("Add", ["x", flowing], ["y"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "H", "W"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "reference", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def reference_runner(threads: int | None) -> Callable[[int, int], Any]:
    """A callable on width and height that runs the reference once, with ONNX Runtime.

    Raises:
        MissingExtra: the package ``onnx`` is not installed.
    """
    network = reference_network()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return lambda width, height: session.run(None, {"x": np.full((1, 1, height, width), 0.5, np.float32)})


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
    """Time models and the reference by turns, on the same sizes, on this machine; medians, after one warm-up each.

    Returns JSON-ready values: ``speed``, a list of lines with ``what``, ``width``, ``height``, ``seconds``,
    ``seconds_per_megapixel``, ``times_reference`` (how many times as fast a pixel as the reference; None without
    it) and ``peak_mb`` (of a fresh process that does only this), ``reference``, ``environment``.

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
    seconds = _by_turns(work, repeats)
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


def _by_turns(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Medians of each, run by turns so that a slow minute of the machine meets all alike."""
    for call in work.values():
        call()
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, call in work.items():
            took[name].append(timed(call))
    return {name: statistics.median(values) for name, values in took.items()}


def peak(data: bytes, model: str, **how: Any) -> float:
    """Peak resident memory in MB of a fresh process that restores one JPEG by the API."""
    with _kept(data) as path:
        return footprint.measure("restore", str(path), json.dumps({"model": model, **how}))["peak_mb"]


def command(data: bytes, model: str) -> dict[str, float]:
    """Seconds with start, and peak memory in MB, of the whole command ``jpegmend FILE -o OUT --model MODEL``."""
    with _kept(data) as path:
        words = [str(path), "-o", str(path.with_suffix(".png")), "--model", model, "--quiet"]
        found = footprint.measure("command", *words)
    return {"seconds": found["wall_seconds"], "peak_mb": found["peak_mb"]}


@contextmanager
def _kept(data: bytes) -> Iterator[Path]:
    """A JPEG as a file, for as long as the block lasts."""
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


def squares(smallest: float, largest: float, count: int) -> Iterator[tuple[int, int]]:
    """Sides of squares from ``smallest`` to ``largest`` megapixels, evenly spaced on a logarithmic scale."""
    for area in np.geomspace(smallest, largest, count):
        side = max(16, round(math.sqrt(area * 1e6) / 16) * 16)
        yield side, side
