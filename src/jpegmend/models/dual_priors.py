"""The two priors of Dual: de-blockers for the picture and the classifier of its gradients.

Shape letters: B batch, C channels, H W pixels, N = H W, R channels inside the non-local operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models import dncnn
from jpegmend.models.contract import Observation
from jpegmend.models.layers import check_counts, convolution

_BLOCK = 8


class LinearNonLocal(nn.Module):
    """``M + theta(M) (nu(M)^T xi(M)) W`` (eq. 11): every pixel sees every other, at a cost linear in them.

    Bracketed like this nothing larger than R x R is formed. With ``per_pixel`` the product is divided by
    H W: eq. 11 sums over all pixels and has no such factor, so its answer would grow with the picture.
    """

    def __init__(self, width: int, reduced: int, per_pixel: bool) -> None:
        super().__init__()
        self.theta = nn.Conv2d(width, reduced, 1)
        self.nu = nn.Conv2d(width, reduced, 1)
        self.xi = nn.Conv2d(width, reduced, 1)
        self.W = nn.Conv2d(reduced, width, 1)
        self.per_pixel = per_pixel

    def forward(self, M: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        theta, nu, xi = (layer(M).flatten(2) for layer in (self.theta, self.nu, self.xi))  # [B, R, N]
        # Divided before the sum: in half precision the sum over a picture would overflow.
        nu = nu / nu.shape[-1] if self.per_pixel else nu
        product = (nu @ xi.transpose(1, 2)).transpose(1, 2) @ theta  # (theta (nu^T xi))^T
        return M + self.W(product.reshape(*product.shape[:2], *M.shape[-2:]))  # type: ignore[no-any-return]


class Unit(nn.Module):
    """The basic unit: the non-local operation, then dilated convolutions one after the other."""

    def __init__(self, width: int, non_local: LinearNonLocal, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.non_local = non_local
        self.convolutions = nn.ModuleList(convolution(width, width, dilation) for dilation in dilations)

    def forward(self, M: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        M = self.non_local(M)
        for layer in self.convolutions:
            M = functional.relu(layer(M))
        return M


class DenseDeblocker(nn.Module):
    """The paper's de-blocker: dense connections over the units, and a skip over everything.

    Each unit but the first is given all earlier features, brought to C channels by a 1x1 convolution.
    """

    def __init__(self, width: int, units: int, dilations: tuple[int, ...], *, reduced: int, per_pixel: bool) -> None:
        super().__init__()
        C = width
        self.head = convolution(1, C)
        self.units = nn.ModuleList(Unit(C, LinearNonLocal(C, reduced, per_pixel), dilations) for _ in range(units))
        self.fusions = nn.ModuleList(nn.Conv2d((i + 2) * C, C, 1) for i in range(units))
        self.tail = convolution(C, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, H, W]`` in and out."""
        # In float32 also where autocast is on: bfloat16 pixels would be wrong by a quarter of a gray level.
        with torch.autocast(x.device.type, enabled=False):
            M = self.head(x)
        features = [M]
        for unit, fuse in zip(self.units, self.fusions, strict=True):
            features.append(unit(M))
            M = fuse(torch.cat(features, 1))
        return x + self.tail(M)  # type: ignore[no-any-return]


class PlainDeblocker(nn.Module):
    """DnCNN as the de-blocker (table 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.network = dncnn.SPEC.build(dncnn.Config())

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, H, W]`` in and out."""
        unused = x.new_ones(0)
        return self.network(Observation(x, unused, unused)).planes  # type: ignore[no-any-return]


class Shrinkage(nn.Module):
    """l1 sparsity as the de-blocker (table 2): soft thresholds of the DCT of every 8x8 window, then the mean.

    The paper names the operator and no transform; the DCT of all shifts is ours. One threshold a frequency is
    learned, none for the mean gray. Where all are zero this is the identity.
    """

    atoms: Tensor

    def __init__(self, start: float) -> None:
        super().__init__()
        k = torch.arange(_BLOCK, dtype=torch.float64)
        basis = torch.cos(math.pi / _BLOCK * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / _BLOCK)
        basis[0] /= math.sqrt(2)
        atoms = torch.einsum("uy,vx->uvyx", basis, basis).reshape(-1, 1, _BLOCK, _BLOCK)
        self.register_buffer("atoms", atoms.float(), persistent=False)
        self.thresholds = nn.Parameter(torch.full((_BLOCK * _BLOCK - 1,), float(start)))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, H, W]`` in and out."""
        height, width = x.shape[-2:]
        margin = _BLOCK - 1
        # Edge pixels repeated by index: padding by reflection needs a picture larger than the margin.
        rows = torch.arange(-margin, height + margin, device=x.device).clamp(0, height - 1)
        columns = torch.arange(-margin, width + margin, device=x.device).clamp(0, width - 1)
        atoms = self.atoms.to(x.dtype)
        codes = functional.conv2d(x[..., rows, :][..., columns], atoms)
        limits = functional.pad(self.thresholds, (1, 0))[:, None, None]
        codes = codes.sign() * functional.relu(codes.abs() - limits)
        mean = functional.conv_transpose2d(codes, atoms) / _BLOCK**2
        return mean[..., margin : margin + height, margin : margin + width]


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """Hyper-parameters of the classifier; the defaults are the paper's."""

    features: int = 32
    """Channels of every convolution, and of the first fully connected layer (open in the paper)."""
    layers: int = 6
    """Convolutions."""

    def __post_init__(self) -> None:
        check_counts(features=self.features, layers=self.layers)


class Classifier(nn.Module):
    """f_s: whether gradients are those of a compressed picture, 1, or of a clear one, 0 (section 3.3)."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        widths = (2,) + (config.features,) * config.layers
        layers = [convolution(before, after) for before, after in zip(widths, widths[1:], strict=False)]
        for layer in layers:
            # Open in the paper. Without it gradients of a few hundredths fade on their way through six layers.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.convolutions = nn.ModuleList(layers)
        self.fc1 = nn.Linear(config.features, config.features)
        self.fc2 = nn.Linear(config.features, 1)

    def activations(self, g: Tensor) -> Tensor:
        """What the last convolution answers to ``g [B, 2, H, W]``, ``[B, features, H, W]`` (fig. 6)."""
        for layer in self.convolutions:
            g = functional.relu(layer(g))
        return g

    def logit(self, g: Tensor) -> Tensor:
        """``[B]``, before the sigmoid: what binary cross entropy is computed from (eq. 12)."""
        pooled = self.activations(g).mean((-2, -1))
        return self.fc2(functional.relu(self.fc1(pooled))).squeeze(1)  # type: ignore[no-any-return]

    def forward(self, g: Tensor) -> Tensor:
        """``g [B, 2, H, W]``, differences along rows and down columns, to probabilities ``[B]``."""
        return torch.sigmoid(self.logit(g))
