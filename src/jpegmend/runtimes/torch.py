"""Inference by PyTorch, on a GPU if there is one: optional, and for networks that cannot be exported as ONNX.

It imports ``jpegmend.models`` inside its functions, so that the package works without PyTorch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend import weights
from jpegmend.errors import InvalidOption, ModelError, WeightsDamaged, extra_needed
from jpegmend.runtimes.cache import LastUsed
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, batch_inputs, check_answer, check_shapes, failure
from jpegmend.runtimes.processor import thread_count
from jpegmend.weights import Card

_NETWORKS: LastUsed[Any] = LastUsed(4)


class TorchRuntime:
    """A PyTorch network as a :class:`~jpegmend.runtimes.contract.Runtime`."""

    def __init__(self, card: Card, network: Any, device: str, threads: int) -> None:
        self._card = card
        self._network = network
        self._device = device
        self._threads = threads
        self.name = f"torch {device}"

    def __repr__(self) -> str:
        return f"<{self._card.name} by {self.name}>"

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        import torch

        from jpegmend.models.contract import Observation

        check_shapes(planes, tables, self._card)
        named = batch_inputs(planes, tables, facts)
        seen = Observation(**{name: torch.from_numpy(value).to(self._device) for name, value in named.items()})
        try:
            with torch.no_grad(), limit_threads(self._threads):
                estimate = self._network(seen, collect=bool(traces))
                quality = None if estimate.quality is None else float(estimate.quality[0])
                restored = _to_numpy(estimate.planes)
        except (RuntimeError, TypeError) as error:  # TypeError: a number type that MPS lacks
            raise failure(planes, self._card, error) from error
        if unknown := [name for name in traces if name not in estimate.traces]:
            there = ", ".join(estimate.traces) or "none"
            raise InvalidOption(f"{self._card.name!r} has no trace {unknown[0]!r}; there: {there}")
        kept = {name: tuple(_to_numpy(value) for value in estimate.traces[name]) for name in traces}
        return check_answer(Answer(restored, quality, kept), planes, self._card.name, self._card.scale)


def _to_numpy(tensor: Any) -> Floats:
    """A tensor as a float32 array without its batch axis; a scalar has none."""
    single = tensor[0] if tensor.ndim else tensor
    return np.asarray(single.detach().float().cpu().numpy(), np.float32)


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Set PyTorch's number of threads, which holds for the whole process, and restore it afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def open_torch(card: Card, threads: int | None, device: str) -> TorchRuntime:
    """The network of a card with its weights on one of ``providers.DEVICES``, cached by file.

    Raises:
        MissingExtra: PyTorch or safetensors is not installed.
        UnknownModel: the weights name a network that does not exist.
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``; or tensors that do not fit the network.
        ModelError: the device cannot be used.
    """
    with extra_needed("runtime 'torch'", "torch"):
        import safetensors
        import torch
    del safetensors, torch
    file = weights.path(card, "safetensors")
    key = (file, file.stat().st_mtime_ns, card.network, device)
    network = _NETWORKS.get(key, lambda: _load(file, card.network, device))
    return TorchRuntime(card, network, device, thread_count(threads))


def close_networks() -> None:
    """Drop every cached network; a runtime that is still in use keeps its own until it is dropped."""
    _NETWORKS.clear()


def _load(file: Path, name: str, device: str) -> Any:
    """The network on ``device``, in channels-last order: its convolutions take half to nine tenths of the time."""
    import torch

    from jpegmend.models import files

    network, facts = files.load_weights(file)
    if facts["network"] != name:
        raise WeightsDamaged(f"{file.name} holds network {facts['network']!r}, its card says {name!r}")
    return move(network.to(memory_format=torch.channels_last), device)  # type: ignore[call-overload]


def move(network: Any, device: str) -> Any:
    """The network on a device of PyTorch.

    Raises:
        ModelError: the device cannot be used, or lacks the memory.
    """
    try:
        return network.to(device)
    except RuntimeError as error:
        raise ModelError(f"PyTorch cannot use the device {device!r}: {error}; use provider='cpu'") from error
