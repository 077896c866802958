"""What a network costs: parameters and multiply-adds a pixel, counted, not estimated."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpegmend.models.contract import Spec
from jpegmend.models.files import example


def parameters(network: nn.Module) -> int:
    """How many numbers training sets; buffers do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: nn.Module, spec: Spec, config: Any, side: int = 128) -> float:
    """Multiply-adds of convolutions and matrix products for one pixel of a ``side`` x ``side`` picture.

    Work that does not grow with the picture (reading the tables, say) is spread over these pixels; a network
    whose cost grows faster than the picture is counted at this side.
    """
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(example(spec, config, side, side))
    return float(counter.get_total_flops()) / 2 / side**2
