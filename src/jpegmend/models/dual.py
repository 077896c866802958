"""Dual: unfolded optimisation with two learned priors, a de-blocker (pictures) and a classifier (gradients).

Minimises ``|y - x|^2 + alpha |u - x|^2 + beta |g - grad x|^2 + lambda_1 f_p(u) + lambda_2 f_s(g)`` (eq. 4) in K stages
of three steps: u by the de-blocker (eq. 8), g by gradient descent on the classifier's output (eq. 9), x in closed form
(eq. 10). The two networks are in ``dual_priors``.

Shape letters: B batch, H W pixels. A gradient has two channels: h, along a row, and v, down a column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec
from jpegmend.models.dual_priors import (
    Classifier,
    ClassifierConfig,
    DenseDeblocker,
    PlainDeblocker,
    Shrinkage,
)
from jpegmend.models.layers import check_counts, cosines


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's where it names them."""

    stages: int = 5
    """K: stages of u, g, x (fig. 8: 1 to 7)."""
    inner: int = 3
    """J: steps of eq. 9 in a stage."""
    deblocker: Literal["dense", "dncnn", "l1"] = "dense"
    """f_p: the paper's own network, DnCNN, or shrinkage of a DCT (table 2)."""
    features: int = 112
    """Channels of the dense de-blocker."""
    units: int = 18
    """Its basic units; open in the paper, 18 come nearest to its parameter count."""
    reduced: int = 56
    """Channels inside its non-local operations; open, half as in RNAN."""
    dilations: tuple[int, ...] = (1, 3, 5)
    """Of the consecutive convolutions in a unit."""
    normalisation: Literal["pixels", "none"] = "pixels"
    """Eq. 11 sums over all pixels; "pixels" divides by H W, so that the result does not depend on the size."""
    limit: float = 0.0
    """Largest Frobenius norm of the product nu^T xi inside a non-local operation; 0: none, as in the paper."""
    semantic: bool = True
    """Whether there is f_s: without it g stays the gradient of x (fig. 7)."""
    classifier_features: int = 32
    """Channels of the classifier."""
    semantic_size: Literal["mean", "sum", "unit"] = "mean"
    """Scale of the classifier's derivative, the same for pictures of every size. The derivative itself falls as
    1 / (H W). "mean": the paper's, of its training patches of 64 x 64. "sum": times H W. "unit": scaled to the
    root mean square of g, picture by picture, so that eta lambda_2 is the length of a step as a share of g, however
    steep the classifier is and however certain."""
    second_order: bool = True
    """Whether training differentiates through the classifier's derivative; if not, it is a constant in the backward
    pass, which saves most of a step."""
    start: float = 0.01
    """Initial value of alpha, beta, lambda_2 and eta."""
    shared: bool = True
    """Whether all stages share these four (eq. 8 to 10 give them no index), or each has its own."""
    fold: int = 1
    """Side of the squares of pixels that the dense de-blocker and the classifier fold into channels. The data term and
    the x step stay at full resolution."""

    def __post_init__(self) -> None:
        check_counts(stages=self.stages, inner=self.inner, features=self.features, units=self.units)
        check_counts(reduced=self.reduced, classifier_features=self.classifier_features, fold=self.fold)
        for name, allowed in (
            ("deblocker", ("dense", "dncnn", "l1")),
            ("normalisation", ("pixels", "none")),
            ("semantic_size", ("mean", "sum", "unit")),
        ):
            if getattr(self, name) not in allowed:
                raise InvalidOption(f"{name}={getattr(self, name)!r}; give one of {', '.join(allowed)}")
        if self.limit < 0:
            raise InvalidOption(f"limit={self.limit}; give a number above 0, or 0 for none")
        if self.start <= 0:
            raise InvalidOption(f"start={self.start}; the scalars are positive, give a number above 0")


def gradient(x: Tensor) -> Tensor:
    """Forward differences ``[B, 1, H, W]`` to ``[B, 2, H, W]``; zero where there is no next pixel."""
    h = torch.cat([x[..., :, 1:] - x[..., :, :-1], torch.zeros_like(x[..., :, :1])], -1)
    v = torch.cat([x[..., 1:, :] - x[..., :-1, :], torch.zeros_like(x[..., :1, :])], -2)
    return torch.cat([h, v], 1)


def gradient_adjoint(g: Tensor) -> Tensor:
    """``<gradient(x), g> = <x, gradient_adjoint(g)>``, ``[B, 2, H, W]`` to ``[B, 1, H, W]``.

    Convolution with the mirrored difference is what conj(F(grad)) multiplies in eq. 10.
    """
    h, v = g[:, :1, :, :-1], g[:, 1:, :-1, :]
    return (
        functional.pad(h, (1, 0))
        - functional.pad(h, (0, 1))
        + functional.pad(v, (0, 0, 1, 0))
        - functional.pad(v, (0, 0, 0, 1))
    )


def solve(y: Tensor, u: Tensor, g: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The x that minimises ``|y - x|^2 + alpha |u - x|^2 + beta |g - gradient(x)|^2`` (eq. 7, 10).

    Exact, in the basis of the DCT, which is eq. 10 for the picture extended by its mirror image: the circular boundary
    then has no jump, and the solution is that of differences which end at the border (Neumann). Computed in float32 or
    wider; returns ``[B, 1, H, W]`` of the type of ``y``. ``alpha`` and ``beta`` must be positive.
    """
    height, width = y.shape[-2:]
    with torch.autocast(y.device.type, enabled=False):
        y_, u_, g_, alpha, beta = (
            part.to(torch.promote_types(part.dtype, torch.float32)) for part in (y, u, g, alpha, beta)
        )
        right = y_ + alpha * u_ + beta * gradient_adjoint(g_)
        rows, columns = cosines(height, right), cosines(width, right)
        power = _power(height, right)[:, None] + _power(width, right)
        x = rows.T @ (rows @ right @ columns.T / (1 + alpha + beta * power)) @ columns
    return x.to(y.dtype)


def _power(size: int, like: Tensor) -> Tensor:
    """The eigenvalues of a forward difference's square on ``size`` samples, by frequency of the DCT: ``[size]``."""
    k = torch.arange(size, device=like.device, dtype=like.dtype)
    return (2 * torch.sin(k * (math.pi / (2 * size)))).square()


class Scalars(nn.Module):
    """alpha, beta, lambda_2 and eta, learned, for one stage or for all.

    Each is the softplus of a parameter, so positive: the denominator of eq. 10 is above 1. With Adam at 1e-4 they need
    1e4 steps from 0.01 to 1: recipes give them a learning rate of their own (``optimiser.rates``).
    """

    NAMES = ("alpha", "beta", "lambda_2", "eta")

    def __init__(self, start: float) -> None:
        super().__init__()
        self.values = nn.ParameterDict({name: torch.tensor(math.log(math.expm1(start))) for name in self.NAMES})

    def forward(self) -> dict[str, Tensor]:
        """The four by name, tensors without dimensions."""
        return {name: functional.softplus(value) for name, value in self.values.items()}


def _deblocker(config: Config) -> nn.Module:
    """f_p, ``[B, 1, H, W]`` in and out."""
    if config.deblocker == "l1":
        return Shrinkage(config.start)
    if config.deblocker == "dncnn":
        return PlainDeblocker()
    return DenseDeblocker(
        config.features,
        config.units,
        config.dilations,
        reduced=config.reduced,
        per_pixel=config.normalisation == "pixels",
        fold=config.fold,
        limit=config.limit,
    )


_PATCH = 64 * 64
"""Pixels of the paper's training patches."""


class Dual(nn.Module):
    """The unfolded solver (fig. 2). ``classifier`` is trained first, alone, and frozen while the rest is trained."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Whether training uses gradient checkpointing for each stage's de-blocker, which has most of the memory."""
        self.deblocker = _deblocker(config)
        settings = ClassifierConfig(features=config.classifier_features, fold=config.fold)
        self.classifier = Classifier(settings) if config.semantic else None
        self.scalars = nn.ModuleList(Scalars(config.start) for _ in range(1 if config.shared else config.stages))

    def derivative(self, g: Tensor) -> Tensor:
        """``d f_s(g) / d g`` on the scale of ``semantic_size``, of the shape of ``g [B, 2, H, W]``.

        Part of the outer graph with ``second_order``, a constant without. Raises
        :class:`~jpegmend.errors.InvalidOption` where there is no classifier.
        """
        if self.classifier is None:
            raise InvalidOption("the network was built with semantic=False; there is no classifier to derive")
        if not self.config.second_order:
            g = g.detach()
        # The logit has the direction of the probability's derivative, and does not vanish where that is 0 or 1.
        slope = self.classifier.derivative(g, of_logit=self.config.semantic_size == "unit")
        slope = slope if self.config.second_order else slope.detach()
        if self.config.semantic_size == "unit":
            wanted, found = (torch.linalg.vector_norm(part, dim=(1, 2, 3), keepdim=True) for part in (g, slope))
            return slope * (wanted / found.clamp(min=1e-12))  # type: ignore[no-any-return]
        pixels = g.shape[-2] * g.shape[-1]
        return slope * (pixels / _PATCH if self.config.semantic_size == "mean" else pixels)

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """``seen.planes [B, 1, H, W]`` in 0..1, any size.

        Traces by stage: ``u``, ``x``, and with two channels ``g`` and ``derivative``, that of the last inner step
        (fig. 5).
        """
        y = seen.planes
        x = y
        traces: dict[str, tuple[Tensor, ...]] = {}
        for k in range(self.config.stages):
            scalars = self.scalars[k % len(self.scalars)]()
            u = self._deblock(x)  # eq. 8
            g, slope = self._update_g(gradient(x), scalars)  # eq. 9
            x = solve(y, u, g, scalars["alpha"], scalars["beta"])  # eq. 10
            if collect:
                for name, value in (("u", u), ("g", g), ("x", x), ("derivative", slope)):
                    if value is not None:
                        traces[name] = (*traces.get(name, ()), value)
        return Estimate(x, traces=traces)

    def _deblock(self, x: Tensor) -> Tensor:
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self.deblocker, x, use_reentrant=False)  # type: ignore[no-any-return]
        return self.deblocker(x)  # type: ignore[no-any-return]

    def _update_g(self, grad_x: Tensor, scalars: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """J steps of eq. 9 from ``grad_x``; also the last derivative, None without f_s."""
        if self.classifier is None:
            return grad_x, None
        g, slope = grad_x, grad_x
        eta, beta, lambda_2 = (scalars[name] for name in ("eta", "beta", "lambda_2"))
        for _ in range(self.config.inner):
            slope = self.derivative(g)
            g = g - eta * (beta * (g - grad_x) + lambda_2 * slope)
        return g, slope


def without_semantic(network: Dual) -> Dual:
    """A copy of a trained network without f_s: g stays the gradient of x, all other weights are those of ``network``.

    What the semantic prior contributes is the difference of the two networks' outputs.
    """
    plain = Dual(replace(network.config, semantic=False))
    plain.load_state_dict({name: part for name, part in network.state_dict().items() if "classifier." not in name})
    return plain.train(network.training)


SPEC = Spec(
    name="dual",
    title="Dual, priors on pictures and on their gradients",
    paper="Fu, Wang, Liu, Han, Zha: Learning Dual Priors for JPEG Compression Artifacts Removal, ICCV 2021",
    config=Config,
    build=Dual,
    planes=lambda config: "y",
    halo=lambda config: 8,
    tiling="window",
    window=256,
    free=("limit",),
    frozen=("classifier",),
    small=(Config(stages=2, inner=1, features=8, units=1, reduced=4, classifier_features=4),),
)
