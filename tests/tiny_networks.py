"""Networks of a few numbers, written as ONNX with their cards: they prove what arrives where."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jpegmend.weights import Card, read_card


def write_card(folder: Path, name: str, graph_nodes: list[Any], constants: dict[str, np.ndarray], **facts: Any) -> Card:
    """A network of these nodes (from ``facts['inputs']`` to ``restored``) and its card."""
    facts = {"inputs": ["planes"], "planes": "ycbcr", "halo": 0, "multiple": 1, "bytes_per_pixel": 100.0, **facts}
    shapes = {
        "planes": [1, "C", "H", "W"],
        "tables": [1, "C", 8, 8],
        "sampling": [1, 2],
        "overview": [1, "C", 112, 112],
    }
    graph = helper.make_graph(
        graph_nodes,
        name,
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, shapes[each]) for each in facts["inputs"]],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, shapes["planes"])],
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
