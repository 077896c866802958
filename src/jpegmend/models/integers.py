"""Convolutions in integers: features of 8 bits and weights of 7, which processors multiply fastest.

In training the rounding is simulated, and the gradient passes through it as if it were not there (Bengio, Leonard,
Courville: Estimating or Propagating Gradients Through Stochastic Neurons, 2013). An ONNX file holds the integers, and
ONNX Runtime multiplies them.

Shape letters: B batch, C I O channels, H W positions.
"""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURE_LEVELS = 255
"""Steps of the range of features: 8 bits without a sign."""
WEIGHT_LEVELS = 63
"""Steps from 0 to the largest weight of an output: 7 bits with a sign. With 8 bits the sum of two products could
overflow the 16 bits that processors without VNNI instructions add them in."""
_LEAST = 1e-8
_OPSET = 20
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""Orders of the axes, for ``permute``."""


@runtime_checkable
class Freezable(Protocol):
    """A part of a network that has another form in an ONNX file."""

    def freeze(self) -> None:
        """Take that form."""


class Range(nn.Module):
    """The range of features from ``low`` (at most 0) to ``high`` (at least 0), rounded to one of 256 values.

    Not trained: ``scripts/mend-to-integers`` measures the ranges of a trained network.
    """

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(1.0))

    def step_and_zero(self) -> tuple[Tensor, Tensor]:
        """The distance of two values, and the number of the value 0; both float32."""
        step = ((self.high - self.low) / FEATURE_LEVELS).float().clamp(min=_LEAST)
        return step, torch.round(-self.low / step)

    def whole(self, x: Tensor) -> Tensor:
        """``x`` in steps, rounded to whole numbers; 0 stays 0. What lies outside of the range has no gradient."""
        step, zero = self.step_and_zero()
        return _rounded((x / step).clamp(-zero, FEATURE_LEVELS - zero))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded."""
        return self.whole(x) * self.step_and_zero()[0]


class IntegerConvolution(nn.Conv2d):
    """A 3x3 convolution of rounded features with rounded weights.

    A block adds the output of two to its input. That sum stays in float32; what goes into a convolution, or comes out
    of it, is rounded.
    """

    def __init__(
        self, inputs: int, outputs: int, *, scale: float = 1.0, from_sum: bool = True, to_sum: bool = True
    ) -> None:
        """``scale``: a factor on weights and bias, part of what is rounded. ``from_sum`` and ``to_sum``: whether the
        input is such a sum, and the output is added to one; where not, another of these convolutions is there."""
        super().__init__(inputs, outputs, 3, padding=1)
        self.scale, self.from_sum = scale, from_sum
        self.seen = Range()
        self.made = Range() if to_sum else None
        self.is_frozen = False

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, I, H, W]`` to ``[B, O, H, W]``; once frozen, of a sum and for a sum the channels are last."""
        if self.is_frozen:
            return self._as_operators(x)
        weight, steps = self._whole_weight()
        # Whole numbers up to 256 are exact in bfloat16 too.
        sums = functional.conv2d(self.seen.whole(x), weight, padding=self.padding)
        factor = (steps * self.seen.step_and_zero()[0])[:, None, None]
        y: Tensor = sums * factor + (self._bias() * self.scale)[:, None, None]
        return y if self.made is None else self.made(y)

    def _bias(self) -> Tensor:
        assert self.bias is not None
        return self.bias

    def _whole_weight(self) -> tuple[Tensor, Tensor]:
        """The weights ``[O, I, 3, 3]`` in steps, rounded to whole numbers, and the step of each output ``[O]``."""
        weight = self.weight * self.scale
        steps = (weight.detach().abs().amax((1, 2, 3)) / WEIGHT_LEVELS).clamp(min=_LEAST)
        return _rounded(weight / steps[:, None, None, None]), steps

    @torch.no_grad()
    def freeze(self) -> None:
        """From now on call ONNX's operators on constant integers, with the channels of sums last.

        ONNX Runtime multiplies integers with the channels last; sums in the other order would be transposed twice in
        every block.
        """
        weight, steps = self._whole_weight()
        sum_steps = steps * self.seen.step_and_zero()[0]
        constants = {
            "whole_weight": weight.to(torch.int8),
            "weight_steps": steps,
            "whole_bias": torch.round(self._bias() * self.scale / sum_steps).to(torch.int32),
            "sum_steps": sum_steps,
        }
        for kind, used in (("seen", self.seen), ("made", self.made)):
            if used is not None:
                step, zero = used.step_and_zero()
                constants |= {f"{kind}_step": step, f"{kind}_zero": zero.to(torch.uint8)}
        for name, value in constants.items():
            self.register_buffer(name, value.contiguous(), persistent=False)
        self.is_frozen = True

    def _as_operators(self, x: Tensor) -> Tensor:
        y = functional.conv2d(
            self._through_integers(x, "seen", CHANNELS_FIRST if self.from_sum else None),
            _dequantised(self.whole_weight, self.weight_steps),  # type: ignore[arg-type]
            _dequantised(self.whole_bias, self.sum_steps),  # type: ignore[arg-type]
            padding=self.padding,
        )
        return y if self.made is None else self._through_integers(y, "made", CHANNELS_LAST)

    def _through_integers(self, x: Tensor, kind: str, order: tuple[int, ...] | None) -> Tensor:
        """``x`` rounded, its axes in another order."""
        step, zero = getattr(self, f"{kind}_step"), getattr(self, f"{kind}_zero")
        whole = torch.onnx.ops.symbolic(
            "QuantizeLinear", [x, step, zero], dtype=torch.uint8, shape=x.shape, version=_OPSET
        )
        if order:
            whole = whole.permute(order)
        return torch.onnx.ops.symbolic(
            "DequantizeLinear", [whole, step, zero], dtype=torch.float32, shape=whole.shape, version=_OPSET
        )


def uses_integers(network: nn.Module) -> bool:
    """Whether ``network`` has convolutions in integers."""
    return any(isinstance(module, IntegerConvolution) for module in network.modules())


def frozen(network: nn.Module) -> nn.Module:
    """The network itself, or a copy with its convolutions in integers frozen (:meth:`IntegerConvolution.freeze`)."""
    if not uses_integers(network):
        return network
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, Freezable):
            module.freeze()
    return network


def _dequantised(whole: Tensor, steps: Tensor) -> Tensor:
    """``whole [O, ...]`` times the step of each output, as ONNX's operator."""
    return torch.onnx.ops.symbolic(
        "DequantizeLinear", [whole, steps], {"axis": 0}, dtype=torch.float32, shape=whole.shape, version=_OPSET
    )


def _rounded(x: Tensor) -> Tensor:
    """``x`` rounded to whole numbers; its gradient is that of ``x``."""
    if not torch.is_grad_enabled():
        return torch.round(x)
    return x + (torch.round(x) - x).detach()
