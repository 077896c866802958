"""State of a run and its checkpoint file, written atomically; a resumed run equals an uninterrupted one."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.errors import WeightsDamaged, WeightsMissing
from jpegmend.models.files import misfit
from jpegmend.writing.atomic import open_target


@dataclass
class Parts:
    """Networks and optimisers, which a phase rebuilds if it changes the config of the main network."""

    config: Any
    """Config of the main network."""
    networks: dict[str, nn.Module]
    """The main network under the name ``network``, then the auxiliary networks by name."""
    optimisers: dict[str, torch.optim.Optimizer]
    """One optimiser for each network."""
    average: dict[str, Tensor]
    """Running average of the network's weights (EMA), by name."""


@dataclass
class State:
    """State of a run.

    It has no state of random generators: each step has its own, seeded by the recipe's seed and the step.
    """

    parts: Parts
    build: Callable[[Any], Parts]
    """Builds new parts for a config of the main network."""
    step: int = 0
    network_steps: int = 0
    """Number of steps that trained the main network."""
    rollbacks: int = 0
    """Number of times the run was reset to its last good state."""
    seconds: float = 0.0
    """Training time, summed over interruptions."""
    warm: bool = False
    """Whether the run began from trained weights."""
    earlier_steps: int = 0
    """Steps in which those had been trained, as far as their file states it."""
    earlier_seconds: float = 0.0
    best: float = float("-inf")
    """Highest validation score so far, dB."""
    best_on: str = ""
    """Checksum of what it was measured on; empty where an earlier checkpoint does not state it."""
    place: int = -1
    """Number of the stage or phase of the last step, stages first; -1 before it, and in an earlier checkpoint."""
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
        """The main network, which the recipe names."""
        return self.networks["network"]

    def replace_parts(self, parts: Parts) -> None:
        """Replace the networks and optimisers; the next step wraps and freezes them again."""
        self.parts, self.part, self.trained = parts, None, ""
        self.runners.clear()

    def content(self) -> dict[str, Any]:
        """The state as plain values and tensors, which are not copied."""
        return {
            "config": dataclasses.asdict(self.config),
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "groups": {name: self._groups(name) for name in self.optimisers},
            "average": self.average,
            "counters": {name: getattr(self, name) for name in _COUNTERS},
        }

    def snapshot(self) -> dict[str, Any]:
        """A copy of :meth:`content`, for rollbacks."""
        return copy.deepcopy(self.content())

    def load_content(self, content: dict[str, Any]) -> None:
        """Load what :meth:`content` returned; ``content`` itself is not changed."""
        config = content["config"]
        if config != dataclasses.asdict(self.config):
            if foreign := config.keys() - dataclasses.asdict(self.config).keys():
                raise ValueError(f"its network has the hyper-parameters {', '.join(sorted(foreign))}")
            self.replace_parts(self.build(type(self.config)(**config)))
        self.part = None
        for name, network in self.networks.items():
            try:
                network.load_state_dict(content["networks"][name])
            except RuntimeError as error:
                raise ValueError(f"its {name} differs: {misfit(content['networks'][name], network)}") from error
        for name in self.optimisers:
            # Earlier checkpoints do not name the parameters of the groups.
            self._load_optimiser(name, content["optimisers"][name], content.get("groups", {}).get(name))
        for name, tensor in content["average"].items():
            self.average[name].copy_(tensor)
        counters = {"best_on": "", "place": -1, **content["counters"]}
        for name in _COUNTERS:
            setattr(self, name, counters[name])

    def _groups(self, name: str) -> list[list[str]]:
        """The names of the parameters of each group of an optimiser."""
        names = {parameter: key for key, parameter in self.networks[name].named_parameters()}
        return [[names[parameter] for parameter in group["params"]] for group in self.optimisers[name].param_groups]

    def _load_optimiser(self, name: str, saved: dict[str, Any], groups: list[list[str]] | None) -> None:
        """Load what an optimiser has learnt; rates, decay and other settings stay those of the recipe."""
        optimiser = self.optimisers[name]
        # PyTorch checks only the number of the groups and of their parameters.
        if _kinds(saved) != _kinds(optimiser.state_dict()) or (groups and groups != self._groups(name)):
            raise ValueError(
                "its optimiser has other groups of parameters, by optimiser.kind, optimiser.adam or the prefixes of "
                "optimiser.rates"
            )
        settings = [{key: group[key] for key in group.keys() - _NO_SETTINGS} for group in optimiser.param_groups]
        optimiser.load_state_dict(copy.deepcopy(saved))
        for group, own in zip(optimiser.param_groups, settings, strict=True):
            group.update(own)

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        with open_target(path, overwrite=True) as stream:
            torch.save(self.content(), stream)

    def restore(self, path: Path) -> None:
        """Load what :meth:`save` wrote; raises :class:`~jpegmend.errors.WeightsDamaged` for the checkpoint of another
        recipe, and :class:`~jpegmend.errors.WeightsMissing` where there is none."""
        if not path.is_file():
            raise WeightsMissing(f"no run in {path.parent}: {path.name} is missing; start one without --resume")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (UnpicklingError, OSError, RuntimeError, ValueError, EOFError) as error:
            raise WeightsDamaged(f"{path} {_NO_CHECKPOINT}") from error
        if not isinstance(content, dict):
            raise WeightsDamaged(f"{path} {_NO_CHECKPOINT}")
        try:
            self.load_content(content)
        except KeyError as error:
            raise WeightsDamaged(f"{path} is of another recipe: it has no {error.args[0]}; {_INSTEAD}") from error
        except (RuntimeError, ValueError) as error:
            raise WeightsDamaged(f"{path} is of another recipe: {error}; {_INSTEAD}") from error


def _kinds(optimiser: dict[str, Any]) -> list[bool | None]:
    """Which algorithm each group of an optimiser's state has: AdamW alone, or one of Muon's two."""
    return [group.get("use_muon") for group in optimiser["param_groups"]]


_NO_CHECKPOINT = "is no checkpoint, or damaged; begin another run with another --out"
_INSTEAD = "resume it with its own, and --set as at its beginning, or begin another run with another --out"


_NO_SETTINGS = {"params", "step"}
"""Keys of an optimiser's group that no recipe sets; Muon counts its steps in one."""

_COUNTERS = (
    "step",
    "network_steps",
    "rollbacks",
    "seconds",
    "warm",
    "earlier_steps",
    "earlier_seconds",
    "best",
    "best_on",
    "place",
)
