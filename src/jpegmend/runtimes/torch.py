"""PyTorch, on a GPU if there is one: for those who have installed it, and for networks that ONNX cannot hold.

The only place outside the research rooms that reaches ``jpegmend.models``, and only inside its functions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend import weights
from jpegmend.errors import MissingExtra, ModelError, WeightsDamaged
from jpegmend.runtimes.contract import Floats, available_threads, batch_inputs, check_answer
from jpegmend.weights import Card


class TorchRuntime:
    """A PyTorch network as a :class:`~jpegmend.runtimes.contract.Runtime`."""

    def __init__(self, card: Card, network: Any, device: str, threads: int) -> None:
        self._card = card
        self._network = network
        self._device = device
        self._threads = threads
        self.name = f"torch {device}"

    def __call__(
        self, planes: Floats, tables: Floats, sampling: tuple[int, int], overview: Floats | None = None
    ) -> Floats:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        import torch

        from jpegmend.models.contract import Observation

        # PyTorch has one number of threads for the whole process, so it is set before each run.
        torch.set_num_threads(self._threads)
        named = batch_inputs(planes, tables, sampling, overview)
        seen = Observation(**{name: torch.from_numpy(value).to(self._device) for name, value in named.items()})
        try:
            with torch.no_grad():
                restored = self._network(seen).planes[0].float().cpu().numpy()
        except RuntimeError as error:
            raise ModelError(f"{self._card.name!r} failed on planes of shape {planes.shape}: {error}") from error
        return check_answer(np.asarray(restored, np.float32), planes, self._card.name)


def open_torch(card: Card, threads: int | None) -> TorchRuntime:
    """The network of a card with its weights, loaded once; on CUDA or MPS where there is one.

    Raises:
        MissingExtra: PyTorch or safetensors is not installed.
        UnknownModel: the weights name a network that does not exist.
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``; or tensors that do not fit the network.
    """
    try:
        import safetensors
        import torch
    except ImportError as error:
        raise MissingExtra(f"runtime 'torch' needs {error.name}; pip install 'jpegmend[torch]'") from error
    del safetensors
    file = weights.path(card, "safetensors")
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    network = _load(file, file.stat().st_mtime_ns, card.network, device)
    return TorchRuntime(card, network, device, threads or available_threads())


@cache
def _load(file: Path, changed: int, name: str, device: str) -> Any:
    from jpegmend.models import files

    network, facts = files.load_weights(file)
    if facts["network"] != name:
        raise WeightsDamaged(f"{file.name} holds network {facts['network']!r}, its card says {name!r}")
    return network.to(device)
