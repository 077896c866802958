"""Small ONNX graphs as others export them: any names, ranges, precisions and sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Graph = tuple[list[Any], dict[str, np.ndarray]]
"""Nodes from ``x`` to ``y``, and constants."""


def write(
    path: Path,
    graph: Graph,
    *,
    channels: Any = 3,
    size: Sequence[Any] = ("h", "w"),
    half: bool = False,
    batch: Any = 1,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """A graph from the input ``x`` [batch, channels, *size] to the output ``y``; ``more`` for ``make_model``."""
    nodes, constants = graph
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    dtype = np.float16 if half else np.float32
    fixed = {key: value.astype(dtype) if value.dtype == np.float32 else value for key, value in constants.items()}
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "a graph",
            [helper.make_tensor_value_info("x", kind, [batch, channels, *size])],
            [helper.make_tensor_value_info("y", kind, None)],
            [numpy_helper.from_array(value, key) for key, value in fixed.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
        **(more or {}),
    )
    path.write_bytes(model.SerializeToString())
    return path


def identity() -> Graph:
    return [helper.make_node("Identity", ["x"], ["y"])], {}


def blur(radius: int, channels: int = 3, layers: int = 1, white: float = 1.0) -> Graph:
    """Adds a little of the pixels ``radius`` away. Right in one range only: clipped to 1, or rounded to levels."""
    kernel = np.zeros((channels, channels, 3, 3), np.float32)
    for channel in range(channels):
        kernel[channel, channel] = [[0.01, 0, 0.02], [0, 0.9, 0], [0.03, 0, 0.04]]
    nodes, last = [], "x"
    for layer in range(layers):
        target = f"layer{layer}"
        nodes.append(helper.make_node("Conv", [last, "kernel"], [target], pads=[radius] * 4, dilations=[radius] * 2))
        last = target
    if white > 1:
        nodes.append(helper.make_node("Round", [last], ["levels"]))
        last = "levels"
    nodes.append(helper.make_node("Clip", [last, "black", "white"], ["y"]))
    return nodes, {"kernel": kernel, "black": np.array(0, np.float32), "white": np.array(white, np.float32)}


def needs_multiple(multiple: int) -> Graph:
    """Pixels folded into channels and back, which fails where the sides are no multiples."""
    return [
        helper.make_node("SpaceToDepth", ["x"], ["folded"], blocksize=multiple),
        helper.make_node("DepthToSpace", ["folded"], ["y"], blocksize=multiple),
    ], {}


def brightness(share: float = 0.05) -> Graph:
    """Adds a share of the mean of the whole picture, as a network with a global branch does."""
    return [
        helper.make_node("ReduceMean", ["x", "sides"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "share"], ["part"]),
        helper.make_node("Add", ["x", "part"], ["y"]),
    ], {"sides": np.array([2, 3], np.int64), "share": np.array(share, np.float32)}


def threshold_of_brightness(share: float = 1e-3) -> Graph:
    """Adds ``share`` where the mean of the whole picture is above 0.7: a step that few pictures reach."""
    nodes, constants = brightness(share)
    nodes[1:1] = [helper.make_node("Sub", ["mean", "low"], ["less"]), helper.make_node("Round", ["less"], ["step"])]
    nodes[3].input[0] = "step"
    return nodes, {**constants, "low": np.array(0.2, np.float32)}


def node(operator: str, **facts: Any) -> Graph:
    """One node of any operator."""
    return [helper.make_node(operator, ["x"], ["y"], **facts)], {}


def with_model(path: Path, change: Callable[[Any], None]) -> Path:
    """The file with something of its protobuf changed."""
    model = onnx.load(path, load_external_data=False)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path
