"""What most networks share: the 3x3 convolution that keeps the size, and the check that a count is one."""

from __future__ import annotations

from torch import nn

from jpegmend.errors import InvalidOption


def check_counts(**counts: int) -> None:
    """Raise :class:`~jpegmend.errors.InvalidOption` unless every named count is at least 1."""
    for name, count in counts.items():
        if count < 1:
            raise InvalidOption(f"{name}={count}; it must be 1 or more")


def convolution(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
