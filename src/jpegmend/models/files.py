"""Weights on disk: tensors in half precision, and in the header everything needed to build the network again.

Nothing is unpickled and nothing is guessed from shapes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from jpegmend import models
from jpegmend.errors import NotExportable, WeightsDamaged
from jpegmend.models.contract import Observation, Spec

FORMAT = "jpegmend-1"


def build(spec: Spec, config: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights from plain hyper-parameters (lists stand for tuples, as in JSON)."""
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    try:
        return spec.build(spec.config(**plain))
    except TypeError as error:
        raise WeightsDamaged(f"config of {spec.name}: {error}; written by another version?") from error


def save_weights(path: Path, spec: Spec, config: Any, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write ``tensors`` in half precision, with config and ``facts`` (recipe, data, licence) as header.

    The same weights and facts give the same bytes.
    """
    header = {
        "format": FORMAT,
        "network": spec.name,
        "config": json.dumps(dataclasses.asdict(config)),
        **{key: json.dumps(value) for key, value in facts.items()},
    }
    halved = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in tensors.items()
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(_in_order(save(halved, header)))
    partial.replace(path)


def _in_order(data: bytes) -> bytes:
    """The same safetensors file with its header sorted: the library's order changes from one run to the next, and
    with it the checksum by which weights are known.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def load_weights(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a weights file, float32 and in evaluation mode, and the file's header.

    Raises :class:`~jpegmend.errors.WeightsDamaged` for a file that is broken, foreign or of another shape.
    """
    try:
        with safe_open(path, "pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise WeightsDamaged(f"{path}: {error}; fetch the file again") from error
    if header.get("format") != FORMAT:
        raise WeightsDamaged(f"{path}: format {header.get('format')!r}; only {FORMAT!r} is read")
    facts = {key: value if key in {"format", "network"} else json.loads(value) for key, value in header.items()}
    network = build(models.find(facts["network"]), facts["config"])
    wide = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    try:
        network.load_state_dict(wide, strict=True)
    except RuntimeError as error:
        raise WeightsDamaged(f"{path}: {error}") from error
    return network.eval(), facts


class _PlanesOnly(nn.Module):
    """A network whose arguments are the fields its spec names and whose answer is the planes alone."""

    def __init__(self, network: nn.Module, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.inputs = network, inputs

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.inputs, tensors, strict=True))
        # A field that the network does not read stands for nothing; the planes stand in for it.
        blank = dict.fromkeys(("planes", "tables", "sampling"), given["planes"])
        planes: Tensor = self.network(Observation(**{**blank, **given})).planes
        return planes


def example(spec: Spec, config: Any, height: int = 64, width: int = 64, batch: int = 1) -> Observation:
    """A random observation of the right shape for a network; sides in pixels."""
    C = 1 if spec.planes(config) == "y" else 3
    generator = torch.Generator().manual_seed(0)
    return Observation(
        torch.rand(batch, C, height, width, generator=generator),
        torch.randint(1, 100, (batch, C, 8, 8), generator=generator).float(),
        torch.tensor([[2.0, 2.0] if C == 3 else [0.0, 0.0]] * batch),
        torch.rand(batch, C, 112, 112, generator=generator),
    )


def export_onnx(path: Path, network: nn.Module, spec: Spec, config: Any) -> None:
    """Write the network as ONNX, height and width free, weights in half precision and arithmetic in float32.

    Raises :class:`~jpegmend.errors.NotExportable` where the spec says that this network has no ONNX form.
    """
    if not spec.exportable:
        raise NotExportable(f"{spec.name} cannot be written as ONNX; use the PyTorch runtime")
    from jpegmend.models import onnx_file

    seen = example(spec, config, 96, 128)
    tensors = tuple(getattr(seen, name) for name in spec.inputs)
    onnx_file.write(path, _PlanesOnly(network.eval(), spec.inputs), tensors, spec.inputs)
