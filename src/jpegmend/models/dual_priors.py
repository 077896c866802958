"""The two priors of Dual: de-blockers for pictures, and the classifier of gradients.

Shape letters: B batch, C channels, H W positions (pixels, or the folded grid), N = H W, R channels inside the non-local
operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.models import dncnn
from jpegmend.models.contract import Observation
from jpegmend.models.layers import check_counts, convolution, cosines, fold, fold_adjoint, unfold

_BLOCK = 8


class LinearNonLocal(nn.Module):
    """The non-local operation ``M + theta(M) (nu(M)^T xi(M)) W`` (eq. 11), at a cost linear in the positions.

    With these brackets the intermediate product is R x R. ``per_pixel`` divides it by H W: eq. 11 sums over all
    positions without such a factor, so its result would grow with the picture.

    The operation is cubic in M, so that pictures of much contrast, such as a chessboard, can let the features grow from
    unit to unit to infinity. With ``limit`` above 0 the R x R product is scaled down to that Frobenius norm where it is
    larger.
    """

    def __init__(self, width: int, reduced: int, per_pixel: bool, limit: float) -> None:
        super().__init__()
        self.theta = nn.Conv2d(width, reduced, 1)
        self.nu = nn.Conv2d(width, reduced, 1)
        self.xi = nn.Conv2d(width, reduced, 1)
        self.W = nn.Conv2d(reduced, width, 1)
        self.per_pixel, self.limit = per_pixel, limit

    def forward(self, M: Tensor) -> Tensor:
        """``[B, C, H, W]`` in and out."""
        theta, nu, xi = (layer(M).flatten(2) for layer in (self.theta, self.nu, self.xi))  # [B, R, N]
        # Divided before the sum: in half precision the sum over a picture would overflow.
        nu = nu / nu.shape[-1] if self.per_pixel else nu
        inner = nu @ xi.transpose(1, 2)  # [B, R, R]
        if self.limit:
            norm = torch.linalg.matrix_norm(inner, keepdim=True)
            inner = inner * (self.limit / norm.clamp(min=self.limit))
        product = inner.transpose(1, 2) @ theta  # (theta (nu^T xi))^T
        return M + self.W(product.reshape(*product.shape[:2], *M.shape[-2:]))  # type: ignore[no-any-return]


class Unit(nn.Module):
    """The basic unit: the non-local operation, then consecutive dilated convolutions."""

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
    """The paper's de-blocker: dense connections over the units, and a skip over all of them.

    The input of every unit but the first is the concatenation of all earlier features, reduced to C channels by a 1x1
    convolution. Initialised after Glorot, the default of TensorFlow, which the authors used.
    """

    def __init__(
        self,
        width: int,
        units: int,
        dilations: tuple[int, ...],
        *,
        reduced: int,
        per_pixel: bool,
        fold: int,
        limit: float,
    ) -> None:
        super().__init__()
        C = width
        self.fold = fold
        self.head = convolution(fold**2, C)
        non_local = (LinearNonLocal(C, reduced, per_pixel, limit) for _ in range(units))
        self.units = nn.ModuleList(Unit(C, operation, dilations) for operation in non_local)
        self.fusions = nn.ModuleList(nn.Conv2d((i + 2) * C, C, 1) for i in range(units))
        self.tail = convolution(C, fold**2)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, H, W]`` in and out."""
        # In float32 also where autocast is on: bfloat16 pixels would be wrong by a quarter of a gray level.
        with torch.autocast(x.device.type, enabled=False):
            M = self.head(fold(x, self.fold))
        features = [M]
        for unit, fuse in zip(self.units, self.fusions, strict=True):
            features.append(unit(M))
            M = fuse(torch.cat(features, 1))
        return x + unfold(self.tail(M), self.fold, *x.shape[-2:])


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
    """l1 sparsity as the de-blocker (table 2): soft thresholding of the DCT of every 8x8 window, then the mean.

    The paper gives no transform; the DCT at all shifts is ours. One threshold a frequency is learned, none for the DC
    coefficient. With thresholds of zero this is the identity.
    """

    atoms: Tensor

    def __init__(self, start: float) -> None:
        super().__init__()
        basis = cosines(_BLOCK, torch.empty(0, dtype=torch.float64))
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
    fold: int = 1
    """Side of the squares of pixels that are folded into channels at its input."""

    def __post_init__(self) -> None:
        check_counts(features=self.features, layers=self.layers, fold=self.fold)


class Classifier(nn.Module):
    """f_s: probability that gradients are those of a compressed picture (section 3.3)."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        widths = (2 * config.fold**2,) + (config.features,) * config.layers
        layers = [convolution(before, after) for before, after in zip(widths, widths[1:], strict=False)]
        for layer in layers:
            # Open in the paper. By PyTorch's default gradients of a few hundredths vanish within six layers.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.convolutions = nn.ModuleList(layers)
        self.fc1 = nn.Linear(config.features, config.features)
        self.fc2 = nn.Linear(config.features, 1)

    def activations(self, g: Tensor) -> list[Tensor]:
        """Outputs of all convolutions for ``g [B, 2, H, W]``, each ``[B, features, H, W]``, folded (fig. 6: last)."""
        found, M = [], fold(g, self.config.fold)
        for layer in self.convolutions:
            M = functional.relu(layer(M))
            found.append(M)
        return found

    def logit(self, g: Tensor) -> Tensor:
        """``[B]``, before the sigmoid."""
        return self.fc2(self._hidden(self.activations(g)[-1])).squeeze(1)  # type: ignore[no-any-return]

    def _hidden(self, M: Tensor) -> Tensor:
        """Output ``[B, features]`` of the first fully connected layer for the last activations."""
        return functional.relu(self.fc1(M.mean((-2, -1))))

    def derivative(self, g: Tensor, of_logit: bool) -> Tensor:
        """The derivative of the probability by ``g [B, 2, H, W]``, or that of the logit, in shape and type of ``g``.

        Written out layer by layer, because automatic differentiation cannot be exported as ONNX.
        """
        found = self.activations(g)
        hidden = self._hidden(found[-1])
        slope = (self.fc2.weight * (hidden > 0)) @ self.fc1.weight  # [B, features]
        if not of_logit:
            p = torch.sigmoid(self.fc2(hidden))
            slope = slope * p * (1 - p)
        positions = found[-1].shape[-2] * found[-1].shape[-1]
        slope = slope[..., None, None] / positions
        for layer, M in zip(reversed(self.convolutions), reversed(found), strict=True):
            # The adjoint of a 3x3 convolution is that with mirrored weights, inputs and outputs exchanged.
            weight = layer.get_parameter("weight").transpose(0, 1).flip(2, 3)
            slope = functional.conv2d(slope * (M > 0), weight, padding=1)
        return fold_adjoint(slope, self.config.fold, *g.shape[-2:]).to(g.dtype)

    def forward(self, g: Tensor) -> Tensor:
        """``g [B, 2, H, W]``, differences along rows and down columns, to probabilities ``[B]``."""
        return torch.sigmoid(self.logit(g))
