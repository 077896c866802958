"""Dual: a de-blocker for the picture, a classifier for its gradients, one variational problem over both.

Minimises ``|y - x|^2 + alpha |u - x|^2 + beta |g - grad x|^2 + lambda_1 f_p(u) + lambda_2 f_s(g)`` (eq. 4)
in K rounds of three steps: u by a network (eq. 8), g down the derivative of the classifier (eq. 9), x in closed
form by FFT (eq. 10). The two networks and their pieces are in ``dual_priors``.

Shape letters: B batch, H W pixels. A gradient has two channels: h, along a row, and v, down a column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
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
from jpegmend.models.layers import check_counts


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's where it names them."""

    stages: int = 5
    """K: rounds of u, g, x (fig. 8: 1 to 7)."""
    inner: int = 3
    """J: steps of eq. 9 in a round."""
    deblocker: Literal["dense", "dncnn", "l1"] = "dense"
    """f_p: the paper's own network, DnCNN, or shrinkage of a DCT (table 2)."""
    features: int = 112
    """Channels of the dense de-blocker."""
    units: int = 18
    """Its basic units; open in the paper, this many come nearest to its parameter count."""
    reduced: int = 56
    """Channels inside its non-local operations; open, half as in RNAN."""
    dilations: tuple[int, ...] = (1, 3, 5)
    """Of the convolutions that follow one another in a unit."""
    normalisation: Literal["pixels", "none"] = "pixels"
    """Eq. 11 sums over all pixels; "pixels" divides by H W, so that a picture's size does not matter."""
    semantic: bool = True
    """Whether there is f_s: without it g stays the gradient of x (fig. 7)."""
    classifier_features: int = 32
    """Channels of the classifier."""
    semantic_size: Literal["mean", "sum"] = "mean"
    """f_s answers once for a picture, so its derivative shrinks as 1 / (H W); "sum" multiplies by H W."""
    start: float = 0.01
    """Where alpha, beta, lambda_2 and eta begin."""
    shared: bool = True
    """Whether all stages share these four (eq. 8 to 10 give them no index), or each has its own."""
    positive: bool = False
    """Learn logarithms of the four: they stay above zero and move in proportion to their size."""

    def __post_init__(self) -> None:
        check_counts(stages=self.stages, inner=self.inner, features=self.features, units=self.units)
        check_counts(reduced=self.reduced, classifier_features=self.classifier_features)
        for name, allowed in (
            ("deblocker", ("dense", "dncnn", "l1")),
            ("normalisation", ("pixels", "none")),
            ("semantic_size", ("mean", "sum")),
        ):
            if getattr(self, name) not in allowed:
                raise InvalidOption(f"{name}={getattr(self, name)!r}; give one of {', '.join(allowed)}")
        if self.positive and self.start <= 0:
            raise InvalidOption(f"start={self.start} with positive scalars; give a number above 0")


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
        nn.functional.pad(h, (1, 0))
        - nn.functional.pad(h, (0, 1))
        + nn.functional.pad(v, (0, 0, 1, 0))
        - nn.functional.pad(v, (0, 0, 0, 1))
    )


def solve(y: Tensor, u: Tensor, g: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """The x that minimises ``|y - x|^2 + alpha |u - x|^2 + beta |g - gradient(x)|^2`` (eq. 7, 10).

    Exact, by a FFT of the picture continued by its mirror image: so continued, twice as high and as wide, the
    circular boundary of eq. 10 has no jump, and the answer is the one without any wrap. In float32 or wider;
    returns ``[B, 1, H, W]`` of the type of ``y``.
    """
    height, width = y.shape[-2:]
    with torch.autocast(y.device.type, enabled=False):
        y_, u_, g_, alpha, beta = (
            part.to(torch.promote_types(part.dtype, torch.float32)) for part in (y, u, g, alpha, beta)
        )
        right = y_ + alpha * u_ + beta * gradient_adjoint(g_)
        right = torch.cat([right, right.flip(-1)], -1)
        right = torch.cat([right, right.flip(-2)], -2)
        rows = torch.arange(2 * height, device=y.device, dtype=right.dtype)
        columns = torch.arange(width + 1, device=y.device, dtype=right.dtype)
        # |F(grad_v)|^2 + |F(grad_h)|^2 of a forward difference on 2 H x 2 W.
        power = (2 * torch.sin(rows * (math.pi / (2 * height)))).square()[:, None]
        power = power + (2 * torch.sin(columns * (math.pi / (2 * width)))).square()
        spectrum = torch.fft.rfft2(right) / (1 + alpha + beta * power)
        x = torch.fft.irfft2(spectrum, s=(2 * height, 2 * width))[..., :height, :width]
    return x.to(y.dtype)  # type: ignore[no-any-return]


class Scalars(nn.Module):
    """alpha, beta, lambda_2 and eta, learned, for one stage or for all.

    With Adam at 1e-4 they need 1e4 steps from 0.01 to 1: the trainer gives ``parameters()`` of this module a
    learning rate of their own.
    """

    NAMES = ("alpha", "beta", "lambda_2", "eta")

    def __init__(self, start: float, positive: bool) -> None:
        super().__init__()
        self.positive = positive
        self.values = nn.ParameterDict(
            {name: torch.tensor(math.log(start) if positive else start) for name in self.NAMES}
        )

    def forward(self) -> dict[str, Tensor]:
        """The four by name, tensors without dimensions."""
        return {name: torch.exp(value) if self.positive else value for name, value in self.values.items()}


def _deblocker(config: Config) -> nn.Module:
    """f_p, ``[B, 1, H, W]`` in and out."""
    if config.deblocker == "l1":
        return Shrinkage(config.start)
    if config.deblocker == "dncnn":
        return PlainDeblocker()
    per_pixel = config.normalisation == "pixels"
    return DenseDeblocker(config.features, config.units, config.dilations, reduced=config.reduced, per_pixel=per_pixel)


class Dual(nn.Module):
    """The unfolded solver (fig. 2).

    ``classifier`` is trained first, alone, and then frozen with ``requires_grad_(False)``; the derivative of
    eq. 9 flows through it all the same.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.checkpoint = False
        """Whether training computes each stage's de-blocker, nearly all of the memory, again going back."""
        self.deblocker = _deblocker(config)
        self.classifier = Classifier(ClassifierConfig(features=config.classifier_features)) if config.semantic else None
        self.scalars = nn.ModuleList(
            Scalars(config.start, config.positive) for _ in range(1 if config.shared else config.stages)
        )

    def derivative(self, g: Tensor) -> Tensor:
        """``d f_s(g) / d g``, of the shape of ``g [B, 2, H, W]``; gradients, where they are on, flow through it.

        Works under ``torch.no_grad()`` and ``torch.inference_mode()`` too.
        """
        if self.classifier is None:
            raise InvalidOption("the network was built with semantic=False; there is no classifier to derive")
        outer = torch.is_grad_enabled()
        # Outside inference mode a clone is an ordinary tensor again, which automatic differentiation accepts.
        with torch.inference_mode(False), torch.enable_grad():
            if not (outer and g.requires_grad):
                g = g.detach().clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.classifier(g).sum(), g, create_graph=outer)
        return slope * (g.shape[-2] * g.shape[-1]) if self.config.semantic_size == "sum" else slope

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """``seen.planes [B, 1, H, W]`` in 0..1, any size.

        Traces by stage: ``u``, ``x``, and with two channels ``g`` and ``derivative``, that of the last inner
        step (fig. 5).
        """
        y = seen.planes
        x = y
        traces: dict[str, tuple[Tensor, ...]] = {}
        for k in range(self.config.stages):
            scalars = self.scalars[k % len(self.scalars)]()
            u = self._deblock(x)  # eq. 8
            g, slope = self._sharpen(gradient(x), scalars)  # eq. 9
            x = solve(y, u, g, scalars["alpha"], scalars["beta"])  # eq. 10
            if collect:
                for name, value in (("u", u), ("g", g), ("x", x), ("derivative", slope)):
                    if value is not None:
                        traces[name] = (*traces.get(name, ()), value)
        return Estimate(x, traces=traces)

    def _deblock(self, x: Tensor) -> Tensor:
        if self.checkpoint and torch.is_grad_enabled():
            return checkpoint(self.deblocker, x, use_reentrant=False)  # type: ignore[no-any-return]
        return self.deblocker(x)  # type: ignore[no-any-return]

    def _sharpen(self, grad_x: Tensor, scalars: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """J steps of eq. 9 from ``grad_x``; also the last derivative, None without f_s."""
        if self.classifier is None:
            return grad_x, None
        g, slope = grad_x, grad_x
        eta, beta, lambda_2 = (scalars[name] for name in ("eta", "beta", "lambda_2"))
        for _ in range(self.config.inner):
            slope = self.derivative(g)
            g = g - eta * (beta * (g - grad_x) + lambda_2 * slope)
        return g, slope


SPEC = Spec(
    name="dual",
    title="Dual priors",
    paper="Fu, Wang, Liu, Han, Zha: Learning Dual Priors for JPEG Compression Artifacts Removal, ICCV 2021",
    config=Config,
    build=Dual,
    planes=lambda config: "y",
    halo=lambda config: 16,
    tiling="window",
    window=128,
    frozen=("classifier",),
    exportable=False,
)
