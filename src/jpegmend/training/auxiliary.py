"""Auxiliary networks (rankers, classifiers): trained before the main network, then frozen.

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from jpegmend.data.degradation import Degradation, degrade
from jpegmend.models.contract import Observation, Planes
from jpegmend.models.cqr import Ranker, RankerConfig
from jpegmend.models.dual import gradient
from jpegmend.models.dual_priors import Classifier, ClassifierConfig
from jpegmend.training.losses import binary_cross_entropy, margin_ranking
from jpegmend.training.planes import select_planes


@dataclass(frozen=True)
class Crops:
    """A batch of clean crops that can be compressed several times with the same sampling."""

    clean: Tensor
    """``[B, 3, H, W]`` uint8 RGB."""
    kind: Planes
    """Input planes of the network."""
    seed: float
    """Seed of everything that :func:`~jpegmend.data.degradation.degrade` draws, such as the sampling."""

    def compress(self, degradation: Degradation, qualities: Sequence[int] | None = None) -> tuple[Observation, Tensor]:
        """The network's input and the truth; ``qualities``: one per crop, or None to draw them from ``degradation``."""
        seen, truth, _ = select_planes(
            self.kind, *degrade(self.clean, degradation, random.Random(self.seed), qualities), 1.0
        )
        return seen, truth


@dataclass(frozen=True)
class Auxiliary:
    """Configuration, constructor and loss of one auxiliary network."""

    config: type[Any]
    build: Callable[[Any], nn.Module]
    loss: Callable[[nn.Module, Callable[..., Any], Crops, Degradation, random.Random], Tensor]
    """Function of the network, the callable that runs it (compiled or distributed), the batch, its degradation, and the
    random generator of the step."""


def rank(
    ranker: nn.Module, run: Callable[..., Any], crops: Crops, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Margin ranking loss of pairs: one crop at two qualities (CQR eq. 1, 2)."""
    config: RankerConfig = ranker.config  # type: ignore[assignment]
    count = len(crops.clean)
    worse, better = zip(*(draw_pair(config.levels, rng) for _ in range(count)), strict=True)
    once = replace(degradation, double=0.0, social=0.0)
    pictures = [crops.compress(once, qualities)[0].planes for qualities in (worse, better)]
    scores = run(torch.cat(pictures)).score  # one pass, so that both halves share the batch's statistics
    return margin_ranking(scores[count:], scores[:count], config.margin)


def draw_pair(levels: Sequence[tuple[int, int]], rng: random.Random) -> tuple[int, int]:
    """Draw the worse and the better quality of a ranker pair: two different levels, then uniformly inside each."""
    first, second = sorted(rng.sample(range(len(levels)), 2))
    return rng.randint(*levels[first]), rng.randint(*levels[second])


def classify_gradients(
    classifier: nn.Module, run: Callable[..., Any], crops: Crops, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Cross entropy of classifying gradients as clear (0) or compressed (1) (Dual eq. 12)."""
    seen, truth = crops.compress(degradation)
    probability = run(gradient(torch.cat([truth, seen.planes]))).float().clamp(1e-6, 1 - 1e-6)
    return binary_cross_entropy(torch.logit(probability), _labels(len(truth), truth.device))


def judge_pictures(
    judge: nn.Module, run: Callable[..., Any], crops: Crops, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Cross entropy of classifying pictures as clear (0) or compressed (1) (MDU, table XII)."""
    seen, truth = crops.compress(degradation)
    return binary_cross_entropy(run(torch.cat([truth, seen.planes])).score, _labels(len(truth), truth.device))


def _labels(count: int, device: torch.device) -> Tensor:
    return torch.cat([torch.zeros(count, device=device), torch.ones(count, device=device)])


AUXILIARIES: Mapping[str, Auxiliary] = {
    "ranker": Auxiliary(RankerConfig, Ranker, rank),
    "classifier": Auxiliary(ClassifierConfig, Classifier, classify_gradients),
    # MDU names VGG-16; ours is the ranker's VGG of ten convolutions, its score taken as a logit.
    "judge": Auxiliary(RankerConfig, Ranker, judge_pictures),
}
"""Auxiliary networks by name. A submodule of the main network (Dual's ``classifier``) is trained in place."""
