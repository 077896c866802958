"""The cost of a network: parameters, multiply-adds and bytes of memory a pixel.

Counted while the network runs on PyTorch's fake tensors (without data), which takes seconds for the largest network.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from jpegmend.models.contract import Spec
from jpegmend.models.files import example


@dataclass(frozen=True)
class Cost:
    """The cost of a network per pixel of a large picture."""

    multiply_adds: float
    """Of convolutions and matrix products."""
    peak_bytes: float
    """Peak of the tensors that are allocated at once during a float32 inference."""


_SIDES = (96, 192)
"""Sides in pixels of the two pictures that are compared."""


def parameters(network: nn.Module) -> int:
    """Number of trainable values; buffers do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def count(spec: Spec, config: Any) -> Cost:
    """The cost per pixel: the slope between two sizes, so that constant parts (a global branch, layers on the tables)
    are left out; for a network that runs in windows, the cost of one window over its pixels.
    """
    if window := spec.window_side(config):
        run = _run(spec, config, window)
        return Cost(run.flops / 2 / window**2, run.most / window**2)
    small, large = (_run(spec, config, side) for side in _SIDES)
    pixels = _SIDES[1] ** 2 - _SIDES[0] ** 2
    return Cost((large.flops - small.flops) / 2 / pixels, (large.most - small.most) / pixels)


def count_run(run: Callable[[], Any], pixels: int) -> Cost:
    """The cost of one run of any PyTorch code on a picture of so many pixels, over its pixels."""
    counter = _Counter()
    with counter:
        run()
    return Cost(counter.flops / 2 / pixels, counter.most / pixels)


def _run(spec: Spec, config: Any, side: int) -> _Counter:
    with FakeTensorMode():
        network, seen = spec.build(config).eval(), example(spec, config, side, side)
        counter = _Counter()
        with torch.no_grad(), counter:
            network(seen)
    return counter


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations, and the bytes of tensors from their allocation until they are freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0.0
        self.now = self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        given = {leaf.untyped_storage()._cdata for leaf in tree_leaves(args) if isinstance(leaf, Tensor)}
        for made in (leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)):
            # Views and in-place results own no memory of their own.
            if made.untyped_storage()._cdata not in given:
                self._allocated(made)
        return out

    def _allocated(self, tensor: Tensor) -> None:
        size = tensor.untyped_storage().nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(tensor, self._freed, size)

    def _freed(self, size: int) -> None:
        self.now -= size
