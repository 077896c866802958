"""Tiny networks with known results, written as ONNX with their cards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jpegmend.weights import Card, read_card


def write_card(
    folder: Path,
    name: str,
    graph_nodes: list[Any],
    constants: dict[str, np.ndarray],
    outputs: Mapping[str, list[Any]] = MappingProxyType({}),
    **facts: Any,
) -> Card:
    """A network of these nodes (from ``facts['inputs']`` to ``restored`` and ``outputs``, with shapes) and its card."""
    facts = {"inputs": ["planes"], "planes": "ycbcr", "halo": 0, "multiple": 1, "bytes_per_pixel": 100.0, **facts}
    shapes = {
        "planes": [1, "C", "H", "W"],
        "tables": [1, "C", 8, 8],
        "sampling": [1, 2],
        "overview": [1, "C", 112, 112],
        "quality": [1],
        "restored": [1, "C", *(["sH", "sW"] if facts.get("scale", 1) > 1 else ["H", "W"])],
        **outputs,
    }
    graph = helper.make_graph(
        graph_nodes,
        name,
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, shapes[each]) for each in facts["inputs"]],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, shapes[each]) for each in ("restored", *outputs)],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    card = {
        "name": name,
        "network": "mend",
        "title": "a test network",
        "released": True,
        "files": {"onnx": {"file": f"{name}.onnx", "sha256": hashlib.sha256(data).hexdigest()}},
        **facts,
    }
    (folder / f"{name}.json").write_text(json.dumps(card))
    return read_card(folder / f"{name}.json")


def identity(folder: Path, **facts: Any) -> Card:
    """Answers what it is given."""
    node = helper.make_node("Identity", ["planes"], ["restored"])
    return write_card(folder, "identity", [node], {}, **facts)


def gain(folder: Path, factor: float, **facts: Any) -> Card:
    """Multiplies."""
    node = helper.make_node("Mul", ["planes", "factor"], ["restored"])
    return write_card(folder, "gain", [node], {"factor": np.array(factor, np.float32)}, **facts)


def blur(folder: Path, radius: int = 6, layers: int = 2, **facts: Any) -> Card:
    """Random convolutions with a known receptive field, zero padded as real networks are; not symmetric."""
    channels = 1 if facts.get("planes") == "y" else 3
    random = np.random.default_rng(3)
    nodes, constants, last = [], {}, "planes"
    for layer in range(layers):
        size = 2 * radius + 1
        kernel = random.uniform(0, 1, (channels, channels, size, size))
        kernel /= kernel.sum((1, 2, 3), keepdims=True)
        constants[f"kernel{layer}"] = kernel.astype(np.float32)
        target = "restored" if layer == layers - 1 else f"features{layer}"
        nodes.append(helper.make_node("Conv", [last, f"kernel{layer}"], [target], pads=[radius] * 4))
        last = target
    return write_card(folder, "blur", nodes, constants, halo=radius * layers, **facts)


def enlarger(folder: Path, factor: int, mode: str = "nearest", **facts: Any) -> Card:
    """Repeats every pixel, or with ``mode="linear"`` interpolates; the card says scale 3."""
    node = helper.make_node(
        "Resize",
        ["planes", "", "factors"],
        ["restored"],
        mode=mode,
        nearest_mode="floor",
        coordinate_transformation_mode="half_pixel" if mode == "linear" else "asymmetric",
    )
    constants = {"factors": np.array([1, 1, factor, factor], np.float32)}
    return write_card(folder, "enlarger", [node], constants, **{"scale": 3, "planes": "y", "halo": 1, **facts})


def teller(folder: Path, **facts: Any) -> Card:
    """Adds, to each plane, its table's mean over 1000, and 0.01 and 0.002 times the sampling."""
    nodes = [
        helper.make_node("ReduceMean", ["tables", "sides"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "thousandth"], ["small"]),
        helper.make_node("Mul", ["sampling", "hundredths"], ["parts"]),
        helper.make_node("ReduceSum", ["parts"], ["told"], keepdims=0),
        helper.make_node("Add", ["planes", "small"], ["shifted"]),
        helper.make_node("Add", ["shifted", "told"], ["restored"]),
    ]
    constants = {
        "sides": np.array([2, 3], np.int64),
        "thousandth": np.array(0.001, np.float32),
        "hundredths": np.array([[0.01, 0.002]], np.float32),
    }
    inputs = ["planes", "tables", "sampling"]
    return write_card(folder, "teller", nodes, constants, **{"inputs": inputs, **facts})


def mean_of_overview(folder: Path, **facts: Any) -> Card:
    """Every pixel becomes the mean of the overview's plane."""
    nodes = [
        helper.make_node("ReduceMean", ["overview", "sides"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["planes", "nothing"], ["empty"]),
        helper.make_node("Add", ["empty", "mean"], ["restored"]),
    ]
    constants = {"sides": np.array([2, 3], np.int64), "nothing": np.array(0.0, np.float32)}
    return write_card(
        folder, "overview", nodes, constants, inputs=["planes", "overview"], **{"tiling": "global", **facts}
    )


def judge(folder: Path, **facts: Any) -> Card:
    """Answers what it is given; its quality is 100 times the mean of the first plane.

    Traces: ``half`` is planes at half the size by box means, ``ends`` has two parts, planes and their squares, and
    ``mean`` is the mean of each plane, a vector.
    """
    nodes = [
        helper.make_node("Identity", ["planes"], ["restored"]),
        helper.make_node("Slice", ["planes", "zero", "one", "one"], ["first"]),
        helper.make_node("ReduceMean", ["first", "all"], ["brightness"], keepdims=0),
        helper.make_node("Mul", ["brightness", "hundred"], ["estimated_quality"]),
        helper.make_node("AveragePool", ["planes"], ["trace_half_0"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Identity", ["planes"], ["trace_ends_0"]),
        helper.make_node("Mul", ["planes", "planes"], ["trace_ends_1"]),
        helper.make_node("ReduceMean", ["planes", "sides"], ["trace_mean_0"], keepdims=0),
    ]
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "all": np.array([1, 2, 3], np.int64),
        "sides": np.array([2, 3], np.int64),
        "hundred": np.array(100.0, np.float32),
    }
    outputs = {
        "estimated_quality": [1],
        "trace_half_0": [1, "C", "h", "w"],
        "trace_ends_0": [1, "C", "H", "W"],
        "trace_ends_1": [1, "C", "H", "W"],
        "trace_mean_0": [1, "C"],
    }
    return write_card(folder, "judge", nodes, constants, outputs, **facts)


def blind(folder: Path, **facts: Any) -> Card:
    """Adds a thousandth of the quality it is told; its own quality is 100 times the mean of the planes."""
    nodes = [
        helper.make_node("Mul", ["quality", "thousandth"], ["shift"]),
        helper.make_node("Add", ["planes", "shift"], ["restored"]),
        helper.make_node("ReduceMean", ["planes", "all"], ["brightness"], keepdims=0),
        helper.make_node("Mul", ["brightness", "hundred"], ["estimated_quality"]),
    ]
    constants = {
        "thousandth": np.array(0.001, np.float32),
        "all": np.array([1, 2, 3], np.int64),
        "hundred": np.array(100.0, np.float32),
    }
    outputs = {"estimated_quality": [1]}
    facts = {"inputs": ["planes", "quality"], "quality_from": "middle", **facts}
    return write_card(folder, "blind", nodes, constants, outputs, **facts)
