"""ONNX export: the graph by PyTorch's exporter, with large constants stored in half precision."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jpegmend.writing.atomic import write_bytes

_SMALL = 16
"""Number of elements below which constants stay in float32: shapes, scales and axes."""


def write(
    path: Path,
    network: nn.Module,
    tensors: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    half: bool = True,
) -> None:
    """Export ``network(*tensors)`` with these names of inputs and outputs; H and W of the planes are free.

    With ``half`` weights are stored in half precision.
    """
    import onnx

    free = tuple({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO} if name == "planes" else {} for name in inputs)
    with _quiet_exporter(), torch.no_grad():
        program = torch.onnx.export(
            network,
            tensors,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=(free,),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto  # type: ignore[union-attr]
    if half:
        model = halve_constants(model)
    forget_origins(model)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Suppress warnings, and set the log level of PyTorch's exporter to errors; both are restored afterwards."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def forget_origins(model: Any) -> None:
    """Remove the exporter's metadata, which holds source lines and paths of the exporting machine."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def halve_constants(model: Any) -> Any:
    """Store float32 weights as float16 followed by a cast; a runtime folds the casts when it loads the graph."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    # A runtime joins convolutions with the operators of integers round them before it folds casts.
    steps = {node.input[1] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.size < _SMALL or initializer.name in steps:
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
