"""DnCNN: a plain stack of convolutions that estimates the residual.

It minimises ``1/2 |R(y) - (y - x)|^2`` (eq. 1); the output is ``y - R(y)``. The defaults are DnCNN-3, the model for
noise, upscaling and JPEG (section III-D).

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec, planes_by_channels
from jpegmend.models.layers import check_counts, convolution


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are DnCNN-3."""

    channels: int = 1
    """1 restores each plane alone, 3 restores RGB."""
    depth: int = 20
    """Convolutions in all; 17 for one known noise level."""
    width: int = 64
    """Channels between them; MDU's table V compares 80, 140 and 180."""
    normalised: bool = True
    """Batch normalisation after every convolution but the first and the last. False: those convolutions have a bias
    instead, as in the weights published by the authors, which include the normalisation."""
    last: float = 1.0
    """Factor on the initial weights of the last convolution; 1 is the paper's. The residual is a few hundredths; at 1
    the initial output is fifty times as large, which short trainings do not overcome."""

    def __post_init__(self) -> None:
        check_counts(channels=self.channels, width=self.width)
        if self.depth < 2:
            raise InvalidOption(f"depth={self.depth}; a first and a last convolution make it 2 or more")


class DnCNN(nn.Module):
    """Convolution, ReLU; convolution, batch normalisation, ReLU; convolution. Trace: ``residual``, R(y)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        layers: list[nn.Module] = [convolution(config.channels, width), nn.ReLU()]
        for _ in range(config.depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=not config.normalised))
            if config.normalised:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
        layers.append(convolution(width, config.channels))
        self.R = nn.Sequential(*layers)
        self._start(config.last)

    def _start(self, last: float) -> None:
        """He's initialisation (section IV-B of the paper), the last convolution times ``last``; biases 0."""
        for layer in self.R:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.R[-1].weight.mul_(last)  # type: ignore[operator]

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, C, H, W]``, any size."""
        y = seen.planes
        v = self.R(y)
        return Estimate(y - v, traces={"residual": (v,)} if collect else {})


def halo(config: Config) -> int:
    """Radius of the receptive field: one pixel a convolution."""
    return config.depth


SPEC = Spec(
    name="dncnn",
    title="DnCNN-3, residual learning with a plain deep network",
    paper="Zhang, Zuo, Chen, Meng, Zhang: Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image "
    "Denoising, TIP 2017",
    config=Config,
    build=DnCNN,
    planes=planes_by_channels,
    halo=halo,
    small=(
        Config(depth=4, width=8),
        Config(depth=4, width=8, channels=3),
    ),
)
