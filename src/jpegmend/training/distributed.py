"""Data-parallel training in several processes started by torchrun, or in one."""

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
class ProcessGroup:
    """This process (``rank``) among ``size``; rank 0 writes files and decides when to stop."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes."""
        if self.size == 1:
            return network
        # Not every loss reads every output: MDU's last layer of artifacts may be left out.
        return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)

    def gradient_sync(self, runner: Any, now: bool) -> AbstractContextManager[Any]:
        """A context for one backward pass: gradients are averaged in it only where ``now``, the last of a step."""
        wrapped = getattr(runner, "_orig_mod", runner)
        return contextlib.nullcontext() if self.size == 1 or now else wrapped.no_sync()

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a number over the processes."""
        if self.size > 1:
            distributed.all_reduce(value)
            value = value / self.size
        return value

    def broadcast(self, *values: float) -> list[float]:
        """The values of rank 0, in every process: clocks differ, and all must stop at the same step."""
        if self.size == 1:
            return list(values)
        sent: list[Any] = [list(values)]
        distributed.broadcast_object_list(sent, src=0)
        return list(sent[0])


@contextlib.contextmanager
def process_group(device: str) -> Iterator[tuple[ProcessGroup, str]]:
    """The processes that torchrun started, or this one alone, and the device of this process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup(), device
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device.startswith("cuda"):
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), size), device
        # Gloo's threads free the tensors of the last exchange after it has ended, which takes Python's lock; in a
        # process that is ending that aborts it. Without this, all but rank 0 end right after the last step.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
