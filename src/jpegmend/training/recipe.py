"""Recipe: the settings of a training run, stored with the weights. ``recipe_checks`` reads and checks one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jpegmend import models
from jpegmend.data.degradation import MARGIN, Degradation
from jpegmend.data.pictures import Sizes
from jpegmend.errors import InvalidRecipe
from jpegmend.training.auxiliary import AUXILIARIES
from jpegmend.training.plain_values import build_from


class _Part(BaseModel):
    """Base of all parts of a recipe: immutable; unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Phase(_Part):
    """A phase of the run with its own crops and losses."""

    share: float = Field(gt=0, le=1)
    """Share of the budget after the stages."""
    crop: int = Field(gt=0, multiple_of=16)
    """Side of the square crops, in pixels."""
    batch: int = Field(gt=0)
    """Crops per batch; ``accumulate`` batches on every process make one step."""
    losses: dict[str, float] = Field(default={"charbonnier": 1.0}, min_length=1)
    """Weight of each loss, by its name in :mod:`jpegmend.training.losses`."""
    rate: float | None = Field(default=None, gt=0)
    """Starts a new learning rate schedule at this value; it ends with the phases, or at the next ``rate``."""
    config: dict[str, Any] = {}
    """Hyper-parameters that differ from the recipe's in this phase; the weights of the phase before are kept."""


class Stage(_Part):
    """Training of an auxiliary network (ranker, classifier) before the main network; it is then frozen."""

    auxiliary: str
    """A name in :data:`jpegmend.training.auxiliary.AUXILIARIES`."""
    share: float = Field(ge=0, lt=1)
    """Share of the whole budget; 0 for one that is only read from ``weights``."""
    crop: int = Field(gt=0, multiple_of=16)
    batch: int = Field(gt=0)
    rate: float = Field(default=1e-4, gt=0)
    """Learning rate, constant."""
    config: dict[str, Any] = {}
    """Hyper-parameters that differ from the auxiliary network's defaults, or from those of ``weights``."""
    weights: str = ""
    """File of initial weights, such as the ``auxiliary.ranker.safetensors`` of an earlier run."""


Decay = Annotated[float, Field(ge=0, lt=1)]
"""Share of a running average that is kept at each step."""


class Optimiser(_Part):
    """Optimiser (AdamW or Muon) and learning rate schedule."""

    kind: Literal["adam", "muon"] = "adam"
    """``muon`` updates the kernels of inner convolutions with the orthogonal part of their momentum, and all other
    parameters as ``adam`` does."""
    adam: list[str] = []
    """With ``muon``: prefixes of the names of further parameters that AdamW updates."""
    momentum: Decay = 0.95
    """Momentum of Muon."""
    rate: float = Field(default=1e-3, gt=0)
    rates: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Factors on the rate by prefix of the parameter's name: ``{ scalars = 100 }``."""
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, ge=0)
    """Largest allowed norm of the whole gradient; 0 for no limit."""
    schedule: Literal["cosine", "constant-then-decay", "halving"] = "cosine"
    warmup: float = Field(default=0.01, ge=0, lt=1)
    """Share of the budget over which the rate rises from zero."""
    final: float = Field(default=0.01, ge=0, le=1)
    """Share of the rate that is left at the end."""


class Validation(_Part):
    """Validation of a run, by which ``best.safetensors`` is chosen."""

    pictures: int = Field(default=12, gt=0)
    """Number of pictures, the first by name."""
    share: float = Field(default=0.05, gt=0, le=1)
    """Largest share of the run's time for validation: saves that would exceed it are not validated, except the first
    and the last. 1 validates every save."""
    qualities: list[Annotated[int, Field(ge=1, le=100)]] = []
    """libjpeg qualities; empty: those of 10, 20, 30, 40 and 90 that are in ``degradation.qualities``."""
    halved: bool = False
    """Whether the pictures are reduced to half their size first. Those that are JPEG files themselves, such as
    BSDS500's, hold errors of that compression, and the score falls where a network takes these away too: at high
    qualities most."""


class Recipe(_Part):
    """All settings of a training run."""

    name: str = Field(min_length=1)
    """Name of the run, and of the folder that it has in ``runs`` without ``--out``."""
    network: str
    """A name in ``models.NETWORKS``."""
    config: dict[str, Any] = {}
    """Hyper-parameters that differ from the network's defaults."""
    note: str = ""
    """Remarks, such as the row of a paper's table, or differences from the paper."""
    data: dict[str, float] = {}
    """Data sets (:mod:`jpegmend.data.sets`) and the share of each, unless the command line names some."""
    seed: int = 0
    minutes: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    """Budget in minutes or in steps, one of them. With steps a run can be repeated bit for bit."""
    ema: Decay = 0.999
    """Decay of the running average of the weights, which is released; 0 for none."""
    halve_above: int = Field(default=0, ge=0)
    """Pictures with more pixels are also used at half their size; 0 for none."""
    halvings: int = Field(default=1, ge=1)
    """Greatest number of halvings of a picture with more pixels than ``halve_above``."""
    even_sizes: bool = False
    """Whether the sizes of a picture are drawn equally often, rather than in proportion to their pixels."""
    candidates: int = Field(default=1, ge=1)
    """Number of crops drawn for each one taken, from pictures of the same set; that with most detail is taken."""
    flips: bool = True
    """Whether crops are flipped and rotated by multiples of 90 degrees at random."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the network's inner layers, by autocast."""
    compile: bool = False
    """Whether to use ``torch.compile``: on CUDA, and on a CPU if there is a C++ compiler."""
    recompute: bool = False
    """Whether to use gradient checkpointing, for networks that support it."""
    accumulate: int = Field(default=1, gt=0)
    """Number of batches per step (gradient accumulation)."""
    chroma_weight: float = Field(default=0.5, ge=0)
    """Weight of the chroma planes in the losses of colour networks, against 1 for luma."""
    revive: bool = False
    """Whether units of the weights of ``--warm-start`` that answer 0 everywhere get fresh weights before the first step
    (:mod:`jpegmend.training.silent_units`)."""
    teacher: str = ""
    """A released network, or a weights file, whose answers the loss ``teacher`` takes as the target (knowledge
    distillation). It works on the planes of the recipe's network, or on YCbCr for one of luma."""
    teacher_mirrored: bool = False
    """Whether the teacher sees each batch mirrored left to right, top to bottom, both or neither, at random; its answer
    is mirrored back. Its mean is then that of ``--thorough``, so that a network can learn from itself."""
    project: bool = False
    """Whether luma is projected into the file's quantisation cells before the losses; not for RGB networks."""
    degradation: Degradation = Degradation()
    optimiser: Optimiser = Optimiser()
    validation: Validation = Validation()
    stages: list[Stage] = []
    """Stages, trained before the phases, in order."""
    phases: list[Phase] = Field(min_length=1)

    def build_config(self, phase: Phase | None = None) -> Any:
        """The network's frozen config in a phase, by default the last; InvalidRecipe on unknown hyper-parameters."""
        given = self.config | (phase or self.phases[-1]).config
        return build_config(models.find(self.network).config, given, self.network)

    def config_at(self, part: Stage | Phase) -> Any:
        """The network's config while ``part`` is trained; in a stage that of the first phase."""
        return self.build_config(part if isinstance(part, Phase) else self.phases[0])

    def auxiliary_config(self, stage: Stage, trained: Mapping[str, Any] | None = None) -> Any:
        """The config of a stage's network; ``trained`` is that of its ``weights``, which the stage's config updates.

        An auxiliary network of pictures has the planes of the main network; InvalidRecipe if its config differs.
        """
        kind, name = AUXILIARIES[stage.auxiliary].config, stage.auxiliary
        given = {**(trained or {}), **stage.config}
        if any(field.name == "channels" for field in fields(kind)):
            planes = models.find(self.network).planes(self.config_at(stage))
            channels = 1 if planes == "y" else 3
            if given.setdefault("channels", channels) != channels:
                raise InvalidRecipe(f"{name}: channels {given['channels']}, but {self.network} works on {channels}")
        return build_config(kind, given, name)

    def margin(self, part: Stage | Phase) -> int:
        """Pixels by which the pictures that are compressed are larger than the crops given to the network."""
        return MARGIN if self.degradation.phase == "any" and isinstance(part, Phase) else 0

    def build_sizes(self) -> Sizes:
        """The settings for the sizes of the pictures."""
        return Sizes(self.halve_above, self.halvings, self.even_sizes)

    def part_at(self, share: float) -> tuple[Stage | Phase, float]:
        """The stage or phase at this share of the budget (0..1), and the position in its schedule (0..1).

        Phases share a schedule, up to a phase with a ``rate``; a stage has none, its ``rate`` is constant.
        """
        end = 0.0
        for stage in self.stages:
            if share < end + stage.share - 1e-9:
                return stage, (share - end) / stage.share
            end += stage.share
        share = (share - end) / (1 - end)
        ends = list(accumulate(phase.share for phase in self.phases))
        index = next((i for i, end in enumerate(ends) if share < end - 1e-9), len(ends) - 1)
        first, past = self._schedule_phases(index)
        before = sum(phase.share for phase in self.phases[:first])
        length = sum(phase.share for phase in self.phases[first:past])
        return self.phases[index], (share - before) / length

    def rate_of(self, phase: Phase) -> float:
        """The initial learning rate of the schedule of this phase."""
        # By identity: phases may be equal, and lie in different schedules.
        index = next(i for i, known in enumerate(self.phases) if known is phase)
        first, _ = self._schedule_phases(index)
        return self.phases[first].rate or self.optimiser.rate

    def _schedule_phases(self, index: int) -> tuple[int, int]:
        """First (inclusive) and last (exclusive) phase of the schedule that contains the given phase."""
        starts = [0, *(i for i, phase in enumerate(self.phases) if i and phase.rate), len(self.phases)]
        return max(i for i in starts if i <= index), min(i for i in starts if i > index)


def build_config(kind: type[Any], given: Mapping[str, Any], owner: str) -> Any:
    """A frozen config from plain values of the types that it declares (lists stand for tuples); InvalidRecipe where
    they do not fit."""
    known = [field.name for field in fields(kind)]
    if unknown := [name for name in given if name not in known]:
        raise InvalidRecipe(f"config of {owner}: no hyper-parameter {unknown[0]!r}; there are: {', '.join(known)}")
    try:
        return build_from(kind, given)
    except InvalidRecipe as error:
        raise InvalidRecipe(f"config of {owner}: {error}") from error
