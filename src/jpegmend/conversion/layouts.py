"""Layouts of the authors' files: which tensor of theirs is which of ours.

Facts of layout were taken from the published programs; sources stand with each function. Shape letters: O output
channels, I input channels, H W rows and columns of a kernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegmend.conversion.matlab import read_matlab
from jpegmend.conversion.tensorflow_checkpoint import read_checkpoint
from jpegmend.errors import ModelRefused

Tensors = dict[str, NDArray[np.float32]]


class Layout(NamedTuple):
    """Weights in the layout of ours."""

    network: str
    """Its name in ``jpegmend.models.NETWORKS``."""
    config: dict[str, Any]
    """Hyper-parameters that the tensors decide."""
    tensors: Tensors
    names: Mapping[str, str] = {}
    """Their name of each of our tensors, where it was not stated by the layout but concluded."""


def dcsc_tf(file: Path) -> Layout:
    """DCSC's TensorFlow checkpoint (Fu et al., ICCV 2019; the errata's model has 3 x 48 features, 128 filters).

    Kernels are [H, W, I, O]. Tensors are told apart by their shapes, because names follow from the order of calls:
    three kernels of the features in the order of their names (dilations 1, 2, 4), G, S and W_R. Biases of the features
    are taken in the order of their names too.
    """
    found = {name: value for name, value in read_checkpoint(file).items() if not _is_of_optimiser(name)}
    kernels = {name: value for name, value in sorted(found.items(), key=_natural) if value.ndim == 4}
    biases = {name: value for name, value in sorted(found.items(), key=_natural) if value.ndim == 1}
    shapes = {name: value.shape[2:] for name, value in kernels.items()}
    extract = [name for name, (inputs, _) in shapes.items() if inputs in (1, 3)]
    if len(extract) != 3 or len({shapes[name] for name in extract}) != 1:
        raise ModelRefused(f"{file.name}: {len(extract)} kernels read the picture; DCSC has three of one width")
    channels, features = shapes[extract[0]]
    G = _one(file, "G", [name for name, (inputs, _) in shapes.items() if inputs == 3 * features])
    filters = shapes[G][1]
    S = _one(file, "S", [name for name, shape in shapes.items() if shape == (filters, filters) and name != G])
    last = _one(file, "W_R", [name for name, shape in shapes.items() if shape == (filters, channels)])
    wide = [name for name, value in biases.items() if value.shape == (features,)]
    narrow = [name for name, value in biases.items() if value.shape == (channels,)]
    if len(wide) != 3 or len(narrow) != 1 or len(found) != 10:
        raise ModelRefused(f"{file.name} has {len(found)} tensors; DCSC has six kernels and four biases")
    names = {"G.weight": G, "S.weight": S, "W_R.weight": last, "W_R.bias": narrow[0]}
    for place, name in enumerate(extract):
        names |= {f"extract.{place}.weight": name, f"extract.{place}.bias": wide[place]}
    tensors = {ours: _from_tf(kernels[name]) if name in kernels else biases[name] for ours, name in names.items()}
    return Layout("dcsc", {"channels": channels, "features": features, "filters": filters}, tensors, names)


def _is_of_optimiser(name: str) -> bool:
    """Whether a variable is one of Adam's, or a counter."""
    return re.search(r"/Adam(_\d+)?$|(^|/)beta[12]_power|global_step|Momentum$", name) is not None


def _natural(item: tuple[str, Any]) -> list[tuple[int, str]]:
    """A key by which conv2d_2 stands before conv2d_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", item[0])]


def _one(file: Path, what: str, names: list[str]) -> str:
    if len(names) != 1:
        raise ModelRefused(f"{file.name}: {len(names)} kernels have the shape of {what}; one is expected")
    return names[0]


def _from_tf(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def dncnn_mat(file: Path) -> Layout:
    """DnCNN's MatConvNet file (github.com/cszn/DnCNN): ``net.layers``, a cell of ``conv`` and ``relu`` layers.

    ``weights`` of a convolution are its filters [H, W, I, O] and biases; the normalisation is merged into them. The
    network gives the residual, which is subtracted from the input, in 0..1, as in ours.
    """
    net = read_matlab(file).get("net")
    layers = net.get("layers") if isinstance(net, Mapping) else None
    if not isinstance(layers, list):
        raise ModelRefused(f"{file.name} has no net.layers; DnCNN's files have it")
    found: list[Mapping[str, Any]] = [layer for layer in layers if isinstance(layer, Mapping)]
    kinds = [layer.get("type") for layer in found]
    convolutions: list[Any] = [layer.get("weights", ()) for layer in found if layer.get("type") == "conv"]
    if set(kinds) - {"conv", "relu", "loss"} or len(convolutions) < 2:
        raise ModelRefused(
            f"{file.name} has layers {', '.join(dict.fromkeys(map(str, kinds)))}; conv and relu are read: merge the "
            "normalisation first, as the authors' published models have it"
        )
    tensors: Tensors = {}
    for place, (filters, biases) in enumerate(map(tuple, convolutions)):
        kernel = np.asarray(filters, np.float32)
        kernel = kernel.reshape(*kernel.shape, *(1,) * (4 - kernel.ndim))  # MATLAB drops last axes of length 1
        tensors[f"R.{2 * place}.weight"] = _from_tf(kernel)
        tensors[f"R.{2 * place}.bias"] = np.asarray(biases, np.float32).ravel()
    first = tensors["R.0.weight"]
    config = {"channels": first.shape[1], "width": first.shape[0], "depth": len(convolutions), "normalised": False}
    return Layout("dncnn", config, tensors)


def arcnn_mat(file: Path) -> Layout:
    """AR-CNN's MATLAB file: ``weights_convN`` [I, H W, O] with columns first, ``biases_convN``; N is 1, 2, 22, 3.

    The last layer has [I, H W]. MATLAB's ``imfilter`` correlates, as convolutions of networks do.
    """
    found = read_matlab(file)
    tensors: Tensors = {}
    sides: list[int] = []
    widths: list[int] = []
    for place, name in enumerate(("1", "2", "22", "3")):
        if f"weights_conv{name}" not in found or f"biases_conv{name}" not in found:
            raise ModelRefused(f"{file.name} has no weights_conv{name} and biases_conv{name}; AR-CNN's files have them")
        biases = np.asarray(found[f"biases_conv{name}"], np.float32).ravel()
        weights = np.asarray(found[f"weights_conv{name}"], np.float32)
        if place == 0 and weights.ndim == 2:
            weights = weights[None]  # MATLAB drops no first axes, some writers do
        if weights.ndim == 2:
            weights = weights[:, :, None]
        inputs, area, outputs = weights.shape
        side = round(area**0.5)
        if side * side != area or outputs != len(biases) or (widths and inputs != widths[-1]):
            raise ModelRefused(f"{file.name}: weights_conv{name} has the shape {weights.shape}, which does not fit")
        kernel = weights.reshape(inputs, side, side, outputs).transpose(3, 0, 2, 1)  # columns first
        tensors[f"layers.{place}.weight"] = np.ascontiguousarray(kernel)
        tensors[f"layers.{place}.bias"] = biases
        sides.append(side)
        widths.append(outputs)
    return Layout("arcnn", {"kernels": tuple(sides), "widths": tuple(widths[:-1]), "channels": widths[-1]}, tensors)


def qcn(file: Path) -> Layout:
    """QCN's state dict (github.com/VDIGPKU/QGCN, the published weights), converted to safetensors by the user.

    The published network differs from the paper's figure: no biases, a skip at full resolution, values of -1..1.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        state = load_file(file)
    except (SafetensorError, OSError) as error:
        raise ModelRefused(f"{file.name} is no safetensors file: {error}") from error
    state = {name.removeprefix("module."): value.astype(np.float32) for name, value in state.items()}
    needed = ("conv_input.weight", "downscale.0.weight", "residual.0.conv1.weight", "conv_output.weight")
    if missing := [name for name in needed if name not in state]:
        raise ModelRefused(f"{file.name} has no {missing[0]}; QCN's state dict has it (QGCN itself was not published)")
    width, inputs = state["conv_input.weight"].shape[:2]
    blocks = sum(name.endswith(".conv1.weight") for name in state)
    channels = state["conv_output.weight"].shape[0]
    if inputs != channels + min(channels, 2):
        raise ModelRefused(f"{file.name} reads {inputs} channels for {channels}; QCN's tables add 1 to gray, 2 to RGB")
    config = {"channels": channels, "width": width, "blocks": blocks, "whole": False, "published": True}
    return Layout("qgcn", config, {f"published.{name}": value for name, value in state.items()})
