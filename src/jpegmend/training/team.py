"""Several processes that train one network together (torchrun), or one alone, behind the same few verbs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Team:
    """This process among ``size``; number 0 writes files and decides when to stop."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes."""
        if self.size == 1:
            return network
        # Not every loss looks at every output: MDU's last layer of artifacts may be left out.
        return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)

    def syncing(self, runner: Any, now: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged in the last backward pass of a step only."""
        wrapped = getattr(runner, "_orig_mod", runner)
        return contextlib.nullcontext() if self.size == 1 or now else wrapped.no_sync()

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a number over the processes."""
        if self.size > 1:
            distributed.all_reduce(value)
            value = value / self.size
        return value

    def agree(self, *values: float) -> list[float]:
        """What the leader says, at every process: clocks differ, and all must stop at the same step."""
        if self.size == 1:
            return list(values)
        said: list[Any] = [list(values)]
        distributed.broadcast_object_list(said, src=0)
        return list(said[0])


@contextlib.contextmanager
def gather(device: str) -> Iterator[tuple[Team, str]]:
    """The team that torchrun started, or a team of one, and the device of this process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team(), device
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device.startswith("cuda"):
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Team(distributed.get_rank(), size), device
    finally:
        distributed.destroy_process_group()
