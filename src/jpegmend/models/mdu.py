"""MDU: the picture and its artifacts estimated in turn, each iteration a stage of the network.

Minimises ``|J - O - sum_n W_n (x) M_n|^2 + lambda_1 f_1(M) + lambda_2 f_2(O)`` (eq. 7): the decoded picture J is a
clean picture O plus artifacts H, and H is coded by M over a convolutional dictionary W. A stage is one proximal
gradient step in M and one in O; the two proximal operators, which stand for the unknown f_1 and f_2, are learned.
With ``scale=3`` the model is that of super-resolution, ``J = Down(O) + H`` (eq. 25, 26).

Shape letters: B batch, C planes, H W pixels, D dilations, N atoms of one dilation, s scale.
"""

# ruff: noqa: E741 - O is the paper's letter for the picture, and the equations are to be found again in the code.

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Planes, Spec
from jpegmend.models.layers import check_counts, convolution
from jpegmend.models.proximal import Choice, Kind

_START = 0.1
"""How far from the identity the first picture starts, as a share of Glorot's weights."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyper-parameters; the defaults are the paper's (section III-H)."""

    channels: int = 1
    """1 restores each plane alone, 3 restores RGB (fig. 4, 5)."""
    stages: int = 10
    """T; 1 to 15 in fig. 10."""
    width: int = 48
    """Feature maps of the proximal networks; 16, 24 and 32 in table V."""
    depth: int = 10
    """Residual blocks of each; 4 to 12 in table VI. The other networks are made as large as that many blocks."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Of the dictionary; {1} to {1, 2, 4, 6} in table IX."""
    atoms: int | None = None
    """Channels of M per dilation; the paper does not say. As many as ``width`` where it is None."""
    proximal: Kind = "resnet"
    """The operator of both updates: tables VII and VIII."""
    points: int = 101
    """Control points of the piecewise linear function (ADMM-CSNet's number)."""
    skip: bool = True
    """Whether a proximal network adds its input to its answer. Ours: the paper does not draw it, costs nothing."""
    steps: tuple[float, float] = (0.1, 1.0)
    """Where eta_1 and eta_2 start, at every stage (section IV-C)."""
    scale: int = 1
    """1 removes artifacts; 3 also triples both sides (section IV-F)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        object.__setattr__(self, "steps", tuple(self.steps))
        check_counts(channels=self.channels, stages=self.stages, width=self.width, depth=self.depth)
        check_counts(dilations=len(self.dilations), dilation=min(self.dilations, default=1), scale=self.scale)
        check_counts(atoms=self.dictionary_atoms, points_less_one=self.points - 1)
        if self.proximal not in get_args(Kind):
            raise InvalidOption(f"proximal={self.proximal!r}; there are: {', '.join(get_args(Kind))}")
        if len(self.steps) != 2:
            raise InvalidOption(f"steps={self.steps}; give the starts of eta_1 and eta_2, two numbers")

    @property
    def dictionary_atoms(self) -> int:
        """N, with the default filled in."""
        return self.width if self.atoms is None else self.atoms

    @property
    def operator(self) -> Choice:
        """The proximal operator that these hyper-parameters choose."""
        return Choice(kind=self.proximal, width=self.width, depth=self.depth, points=self.points, skip=self.skip)


class Dictionary(nn.Module):
    """``W (x) M``: dilated convolutions from the coefficients to the artifacts, and their adjoint."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dilations = config.dilations
        D, C, N = len(config.dilations), config.channels, config.dictionary_atoms
        self.W = nn.Parameter(torch.empty(C, D * N, 3, 3))
        # Glorot's bound for the D convolutions as the one operator they are; |W|^2 stays far below 2 / eta_1.
        bound = math.sqrt(6 / (9 * (D * N + C)))
        nn.init.uniform_(self.W, -bound, bound)

    def layers(self, M: Tensor) -> list[Tensor]:
        """The artifact layer of every dilation, each ``[B, C, H, W]``, from ``M [B, D N, H, W]`` (fig. 7)."""
        return [
            functional.conv2d(m, w, padding=dilation, dilation=dilation)
            for m, w, dilation in zip(M.chunk(len(self.dilations), 1), self._atoms(), self.dilations, strict=True)
        ]

    def forward(self, M: Tensor) -> Tensor:
        """``H = sum_n W_n (x) M_n`` (eq. 3)."""
        return torch.stack(self.layers(M)).sum(0)

    def adjoint(self, r: Tensor) -> Tensor:
        """``W (x)^T r``, ``[B, D N, H, W]``: the transposed convolution of eq. 13."""
        return torch.cat(
            [
                functional.conv_transpose2d(r, w, padding=dilation, dilation=dilation)
                for w, dilation in zip(self._atoms(), self.dilations, strict=True)
            ],
            1,
        )

    def _atoms(self) -> tuple[Tensor, ...]:
        """The kernels ``[C, N, 3, 3]`` of every dilation."""
        return self.W.chunk(len(self.dilations), 1)


def down(O: Tensor, scale: int) -> Tensor:
    """``Down`` of eq. 25: the mean of s x s pixels (which one it is, the paper leaves open); s = 1 does nothing."""
    return O if scale == 1 else functional.avg_pool2d(O, scale)


def down_adjoint(r: Tensor, scale: int) -> Tensor:
    """The adjoint of :func:`down`: every pixel repeated s x s times, divided by s^2."""
    return r if scale == 1 else functional.interpolate(r, scale_factor=scale, mode="nearest") / scale**2


class Stage(nn.Module):
    """One update of M, then one of O."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale = config.scale
        coefficients = len(config.dilations) * config.dictionary_atoms
        eta_1, eta_2 = config.steps
        self.eta_1 = nn.Parameter(torch.tensor(eta_1))
        # Down Down^T = I / s^2: times s^2, a step of 1 makes the residual vanish at every scale, as it does at 1.
        self.eta_2 = nn.Parameter(torch.tensor(eta_2 * config.scale**2))
        self.prox_M = config.operator.build(coefficients)
        self.prox_O = config.operator.build(config.channels)

    def forward(self, W: Dictionary, J: Tensor, M: Tensor, H: Tensor, O: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """M, H and O of stage t from those of stage t - 1; ``H`` is ``W (x) M``, handed on and not made twice."""
        M = M - self.eta_1 * W.adjoint(H - (J - down(O, self.scale)))  # eq. 19
        M = self.prox_M(M)  # eq. 20
        H = W(M)  # eq. 21
        O = O - self.eta_2 * down_adjoint(down(O, self.scale) - (J - H), self.scale)  # eq. 22
        O = self.prox_O(O)  # eq. 23
        return M, H, O


def start_picture(channels: int) -> nn.Conv2d:
    """The convolution of ``O^(0)``, started near the identity (ours; the paper is silent).

    What it gets wrong enters M in the first stage and stays there, since eq. 22 with a step of 1 leaves no
    residual for the later ones; but were it the identity, M would stay 0 and learn nothing.
    """
    layer = convolution(channels, channels)
    nn.init.xavier_uniform_(layer.weight)
    with torch.no_grad():
        layer.weight.mul_(_START)
        layer.weight[:, :, 1, 1] += torch.eye(channels)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class MDU(nn.Module):
    """T stages over one dictionary (fig. 1).

    Traces: ``O`` the pictures ``O^(0)`` to ``O^(T)``, each ``[B, C, s H, s W]``; ``H`` the artifacts ``H^(1)`` to
    ``H^(T)``, each ``[B, C, H, W]``, ``J = O + H``; ``H_by_dilation`` the last of them apart, one per dilation;
    ``eta_1`` and ``eta_2`` the learned steps, one scalar a stage. Eq. 24 supervises all of ``O`` and ``H``.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.checkpoint = False
        """Whether training recomputes each stage in the backward pass: the memory of one stage, same gradients."""
        self.W = Dictionary(config)
        self.W_0 = start_picture(config.channels)
        self.stages = nn.ModuleList(Stage(config) for _ in range(config.stages))

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, C, H, W]``, any size; the answer is ``[B, C, s H, s W]``."""
        J, s = seen.planes, self.config.scale
        B, _, height, width = J.shape
        M = J.new_zeros(B, len(self.config.dilations) * self.config.dictionary_atoms, height, width)
        H = torch.zeros_like(J)
        O = self.W_0(down_adjoint(J, s) * s**2)
        pictures, artifacts = [O], []
        for stage in self.stages:
            M, H, O = self._run(stage, J, M, H, O)
            if collect:
                pictures.append(O)
                artifacts.append(H)
        traces = self._traces(M, pictures, artifacts) if collect else {}
        return Estimate(O, traces=traces)

    def _run(self, stage: nn.Module, *state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not (self.checkpoint and torch.is_grad_enabled()):
            return stage(self.W, *state)  # type: ignore[no-any-return]
        return checkpoint(  # type: ignore[no-any-return]
            stage, self.W, *state, use_reentrant=False, preserve_rng_state=False
        )

    def _traces(self, M: Tensor, O: list[Tensor], H: list[Tensor]) -> dict[str, tuple[Tensor, ...]]:
        return {
            "O": tuple(O),
            "H": tuple(H),
            "H_by_dilation": tuple(self.W.layers(M)),
            "eta_1": tuple(stage.eta_1 for stage in self.stages),  # type: ignore[misc]
            "eta_2": tuple(stage.eta_2 for stage in self.stages),  # type: ignore[misc]
        }


def planes(config: Config) -> Planes:
    """Each plane alone, or RGB."""
    return "rgb" if config.channels == 3 else "y"


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels of J, by following M and O through the stages.

    It grows by two proximal networks and the dictionary a stage: 521 at the defaults. That is what exact tiles
    need; how little of it matters after training is for the card to measure.
    """
    reach, prox = max(config.dilations), config.operator.radius()
    fine = -(-prox // config.scale)  # prox_O works on the pixels of O, of which s lie side by side in one of J
    M, O = -reach, 1  # M^(0) is 0, so that its first step reaches no further than J and O do
    for _ in range(config.stages):
        M = max(M + 2 * reach, O + reach) + prox
        O = max(O, M + reach) + fine
    return O


SPEC = Spec(
    name="mdu",
    title="MDU, model-driven deep unfolding",
    paper="Fu, Wang, Cao, Ding, Zha: A Model-Driven Deep Unfolding Method for JPEG Artifacts Removal, TNNLS 2021",
    config=Config,
    build=MDU,
    planes=planes,
    halo=halo,
)
