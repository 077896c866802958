"""Weights files (safetensors): tensors in half precision, with the network's name and config in the header.

Nothing is unpickled, and nothing is inferred from shapes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from jpegmend import models
from jpegmend.errors import InvalidOption, NotExportable, WeightsDamaged, WeightsMissing
from jpegmend.models.contract import Observation, Spec, make_config
from jpegmend.runtimes.onnx import PLANES, QUALITY, TRACE
from jpegmend.writing.atomic import write_bytes

FORMAT = "jpegmend-1"


def build(spec: Spec, config: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights from plain hyper-parameters (lists stand for tuples, as in JSON)."""
    try:
        return spec.build(make_config(spec.config, config))
    except TypeError as error:
        raise WeightsDamaged(f"config of {spec.name}: {error}; written by another version?") from error


def save_weights(
    path: Path,
    name: str,
    config: Any,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    *,
    half: bool = True,
) -> None:
    """Write ``tensors`` in half precision, with the network's name, config and ``facts`` (recipe, data) as header.

    The same weights and facts give the same bytes. Without ``half`` tensors keep their precision.
    """
    header = {
        "format": FORMAT,
        "network": name,
        "config": json.dumps(dataclasses.asdict(config)),
        **{key: json.dumps(value) for key, value in facts.items()},
    }
    stored = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in tensors.items()
    }
    write_bytes(path, _in_order(save(stored, header)))


@contextmanager
def written_apart(folder: Path, name: str) -> Iterator[Path]:
    """Gives the path of weights files without their suffixes, apart from ``folder``; they are moved there at the end.

    So a failure leaves no files, and earlier ones of this name as they were.
    """
    with TemporaryDirectory(dir=folder, prefix=f".{name}.") as apart:
        yield Path(apart) / name
        for file in list(Path(apart).iterdir()):
            file.replace(folder / file.name)


def _in_order(data: bytes) -> bytes:
    """The safetensors file with a sorted header: the library's order differs between runs, and with it the checksum."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def load_weights(path: Path, changes: Mapping[str, Any] | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a weights file, float32 and in evaluation mode, and the file's header.

    ``changes`` gives hyper-parameters other values than the file's, in the header too. Raises
    :class:`~jpegmend.errors.WeightsDamaged` for a file that is broken, foreign or of another shape, and
    :class:`~jpegmend.errors.InvalidOption` where a change is none of the network's ``Spec.free``.
    """
    wide, facts = read_tensors(path)
    spec = models.find(facts["network"])
    if fixed := sorted(set(changes or {}) - set(spec.free)):
        free = ", ".join(spec.free) or "none"
        raise InvalidOption(f"{', '.join(fixed)}: trained weights of {spec.name} have one value; changeable: {free}")
    facts["config"] |= changes or {}
    network = build(spec, facts["config"])
    try:
        network.load_state_dict(wide, strict=True)
    except RuntimeError as error:
        raise WeightsDamaged(f"{path} does not fit {spec.name}: {misfit(wide, network)}") from error
    return network.eval(), facts


def misfit(tensors: Mapping[str, Tensor], network: nn.Module) -> str:
    """In what ``tensors`` differ from those of a network: the first difference, and how many more there are."""
    wanted = network.state_dict()
    found = [f"there is no tensor {name}" for name in wanted if name not in tensors]
    found += [
        f"{name} is {list(tensors[name].shape)}, {list(tensor.shape)} is wanted"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    found += [f"{name} is no tensor of it" for name in tensors if name not in wanted]
    more = f" (and {len(found) - 1} more differences)" if len(found) > 1 else ""
    return "".join(found[:1]) + more


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a weights file, float32, and its header; WeightsDamaged for one that is broken or foreign.

    Raises :class:`~jpegmend.errors.WeightsMissing` where there is no such file.
    """
    if not path.is_file():
        raise WeightsMissing(f"{path} is no file; give the path of weights that jpegmend wrote, NAME.safetensors")
    try:
        with safe_open(path, "pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise WeightsDamaged(
            f"{path}: {error}; give a safetensors file that jpegmend wrote, or fetch it again"
        ) from error
    if header.get("format") != FORMAT:
        raise WeightsDamaged(f"{path}: format {header.get('format')!r}; only {FORMAT!r} is read")
    facts = {key: value if key in {"format", "network"} else json.loads(value) for key, value in header.items()}
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}, facts


class _ForExport(nn.Module):
    """Wrapper for the ONNX exporter: takes the tensors that the spec names and returns a tuple of tensors.

    These are the planes, the quality if the network estimates one, and the requested traces.
    """

    def __init__(self, network: nn.Module, inputs: tuple[str, ...], traces: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.inputs, self.traces = network, inputs, traces

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.inputs, tensors, strict=True))
        # An input that the network does not read gets the planes as a dummy tensor.
        dummies = dict.fromkeys(("planes", "tables", "sampling"), given["planes"])
        estimate = self.network(Observation(**{**dummies, **given}), collect=bool(self.traces))
        quality = () if estimate.quality is None else (estimate.quality,)
        return (estimate.planes, *quality, *(part for name in self.traces for part in estimate.traces[name]))


@torch.no_grad()
def _output_names(network: nn.Module, seen: Observation, traces: tuple[str, ...]) -> list[str]:
    """Names of the outputs of :class:`_ForExport`, as :mod:`jpegmend.runtimes.onnx` expects them."""
    estimate = network(seen, collect=bool(traces))
    if unknown := [name for name in traces if name not in estimate.traces]:
        there = ", ".join(estimate.traces) or "none"
        raise NotExportable(f"no trace {unknown[0]!r} in this network; there: {there}")
    quality = [] if estimate.quality is None else [QUALITY]
    numbered = [f"{TRACE}{name}_{index}" for name in traces for index, _ in enumerate(estimate.traces[name])]
    return [PLANES, *quality, *numbered]


def example(spec: Spec, config: Any, height: int = 64, width: int = 64, batch: int = 1) -> Observation:
    """A random observation of the right shape for a network; sides in pixels."""
    C = 1 if spec.planes(config) == "y" else 3
    generator = torch.Generator().manual_seed(0)
    return Observation(
        torch.rand(batch, C, height, width, generator=generator),
        torch.randint(1, 100, (batch, C, 8, 8), generator=generator).float(),
        torch.tensor([[2.0, 2.0] if C == 3 else [0.0, 0.0]] * batch),
        torch.rand(batch, C, 112, 112, generator=generator),
        torch.randint(1, 100, (batch,), generator=generator).float(),
    )


def export_onnx(
    path: Path, network: nn.Module, spec: Spec, config: Any, traces: Sequence[str] = (), *, half: bool = True
) -> None:
    """Write the network as ONNX, height and width free, weights in half precision and arithmetic in float32.

    Without ``half`` weights are stored in float32.

    Its outputs are the planes, the quality if the network estimates one, and the named ``traces``. Traces cost time in
    every run of the graph, requested or not.

    Raises :class:`~jpegmend.errors.NotExportable` where a trace is not one of the network's.
    """
    from jpegmend.models import integers, onnx_file

    seen = example(spec, config, 96, 128)
    # The names do not depend on the size; attention costs the square of it.
    outputs = _output_names(network.eval(), example(spec, config, 32, 32), tuple(traces))
    tensors = tuple(getattr(seen, name) for name in spec.inputs)
    exported = _ForExport(integers.frozen(network), spec.inputs, tuple(traces))
    onnx_file.write(path, exported, tensors, spec.inputs, outputs, half=half)
