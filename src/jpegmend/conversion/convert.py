"""Writes weights of the authors as a network of the user's catalogue: safetensors, ONNX, card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend.adoption.adopt import check_name
from jpegmend.conversion import layouts
from jpegmend.errors import InvalidOption, ModelRefused, extra_needed
from jpegmend.weights import Card, read_card
from jpegmend.weights.card import write_card
from jpegmend.weights.catalogue import file_entry, user_folder

SOURCES: Mapping[str, Callable[[Path], layouts.Layout]] = {
    "dcsc-tf": layouts.dcsc_tf,
    "dncnn-mat": layouts.dncnn_mat,
    "arcnn-mat": layouts.arcnn_mat,
    "qcn": layouts.qcn,
}
"""Readers of the authors' files by the name of the layout."""


def convert(
    file: Path,
    source: str,
    name: str,
    *,
    licence: str = "",
    notes: str = "",
    values: tuple[float, float] | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda step: None,
) -> Card:
    """Put weights of the authors into the user's catalogue, as those of the network in ``jpegmend.models``.

    Args:
        file: the authors' file; of a TensorFlow checkpoint the ``.index``.
        source: a key of :data:`SOURCES`.
        name, licence, notes, overwrite, say: as for ``jpegmend.adoption.adopt``.
        values: those of black, 0, and white in the authors' program; None: 0 and 1, of QCN -1 and 1.

    Raises:
        MissingExtra: PyTorch, or scipy for MATLAB files, is not installed.
        InvalidOption: a name that cannot be used, or is taken; or a range for QCN, which takes -1..1.
        ModelRefused, WeightsDamaged: a file of another layout, or a broken one.
    """
    with extra_needed("conversion", "torch"):
        import torch

        from jpegmend import models
        from jpegmend.models import files
        from jpegmend.models.card_fields import card_fields
        from jpegmend.training.receptive_field import measured_halo
    folder = user_folder()
    check_name(name, overwrite=overwrite)
    say("reading the authors' file")
    layout = _in_range(_read_layout(file, source), values)
    for ours, theirs in layout.names.items():
        say(f"taking {ours} from {theirs}")
    spec = models.find(layout.network)
    config = spec.config(**layout.config)
    network = spec.build(config).eval()
    try:
        network.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in layout.tensors.items()})
    except RuntimeError as error:
        raise ModelRefused(f"{file.name} does not fit {spec.title}: {error}") from error
    record = card_fields(name, spec, config) | {"licence": licence, "notes": notes, "released": True}
    say("measuring the receptive field")
    record["halo"] = measured_halo(network, spec, config)
    say("writing the weights, and as ONNX")
    folder.mkdir(parents=True, exist_ok=True)
    with files.written_apart(folder, name) as base:
        weights, graph = (base.with_name(f"{name}.{kind}") for kind in ("safetensors", "onnx"))
        # In float32, as the authors' file has them.
        files.save_weights(weights, spec.name, config, network.state_dict(), {"licence": licence}, half=False)
        files.export_onnx(graph, network, spec, config, half=False)
        record |= _inputs(graph, record)
        record["files"] = {path.suffix[1:]: file_entry(path) for path in (weights, graph)}
    card = folder / f"{name}.json"
    write_card(card, record)
    return read_card(card)


def _read_layout(file: Path, source: str) -> layouts.Layout:
    try:
        return SOURCES[source](file)
    # What numpy raises for tensors of another number, shape or type than the layout has.
    except (ValueError, TypeError, LookupError) as error:
        raise ModelRefused(f"{file.name} is not laid out as {source}: {error}") from error


def _in_range(layout: layouts.Layout, values: tuple[float, float] | None) -> layouts.Layout:
    """The layout of the network for values of 0..1, given that for ``values`` of black and white.

    Convolutions and ReLU are homogeneous: with inputs and biases divided by 255 the outputs are too.
    """
    if values is None:
        return layout
    black, white = values
    if layout.network == "qgcn" or black:
        raise InvalidOption(
            f"a range of {black:g} to {white:g}; QCN takes -1 to 1, the others 0 to 1 or to 255: leave it out"
        )
    scaled = {
        key: value / np.float32(white) if key.endswith("bias") else value for key, value in layout.tensors.items()
    }
    return layout._replace(tensors=scaled)


def _inputs(graph: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The inputs that the graph reads; without an overview its tiles are exact."""
    from jpegmend.runtimes.onnx import open_session

    read = [entry.name for entry in open_session(graph, 1).get_inputs()]
    exact = record["tiling"] == "global" and "overview" not in read
    return {"inputs": read, "tiling": "exact" if exact else record["tiling"]}
