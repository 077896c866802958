"""AR-CNN: a network of four convolutions, the first one for JPEG artifacts.

It minimises the mean squared error of ``F(J)`` against the clean picture; the output is the picture, not a residual.

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec, planes_by_channels
from jpegmend.models.layers import check_counts


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's 9-7-1-5 network."""

    channels: int = 1
    """1 restores each plane alone (the paper), 3 restores RGB."""
    kernels: tuple[int, ...] = (9, 7, 1, 5)
    """Sides of the kernels: feature extraction, enhancement, mapping, reconstruction. Odd."""
    widths: tuple[int, ...] = (64, 32, 16)
    """Channels after every layer but the last."""
    deviation: float = 0.001
    """Standard deviation of the initial weights, by default that of the authors' SRCNN; 0 selects He's initialisation,
    which short trainings need. Biases start at 0."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", tuple(self.kernels))
        object.__setattr__(self, "widths", tuple(self.widths))
        check_counts(channels=self.channels, kernels=len(self.kernels), width=min(self.widths, default=1))
        if len(self.kernels) != len(self.widths) + 1:
            raise InvalidOption(
                f"{len(self.kernels)} kernels and {len(self.widths)} widths; give one width fewer than kernels, "
                "the last layer answers the planes"
            )
        if any(side < 1 or side % 2 == 0 for side in self.kernels):
            raise InvalidOption(f"kernels={self.kernels}; sides must be odd, so that the size is kept")
        if not self.deviation >= 0:
            raise InvalidOption(f"deviation={self.deviation}; give a number of at least 0")


class ARCNN(nn.Module):
    """Convolutions with ReLU between them. Trace: ``features``, the outputs of all layers but the last."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        inputs = (config.channels, *config.widths)
        outputs = (*config.widths, config.channels)
        # Replicated borders, as in the authors' test program; their training uses no padding.
        layers = [
            nn.Conv2d(taken, given, side, padding=side // 2, padding_mode="replicate")
            for taken, given, side in zip(inputs, outputs, config.kernels, strict=True)
        ]
        for layer in layers:
            if config.deviation:
                nn.init.normal_(layer.weight, std=config.deviation)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, C, H, W]``, any size."""
        *hidden, reconstruct = self.layers
        F: Tensor = seen.planes
        features = []
        # No autocast: without a skip the output picture would be bfloat16, wrong by up to half a gray level.
        with torch.autocast(F.device.type, enabled=False):
            for layer in hidden:
                F = functional.relu(layer(F))
                features.append(F)
            restored = reconstruct(F)
        return Estimate(restored, traces={"features": tuple(features)} if collect else {})


def halo(config: Config) -> int:
    """Radius of the receptive field: half of every kernel."""
    return sum(side // 2 for side in config.kernels)


SPEC = Spec(
    name="arcnn",
    title="AR-CNN, the first convolutional network for JPEG artifacts",
    paper="Dong, Deng, Loy, Tang: Compression Artifacts Reduction by a Deep Convolutional Network, ICCV 2015",
    config=Config,
    build=ARCNN,
    planes=planes_by_channels,
    halo=halo,
    small=(
        Config(widths=(8, 8, 4)),
        Config(widths=(8, 8, 4), channels=3),
    ),
)
