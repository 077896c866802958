"""The fixed reference network of benchmarks: DnCNN-3's stack of layers, as ONNX.

Zhang et al., IEEE TIP 2017: 20 convolutions 3x3 with 64 channels, ReLU between, the input added at the end, batch
normalisation folded. The weights are random: only time is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from jpegmend.errors import extra_needed

LAYERS, CHANNELS = 20, 64
REFERENCE = f"DnCNN-3's stack of {LAYERS} layers with {CHANNELS} channels, random weights, one plane, ONNX Runtime"
REFERENCE_SIDE = 512
"""Side in pixels of the largest plane that the reference is timed on: its cost a pixel is constant."""


@cache
def reference_network(layers: int = LAYERS, channels: int = CHANNELS) -> bytes:
    """The reference stack as an ONNX file, [1, 1, H, W] to the same; the weights are random but fixed.

    Raises:
        MissingExtra: the package ``onnx`` is not installed.
    """
    with extra_needed("the reference stack", "torch"):
        from onnx import TensorProto, helper, numpy_helper
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
    from jpegmend.runtimes.onnx import import_onnxruntime

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return lambda width, height: session.run(None, {"x": np.full((1, 1, height, width), 0.5, np.float32)})
