"""Silent units: outputs of a layer that the ReLU after it makes 0 everywhere; no gradient reaches their weights.

Training at a high rate leaves some. ``revive = true`` of a recipe gives them fresh weights before a run from trained
ones, as Sokar et al. do (The Dormant Neuron Phenomenon in Deep Reinforcement Learning, ICML 2023).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from jpegmend.data.resampling import degrade_reduced
from jpegmend.models.contract import Observation
from jpegmend.training.planes import select_planes
from jpegmend.training.run import Run

_BATCHES = 32
"""Number of batches in which a silent unit is 0."""


class Silent(NamedTuple):
    """A layer with silent units."""

    layer: str
    """Name of the convolution or linear layer."""
    readers: tuple[str, ...]
    """The layers that its units are the input of, after the ReLU."""
    units: Tensor
    """``[O]`` bool: which of its outputs are silent."""


def find(network: nn.Module, batches: Iterable[Observation]) -> list[Silent]:
    """The layers of ``network`` with units that are 0 in all ``batches``.

    Found are layers whose output goes through a ReLU, and from there, also padded or flattened, into convolutions and
    linear layers alone: elsewhere, as in sums and concatenations, fresh weights would change the output of the network.
    """
    watch = _Watch(network)
    for seen in batches:
        with torch.inference_mode(), watch:
            network(seen)
        watch.forget()
    return [
        Silent(layer, tuple(sorted(watch.readers[layer])), peak <= 0)
        for layer, peak in watch.peaks.items()
        if layer not in watch.elsewhere and watch.readers.get(layer) and bool((peak <= 0).any())
    ]


def revive(run: Run) -> list[str]:
    """Give the silent units of a run's network the weights of a fresh network, and those that read them 0.

    The output of the network, and of the average of its weights, stays as it was. Returns a text for each layer. Parts
    that are frozen in training are left alone.
    """
    state, frozen = run.state, tuple(f"{name}." for name in run.spec.frozen)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.recipe.seed)
        fresh = run.spec.build(state.config).to(run.settings.device).state_dict()
    found = [silent for silent in find(state.network, _batches(run)) if not silent.layer.startswith(frozen)]
    for tensors in (state.network.state_dict(), state.average):
        for silent in found:
            _replace(tensors, silent, fresh)
    return [f"{int(units.sum())} of {len(units)} in {layer}" for layer, _, units in found]


def _batches(run: Run) -> Iterator[Observation]:
    """Crops as the first phase draws them; the same in every process."""
    recipe, phase = run.recipe, run.recipe.phases[0]
    for number in range(_BATCHES):
        rng = random.Random(f"{recipe.seed} silent {number}")
        clean = run.pictures.crops(phase.batch, phase.crop, rng)
        seen, truth = degrade_reduced(clean, recipe.degradation, rng, run.spec.scale(run.state.config))
        yield select_planes(run.planes, seen, truth, recipe.chroma_weight)[0]


def _replace(tensors: Mapping[str, Tensor], silent: Silent, fresh: Mapping[str, Tensor]) -> None:
    """Change the weights of the units, and of their readers, in place."""
    for key in (f"{silent.layer}.weight", f"{silent.layer}.bias"):
        if key in tensors:
            tensors[key][silent.units] = fresh[key][silent.units].to(tensors[key].dtype)
    for reader in silent.readers:
        weight = tensors[f"{reader}.weight"]
        # A flattened channel is as many inputs of a linear layer as it has positions.
        weight[:, silent.units.repeat_interleave(weight.shape[1] // len(silent.units))] = 0


class _Watch(TorchFunctionMode):
    """Follows the outputs of layers through a ReLU to the layers that read them, in every function that is called."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        kinds = (nn.Conv2d, nn.Linear)
        self.layers = {id(layer.weight): name for name, layer in network.named_modules() if isinstance(layer, kinds)}
        self.peaks: dict[str, Tensor] = {}
        """Largest value of each unit after the ReLU, by the name of the layer."""
        self.readers: dict[str, set[str]] = {}
        self.elsewhere: set[str] = set()
        """Layers whose output is used otherwise."""
        self.forget()

    def forget(self) -> None:
        """Forget the tensors of a pass."""
        self._made: dict[int, str] = {}
        self._rectified: dict[int, str] = {}
        # An id names a tensor only as long as it lives.
        self._alive: list[Any] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self._alive.append(result)
            self._follow(getattr(func, "__name__", ""), (*args, *(kwargs or {}).values()), result)
        return result

    def _follow(self, name: str, args: Sequence[Any], result: Tensor) -> None:
        layer = self.layers.get(id(args[1])) if name in ("conv2d", "linear") and len(args) > 1 else None
        first = id(args[0]) if args else 0
        if name in ("relu", "relu_") and first in self._made:
            made = self._rectified[id(result)] = self._made[first]
            peak = result.amax([axis for axis in range(result.ndim) if axis != self._axis(result)])
            self.peaks[made] = torch.maximum(self.peaks.get(made, peak), peak)
        elif name in ("flatten", "pad") and first in self._rectified:
            self._rectified[id(result)] = self._rectified[first]
        elif layer and first in self._rectified and self._reads(args[1], self._rectified[first]):
            self.readers.setdefault(self._rectified[first], set()).add(layer)
        else:
            for argument in _tensors(args):
                known = {self._made.get(id(argument)), self._rectified.get(id(argument))}
                self.elsewhere |= {one for one in known if one}
        if layer:
            self._made[id(result)] = layer

    @staticmethod
    def _axis(tensor: Tensor) -> int:
        """The axis of the units: ``[B, C, H, W]`` or ``[..., C]``."""
        return 1 if tensor.ndim == 4 else tensor.ndim - 1

    def _reads(self, weight: Tensor, layer: str) -> bool:
        """Whether every unit of the layer is as many inputs of ``weight``; not in a convolution with groups."""
        return weight.shape[1] % len(self.peaks[layer]) == 0


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors among arguments, also in lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
