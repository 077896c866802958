"""The state of a run, and its file: resuming from it equals not having stopped. Written atomically."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.errors import WeightsDamaged
from jpegmend.writing.atomic import open_target


@dataclass
class Parts:
    """What is built from a config of the main network, and built anew where a phase changes it."""

    config: Any
    """The main network's."""
    networks: dict[str, nn.Module]
    """``network``, the one the recipe is about, first; then its auxiliary networks by name."""
    optimisers: dict[str, torch.optim.Optimizer]
    """One for each of them."""
    average: dict[str, Tensor]
    """Running average of the network's weights (EMA), by name."""


@dataclass
class State:
    """A run at one moment.

    There is no state of random numbers: every step draws from a stream of its own, named by seed and step.
    """

    parts: Parts
    build: Callable[[Any], Parts]
    """Fresh parts for a config of the main network."""
    step: int = 0
    network_steps: int = 0
    """Steps that trained the network itself and not an auxiliary one."""
    rollbacks: int = 0
    """How often the run went back to its last good state."""
    seconds: float = 0.0
    """Time spent training, over all sessions of the run."""
    earlier_steps: int = 0
    """Steps that the weights a run began from had behind them already; 0 for fresh ones."""
    earlier_seconds: float = 0.0
    best: float = float("-inf")
    """Highest validation score so far, dB."""
    part: Any = None
    """The stage or phase of the last step; not saved, it follows from the budget."""
    trained: str = ""
    """The network that is being trained; not saved, it follows from the budget."""
    runners: dict[str, Any] = field(default_factory=dict)
    """The networks as they are called in training: compiled, distributed. Not saved."""

    @property
    def config(self) -> Any:
        """The main network's config, at present."""
        return self.parts.config

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The main network and the auxiliary ones."""
        return self.parts.networks

    @property
    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """One for each network."""
        return self.parts.optimisers

    @property
    def average(self) -> dict[str, Tensor]:
        """Running average of the main network's weights."""
        return self.parts.average

    @property
    def network(self) -> nn.Module:
        """The network the recipe is about."""
        return self.networks["network"]

    def replace_parts(self, parts: Parts) -> None:
        """Go on with other networks; they are wrapped and frozen anew at the next step."""
        self.parts, self.part, self.trained = parts, None, ""
        self.runners.clear()

    def content(self) -> dict[str, Any]:
        """All of it as plain values and tensors, which are not copied."""
        return {
            "config": dataclasses.asdict(self.config),
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "average": self.average,
            "counters": {name: getattr(self, name) for name in _COUNTERS},
        }

    def snapshot(self) -> dict[str, Any]:
        """A copy of :meth:`content` to go back to."""
        return copy.deepcopy(self.content())

    def load_content(self, content: dict[str, Any]) -> None:
        """Load what :meth:`content` returned; ``content`` itself is not changed."""
        config = content.get("config")
        if config is not None and config != dataclasses.asdict(self.config):
            self.replace_parts(self.build(type(self.config)(**config)))
        self.part = None
        for name, network in self.networks.items():
            network.load_state_dict(content["networks"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(copy.deepcopy(content["optimisers"][name]))
        for name, tensor in content["average"].items():
            self.average[name].copy_(tensor)
        for name in _COUNTERS:
            # Checkpoints of earlier versions lack some counters.
            setattr(self, name, content["counters"].get(name, getattr(self, name)))

    def save(self, path: Path) -> None:
        """Write all of it; a reader sees the old file or the new one, never half of one."""
        with open_target(path, overwrite=True) as stream:
            torch.save(self.content(), stream)

    def restore(self, path: Path) -> None:
        """Load what :meth:`save` wrote; raises :class:`~jpegmend.errors.WeightsDamaged`."""
        try:
            self.load_content(torch.load(path, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
            raise WeightsDamaged(
                f"{path}: {error}; it does not belong to this recipe: start again without --resume"
            ) from error


_COUNTERS = ("step", "network_steps", "rollbacks", "seconds", "earlier_steps", "earlier_seconds", "best")
