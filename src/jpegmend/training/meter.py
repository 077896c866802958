"""Mean loss, speed and time between two saves."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from jpegmend.training.checkpoint import State
from jpegmend.training.distributed import ProcessGroup
from jpegmend.training.recipe import Recipe


class Meter:
    """Mean loss, speed and time since the last save."""

    def __init__(self) -> None:
        self.count = self.pixels = 0
        self.started = self.last = time.monotonic()
        self.total: Tensor | None = None

    def add(self, loss: Tensor, recipe: Recipe, share: float, group: ProcessGroup) -> None:
        """Count one step."""
        part, _ = recipe.part_at(share)
        self.total = loss if self.total is None else self.total + loss
        self.count += 1
        self.pixels += part.batch * part.crop**2 * recipe.accumulate * group.size

    def clock(self, seconds: float, resumed: float = 0.0) -> float:
        """``seconds`` plus the time since the last call, or since the meter was made: the time of saves is left out.

        If the process was paused until the time ``resumed``, only what came after it counts.
        """
        now = time.monotonic()
        if resumed > self.last:
            self.started += resumed - self.last
        seconds, self.last = seconds + now - max(self.last, resumed), now
        return seconds

    def is_finite(self) -> bool:
        """Whether every loss since the last save is finite."""
        return self.total is None or bool(torch.isfinite(self.total))

    def loss(self) -> float:
        """Mean loss since the last save."""
        return float(self.total) / max(self.count, 1) if self.total is not None else 0.0

    def age(self) -> float:
        """Seconds since the last save."""
        return time.monotonic() - self.started

    def speed(self) -> float:
        """Pixels of crops per second."""
        return self.pixels / max(self.age(), 1e-9)

    def left(self, recipe: Recipe, state: State) -> float:
        """Estimated seconds to the end of the budget."""
        if recipe.minutes is not None:
            return 60 * recipe.minutes - state.seconds
        return ((recipe.steps or 0) - state.step) * self.age() / max(self.count, 1)

    def facts(self, share: float) -> dict[str, Any]:
        """A line of the log; without a loss where no step was counted."""
        loss = {"loss": self.loss()} if self.count else {}
        return loss | {"share": share, "pixels_a_second": round(self.speed())}
