"""Auxiliary networks: trained before the network that a recipe is about, then frozen (rankers, classifiers).

Shape letters: B batch, C planes, H W pixels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
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
from jpegmend.training.views import view

Draw = Callable[[Degradation], tuple[Observation, Tensor]]
"""Compresses the same crops, in the same kind of file, as often as it is called: what is seen, and the truth."""


@dataclass(frozen=True)
class Auxiliary:
    """Configuration, constructor and loss of one auxiliary network."""

    config: type[Any]
    build: Callable[[Any], nn.Module]
    loss: Callable[[nn.Module, Callable[..., Any], Draw, Degradation, random.Random], Tensor]
    """From the network, a callable that runs it, the batch, what may happen to it, and the step's randomness."""


def same_crops(clean: Tensor, kind: Planes, rng: random.Random) -> Draw:
    """A :data:`Draw` over ``clean [B, 3, H, W]`` uint8, as a network of this kind sees it."""
    seed = rng.random()

    def draw(degradation: Degradation) -> tuple[Observation, Tensor]:
        seen, truth, _ = view(kind, *degrade(clean, degradation, random.Random(seed)), 1.0)
        return seen, truth

    return draw


def rank(
    ranker: nn.Module, run: Callable[..., Any], draw: Draw, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Margin ranking of the same crops at two of the ranker's levels (CQR eq. 1, 2)."""
    config: RankerConfig = ranker.config  # type: ignore[assignment]
    worse, better = sorted(rng.sample(range(len(config.levels)), 2))
    pictures = []
    for level in (worse, better):
        low, high = config.levels[level]
        seen, _ = draw(replace(degradation, qualities=((low, high, 1.0),), double=0.0, social=0.0))
        pictures.append(seen.planes)
    scores = run(torch.cat(pictures)).score  # one pass, so that both halves share the batch's statistics
    return margin_ranking(scores[len(pictures[0]) :], scores[: len(pictures[0])], config.margin)


def classify_gradients(
    classifier: nn.Module, run: Callable[..., Any], draw: Draw, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Clear (0) or compressed (1), by the gradients of a picture (Dual eq. 12)."""
    seen, truth = draw(degradation)
    probability = run(gradient(torch.cat([truth, seen.planes]))).float().clamp(1e-6, 1 - 1e-6)
    return binary_cross_entropy(torch.logit(probability), _labels(len(truth), truth.device))


def judge_pictures(
    judge: nn.Module, run: Callable[..., Any], draw: Draw, degradation: Degradation, rng: random.Random
) -> Tensor:
    """Clear (0) or compressed (1), by the picture itself (MDU, table XII)."""
    seen, truth = draw(degradation)
    return binary_cross_entropy(run(torch.cat([truth, seen.planes])).score, _labels(len(truth), truth.device))


def _labels(count: int, device: torch.device) -> Tensor:
    return torch.cat([torch.zeros(count, device=device), torch.ones(count, device=device)])


AUXILIARIES: Mapping[str, Auxiliary] = {
    "ranker": Auxiliary(RankerConfig, Ranker, rank),
    "classifier": Auxiliary(ClassifierConfig, Classifier, classify_gradients),
    # MDU names VGG-16; ours is the ranker's VGG of ten convolutions, its score taken as a logit.
    "judge": Auxiliary(RankerConfig, Ranker, judge_pictures),
}
"""By name. One that is a submodule of the network itself (Dual's ``classifier``) is trained there."""
