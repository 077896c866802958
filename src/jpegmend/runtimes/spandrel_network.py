"""State dicts of others by the library spandrel, which recognises the architecture (extra ``spandrel``).

Only tensors read by safetensors reach spandrel; its own readers of pickles are not used.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import MissingExtra, ModelRefused, WeightsDamaged
from jpegmend.runtimes.cache import LastUsed
from jpegmend.runtimes.contract import PictureFacts
from jpegmend.runtimes.foreign import Call, ForeignRuntime
from jpegmend.runtimes.processor import thread_count
from jpegmend.runtimes.torch import limit_threads, move
from jpegmend.weights import Card
from jpegmend.weights import path as weights_path
from jpegmend.weights.foreign import check_size

_LOADED: LastUsed[Any] = LastUsed(4)
PREDICTS_QUALITY = ("FBCNN",)
"""Architectures that estimate the quality from the whole picture, and take it as an input instead."""


def import_spandrel() -> Any:
    """The package spandrel.

    Raises:
        MissingExtra: it, PyTorch, safetensors or torchvision is not installed, or torchvision is that of another
            PyTorch.
    """
    try:
        import safetensors
        import spandrel
    except (ImportError, RuntimeError) as error:
        # spandrel imports torchvision for two architectures (faces and inpainting); one built for another PyTorch
        # raises RuntimeError: operator torchvision::nms does not exist.
        raise MissingExtra(
            f".safetensors of others need spandrel with a torchvision that fits PyTorch ({error}); "
            'pip install "jpegmend[spandrel]", on a CPU after '
            "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"
        ) from error
    del safetensors
    return spandrel


def load_network(file: Path) -> Any:
    """The network of a state dict as spandrel's descriptor, on the CPU, in evaluation mode.

    Raises:
        MissingExtra: see :func:`import_spandrel`.
        WeightsDamaged: no safetensors.
        ModelRefused: a file of more than 1 GiB, an architecture that spandrel does not know, or one that does not
            take one picture and give one of the same size and channels.
    """
    check_size(file.stat().st_size, file.name)
    spandrel = import_spandrel()
    import safetensors.torch

    try:
        state = safetensors.torch.load(file.read_bytes())
    except Exception as error:  # safetensors raises errors of several families on broken files
        raise WeightsDamaged(f"{file.name} is no safetensors file: {error}; fetch it again") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the authors' code, about PyTorch's future
            network = spandrel.ModelLoader("cpu").load_from_state_dict(state)
    # An architecture is guessed from names, so a state dict of another one fails anywhere.
    except Exception as error:
        raise ModelRefused(
            f"{file.name}: {_first_line(error) or 'spandrel does not know this architecture'}"
        ) from error
    name = network.architecture.name
    if not isinstance(network, spandrel.ImageModelDescriptor):
        raise ModelRefused(f"{file.name} is a {name}, which takes more than a picture, such as a mask; it is not run")
    if network.scale != 1:
        raise ModelRefused(f"{file.name} is a {name} of scale {network.scale}; networks that keep the size are taken")
    if network.input_channels != network.output_channels or network.input_channels not in (1, 3):
        raise ModelRefused(
            f"{file.name} is a {name} from {network.input_channels} to {network.output_channels} channels; "
            "1 to 1 and 3 to 3 are taken"
        )
    return network.eval()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]


def predicts_quality(network: Any) -> bool:
    """Whether the network estimates the quality from the whole picture, and takes it as an input too."""
    return network.architecture.id in PREDICTS_QUALITY


def network_call(network: Any, device: str, threads: int) -> Call:
    """The call of a network of spandrel, in 0..1; ``facts.quality`` reaches those that predict it."""

    def call(values: NDArray[Any], facts: PictureFacts) -> tuple[NDArray[Any], float | None]:
        import torch

        given = torch.from_numpy(values).to(device)
        with torch.inference_mode(), limit_threads(threads):
            if not predicts_quality(network):
                return network(given).float().cpu().numpy(), None
            # FBCNN's own scale: 0 for quality 100, 1 for quality 0.
            told = None if facts.quality is None else given.new_tensor([[1 - facts.quality / 100]])
            answer, estimate = network.model(given, told)
            return np.asarray(answer.float().cpu().numpy()), 100 * (1 - float(estimate.ravel()[0]))

    return call


def open_spandrel(card: Card, threads: int | None, device: str) -> ForeignRuntime:
    """The network of a card on one of ``providers.DEVICES``, cached by file.

    Raises:
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``.
        MissingExtra, ModelRefused: see :func:`load_network`.
        ModelError: the device cannot be used.
    """
    file = weights_path(card, "safetensors")
    import_spandrel()
    network = _LOADED.get((file, file.stat().st_mtime_ns, device), lambda: move(load_network(file), device))
    return ForeignRuntime(card, f"torch {device}", network_call(network, device, thread_count(threads)))


def close_networks() -> None:
    """Drop every cached network."""
    _LOADED.clear()
