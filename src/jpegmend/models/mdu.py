"""MDU: unfolded alternating minimisation over the picture and its artifacts, one iteration per stage.

It minimises ``|J - O - sum_n W_n (x) M_n|^2 + lambda_1 f_1(M) + lambda_2 f_2(O)`` (eq. 7): the decoded picture J is a
clean picture O plus artifacts H, and H is coded by M over a convolutional dictionary W. A stage is one proximal
gradient step in M and one in O; the proximal operators of the unknown f_1 and f_2 are learned networks.
With ``scale=3`` the model is that of super-resolution, ``J = Down(O) + H`` (eq. 25, 26).

With ``fold=f`` (ours) J, O, H and M lie on a folded grid: squares of f x f pixels become channels of one position. The
equations are the same; C is then ``channels f^2``, and H W count positions.

Shape letters: B batch, C planes, H W pixels, D dilations, N atoms of one dilation, s scale, f fold.
"""

# ruff: noqa: E741 - O is the paper's letter for the picture; the code keeps the names of the equations.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jpegmend.errors import InvalidOption
from jpegmend.models.contract import Estimate, Observation, Spec, planes_by_channels
from jpegmend.models.layers import check_counts, convolution, fold, unfold
from jpegmend.models.mdu_operators import Dictionary, down, down_adjoint
from jpegmend.models.proximal import Choice, Kind

_START = 0.1
"""Factor on Glorot's weights that are added to the identity for the initial ``O^(0)``."""
_FOLDS = (1, 2, 4, 8)


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
    """Residual blocks of each; 4 to 12 in table VI. DenseNet and DLA have about as many parameters as ResNet."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Dilations of the dictionary; {1} to {1, 2, 4, 6} in table IX."""
    atoms: int | None = None
    """Channels of M per dilation, which the paper does not state; None: equal to ``width``."""
    proximal: Kind = "resnet"
    """The proximal operator of both updates: tables VII and VIII."""
    points: int = 101
    """Control points of the piecewise linear function (ADMM-CSNet's number)."""
    skip: bool = True
    """Whether a proximal network adds its input to its output. Ours; the paper's figures show no such skip."""
    gain: float = 0.1
    """Factor on the initial weights of the last convolution of every residual block, and with ``skip`` of every
    proximal network. Ours: at 1 the output of the untrained network exceeds 1e7."""
    slope: float = 0.0
    """Of the activations of ``resnet`` below zero, from 0 to less than 1. Ours; the paper's is 0, a ReLU, which can
    fall silent for good (docs/models/mdu.md)."""
    steps: tuple[float, float] = (0.1, 1.0)
    """Initial values of eta_1 and eta_2 in every stage (section IV-C)."""
    scale: int = 1
    """1 removes artifacts; 3 also triples both sides (section IV-F)."""
    fold: int = 1
    """Side in pixels of a position of the folded grid: 1 is the paper's; 2 takes a fourth of the multiply-adds at the
    same width. It must divide 8, because tiles begin at multiples of 8."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        object.__setattr__(self, "steps", tuple(self.steps))
        check_counts(channels=self.channels, stages=self.stages, width=self.width, depth=self.depth)
        check_counts(dilations=len(self.dilations), dilation=min(self.dilations, default=1), scale=self.scale)
        check_counts(atoms=self.dictionary_atoms, points_less_one=self.points - 1)
        if self.fold not in _FOLDS:
            raise InvalidOption(f"fold={self.fold}; allowed: {', '.join(map(str, _FOLDS))}")
        if self.proximal not in get_args(Kind):
            raise InvalidOption(f"proximal={self.proximal!r}; there are: {', '.join(get_args(Kind))}")
        if not 0 <= self.slope < 1 or (self.slope and self.proximal != "resnet"):
            raise InvalidOption(f"slope={self.slope}; allowed: 0 to less than 1, above 0 only with proximal='resnet'")
        if len(self.steps) != 2:
            raise InvalidOption(f"steps={self.steps}; give the starts of eta_1 and eta_2, two numbers")

    @property
    def dictionary_atoms(self) -> int:
        """N, with the default filled in."""
        return self.width if self.atoms is None else self.atoms

    @property
    def grid_channels(self) -> int:
        """Channels of J, O and H on the grid."""
        return self.channels * self.fold**2

    @property
    def operator(self) -> Choice:
        """The proximal operator that these hyper-parameters choose."""
        return Choice(
            kind=self.proximal,
            width=self.width,
            depth=self.depth,
            points=self.points,
            skip=self.skip,
            gain=self.gain,
            slope=self.slope,
        )


class Stage(nn.Module):
    """One update of M, then one of O."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.scale, self.fold = config.scale, config.fold
        coefficients = len(config.dilations) * config.dictionary_atoms
        eta_1, eta_2 = config.steps
        self.eta_1 = nn.Parameter(torch.tensor(eta_1))
        # Down Down^T = I / s^2: times s^2, a step of 1 makes the residual vanish at every scale, as it does at 1.
        self.eta_2 = nn.Parameter(torch.tensor(eta_2 * config.scale**2))
        self.prox_M = config.operator.build(coefficients)
        self.prox_O = config.operator.build(config.grid_channels)

    def forward(self, W: Dictionary, J: Tensor, M: Tensor, H: Tensor, O: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """M, H and O of stage t from those of stage t - 1; ``H = W (x) M`` is passed on to avoid computing it twice."""
        M = M - self.eta_1 * W.adjoint(H - (J - down(O, self.scale, self.fold)))  # eq. 19
        M = self.prox_M(M)  # eq. 20
        H = W(M)  # eq. 21
        r = down(O, self.scale, self.fold) - (J - H)
        O = O - self.eta_2 * down_adjoint(r, self.scale, self.fold)  # eq. 22
        O = self.prox_O(O)  # eq. 23
        return M, H, O


def start_picture(channels: int) -> nn.Conv2d:
    """The convolution of ``O^(0)``, initialised near the identity (ours; the paper does not state it).

    Its error enters M in the first stage and stays there, since eq. 22 with a step of 1 leaves no residual for later
    stages. With exactly the identity, M would stay 0 and get no gradient.
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

    Traces, in pixels and not folded: ``O`` the pictures ``O^(0)`` to ``O^(T)``, each ``[B, C, s H, s W]``; ``H`` the
    artifacts ``H^(1)`` to ``H^(T)``, each ``[B, C, H, W]``, ``J = O + H``; ``H_by_dilation`` the last of them
    by dilation; ``eta_1`` and ``eta_2`` the learned steps, one scalar a stage. Eq. 24 supervises all of ``O``
    and ``H``.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Whether training recomputes each stage in the backward pass: the memory of one stage, same gradients."""
        self.W = Dictionary(config.grid_channels, config.dictionary_atoms, config.dilations)
        self.W_0 = start_picture(config.grid_channels)
        self.stages = nn.ModuleList(Stage(config) for _ in range(config.stages))

    def forward(self, seen: Observation, collect: bool = False) -> Estimate:
        """Restore ``seen.planes [B, C, H, W]``, any size; the answer is ``[B, C, s H, s W]``."""
        s, f = self.config.scale, self.config.fold
        sides = seen.planes.shape[-2:]
        J = fold(seen.planes, f)
        M = J.new_zeros(len(J), len(self.config.dilations) * self.config.dictionary_atoms, *J.shape[-2:])
        H = torch.zeros_like(J)
        O = self.W_0(down_adjoint(J, s, f) * s**2)
        pictures, artifacts = [O], []
        for stage in self.stages:
            M, H, O = self._run(stage, J, M, H, O)
            if collect:
                pictures.append(O)
                artifacts.append(H)
        height, width = s * sides[0], s * sides[1]
        traces = {}
        if collect:
            traces["O"] = tuple(unfold(O, f, height, width) for O in pictures)
            traces["H"] = tuple(unfold(H, f, *sides) for H in artifacts)
            traces["H_by_dilation"] = tuple(unfold(H, f, *sides) for H in self.W.layers(M))
            traces |= self._steps()
        return Estimate(unfold(O, f, height, width), traces=traces)

    def _run(self, stage: nn.Module, *state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not (self.recompute and torch.is_grad_enabled()):
            return stage(self.W, *state)  # type: ignore[no-any-return]
        return checkpoint(  # type: ignore[no-any-return]
            stage, self.W, *state, use_reentrant=False, preserve_rng_state=False
        )

    def _steps(self) -> dict[str, tuple[Tensor, ...]]:
        """The learned steps of every stage (fig. 9)."""
        return {
            "eta_1": tuple(stage.eta_1 for stage in self.stages),  # type: ignore[misc]
            "eta_2": tuple(stage.eta_2 for stage in self.stages),  # type: ignore[misc]
        }


def scale(config: Config) -> int:
    """Output height and width over those of the input."""
    return config.scale


def halo(config: Config) -> int:
    """Radius of the receptive field in pixels of J, computed for M and O stage by stage.

    Each stage adds those of two proximal networks and the dictionary: 521 at the defaults, about twice as much with
    ``fold=2``. A card may state a smaller halo, measured after training.
    """
    reach, prox = max(config.dilations), config.operator.radius()
    fine = -(-prox // config.scale)  # prox_O works on the pixels of O, of which s lie side by side in one of J
    M, O = -reach, 1  # M^(0) is 0, so that its first step reaches no further than J and O do
    for _ in range(config.stages):
        M = max(M + 2 * reach, O + reach) + prox
        O = max(O, M + reach) + fine
    return O * config.fold + config.fold - 1


def grow(weights: Mapping[str, Tensor], old: Config, new: Config) -> dict[str, Tensor]:
    """Initial weights for a network with more stages: each added stage is a copy of the last one.

    With ``skip`` the last convolution of an added ``prox_M`` is set to 0, so that it leaves M unchanged: with a copy, a
    network trained for 150 steps lost 0.6 dB at quality 40, with 0 it lost 0.02.
    """
    last = f"stages.{old.stages - 1}."
    grown = dict(weights)
    for t in range(old.stages, new.stages):
        for name, tensor in weights.items():
            if name.startswith(last):
                same_M = new.skip and name.startswith(last + "prox_M.tail.")
                grown[name.replace(last, f"stages.{t}.", 1)] = torch.zeros_like(tensor) if same_M else tensor.clone()
    return grown


SPEC = Spec(
    name="mdu",
    title="MDU, model-driven deep unfolding",
    paper="Fu, Wang, Cao, Ding, Zha: A Model-Driven Deep Unfolding Method for JPEG Artifacts Removal, TNNLS 2021",
    config=Config,
    build=MDU,
    planes=planes_by_channels,
    halo=halo,
    scale=scale,
    grow=grow,
    small=(
        Config(stages=2, width=6, depth=1),
        Config(stages=1, width=6, depth=1, channels=3, fold=2),
    ),
)
