"""DCSC: unrolled convolutional sparse coding of the features of the decoded picture.

The features X are coded by ``min_U 1/2 |X - Phi U|^2 + lambda |U|_1`` (eq. 4) with ISTA iterations (eq. 3) whose
operators G and S are learned; a convolution estimates the artifacts from the final code.

Shape letters: B batch, C planes, H W pixels, D dilations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec, planes_by_channels
from jpegmend.models.layers import check_counts, check_fold, convolution, fold, folded_radius, unfold, widened


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's (section 2.3).

    The larger model of the authors' errata is ``Config(features=48, filters=128)``.
    """

    channels: int = 1
    """1 restores each plane alone, 3 restores RGB (section 3.4)."""
    features: int = 32
    """Feature maps of every dilation."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Dilations of the feature extraction; (1, 1, 1) is the row without dilation of table 3."""
    filters: int = 64
    """Channels of the sparse code; 32 and 128 in table 4."""
    iterations: int = 40
    """R; 20 and 60 in table 4. With 0 the code is U_0."""
    last: float = 1.0
    """Factor on the initial weights of W_R. Below 1 the initial output is near the decoded picture. At 1 and on a
    folded grid, training by Muon set nearly all codes to zero within a hundred steps."""
    fold: int = 1
    """Side in pixels of the squares that become one position of the convolutions; the paper has 1. With 2 features and
    codes have half the height and width, and the halo doubles."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        check_counts(channels=self.channels, features=self.features, filters=self.filters)
        check_counts(dilations=len(self.dilations), dilation=min(self.dilations, default=1))
        check_counts(iterations_and_one=self.iterations + 1)
        check_fold(self.fold)


def start_as_glorot(network: nn.Module) -> None:
    """Glorot's uniform weights and zero biases for every convolution.

    The papers of DCSC and MDU do not state an initialisation; this is the default of TensorFlow, which they name. It
    also makes ReLU(S .) of DCSC a contraction, so that 40 iterations neither explode nor vanish.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class DCSC(nn.Module):
    """Feature extraction, convolutional LISTA, reconstruction (fig. 1).

    Traces: ``X`` the features, one ``[B, features, H, W]`` per dilation; ``U`` the sparse codes ``U_0`` to
    ``U_R``, each ``[B, filters, H, W]``; ``H`` the estimated correction (the negative artifacts),
    ``[B, C, H, W]``. With ``fold`` the sides of X and U are divided by it, rounded up.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Whether training recomputes the iterations in the backward pass: the square root of the memory, the
        same gradients."""
        channels = config.channels * config.fold**2
        self.extract = nn.ModuleList(convolution(channels, config.features, dilation) for dilation in config.dilations)
        width = config.features * len(config.dilations)
        # No bias: eq. 3 has none, and without one the parameter counts equal the published ones.
        self.G = nn.Conv2d(width, config.filters, 3, padding=1, bias=False)
        self.S = nn.Conv2d(config.filters, config.filters, 3, padding=1, bias=False)
        self.W_R = convolution(config.filters, channels)
        start_as_glorot(self)
        with torch.no_grad():
            self.W_R.weight.mul_(config.last)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, C, H, W]``, any size."""
        J = seen.planes
        # In float32 also where autocast is on: bfloat16 pixels would be wrong by up to half a gray level.
        with torch.autocast(J.device.type, enabled=False):
            folded = fold(J, self.config.fold)
            X = [extract(folded) for extract in self.extract]  # eq. 1
        GX = self.G(torch.cat(X, 1))
        U = self._code(GX, collect)  # eq. 3
        H = unfold(self.W_R(U[-1]), self.config.fold, *J.shape[-2:])  # eq. 5
        traces = {"X": tuple(X), "U": tuple(U), "H": (H,)} if collect else {}
        return Estimate(J + H, traces=traces)  # eq. 6

    def _code(self, GX: Tensor, collect: bool) -> list[Tensor]:
        """The codes ``U_0`` to ``U_R``, or only the last of them (eq. 3, the shrinkage being a ReLU)."""
        R = self.config.iterations
        U = functional.relu(GX)
        if collect:
            codes = [U]
            for _ in range(R):
                codes.append(self._iterate(GX, codes[-1], 1))
            return codes
        if not (self.recompute and torch.is_grad_enabled()):
            return [self._iterate(GX, U, R)]
        stretch = math.isqrt(R) or 1
        for start in range(0, R, stretch):
            count = min(stretch, R - start)
            U = checkpoint(self._iterate, GX, U, count, use_reentrant=False, preserve_rng_state=False)
        return [U]

    def _iterate(self, GX: Tensor, U: Tensor, count: int) -> Tensor:
        """``count`` steps of ``U <- ReLU(G X + S U)``."""
        for _ in range(count):
            U = self.S(U).add_(GX).relu_()  # in place: one tensor an iteration instead of three, the same numbers
        return U


def grow(weights: Mapping[str, Tensor], old: Config, new: Config) -> dict[str, Tensor]:
    """Initial weights for a network with more filters, which first gives the output of the old one.

    The new filters begin with Glorot's weights, and the old ones and W_R without them.

    Raises:
        InvalidOption: ``new`` has fewer filters, or differs in more than these and the iterations.
    """
    if replace(old, filters=new.filters, iterations=new.iterations) != new or new.filters < old.filters:
        raise InvalidOption(
            f"weights of {old} do not grow into {new}; filters may become more and iterations others, no more than that"
        )
    return {name: widened(tensor, weights[name]) for name, tensor in DCSC(new).state_dict().items()}


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels: the widest dilation, then G, S at every iteration, W_R."""
    return folded_radius(max(config.dilations) + 1 + config.iterations + 1, config.fold)


SPEC = Spec(
    name="dcsc",
    title="DCSC, deep convolutional sparse coding",
    paper="Fu, Zha, Wu, Ding, Paisley: JPEG Artifacts Reduction via Deep Convolutional Sparse Coding, ICCV 2019",
    config=Config,
    build=DCSC,
    planes=planes_by_channels,
    halo=halo,
    grow=grow,
    free=("iterations",),
    small=(
        Config(features=4, filters=8, iterations=3),
        Config(features=4, filters=8, iterations=3, fold=2),
        Config(channels=3, filters=8, iterations=2),
    ),
)
