"""Everything a run needs to go on as if it had never stopped, in one file, written atomically."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.errors import WeightsDamaged


@dataclass
class State:
    """A run at one moment."""

    network: nn.Module
    average: dict[str, Tensor]
    """Running average of the weights (EMA), by parameter name."""
    optimiser: torch.optim.Optimizer
    rng: random.Random
    step: int = 0
    seconds: float = 0.0
    """Time spent training, over all sessions of the run."""
    log: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write all of it; a reader sees the old file or the new one, never half of one."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "rng": list(self.rng.getstate()[1]),
            "torch_rng": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = path.with_name(path.name + ".partial")
        torch.save(content, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Take over what :meth:`save` wrote; raises :class:`~jpegmend.errors.WeightsDamaged`."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(content["network"])
            self.optimiser.load_state_dict(content["optimiser"])
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise WeightsDamaged(f"{path}: {error}; start the run again without --resume") from error
        for name, tensor in content["average"].items():
            self.average[name].copy_(tensor)
        self.rng.setstate((3, tuple(content["rng"]), None))
        torch.set_rng_state(content["torch_rng"])
        self.step, self.seconds = content["step"], content["seconds"]
