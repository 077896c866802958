"""Loss functions, and the table of those that a recipe may name.

Pictures are ``[B, C, H, W]`` in 0..1. Elementwise losses keep that shape; all others return a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jpegmend.errors import InvalidRecipe
from jpegmend.jpeg.tables import nearest_quality
from jpegmend.models.contract import Estimate, Observation
from jpegmend.models.mdu_operators import down

CHARBONNIER_EPSILON = 1e-3
"""Epsilon of the Charbonnier loss, a quarter of a gray level."""
LOG_FLOOR = 3e-4
"""Constant added to the mean squared error before its logarithm: that of 35 dB. Without it smooth crops dominate."""
_SSIM_SIDE, _SSIM_SIGMA = 11, 1.5
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2


def mae(restored: Tensor, truth: Tensor) -> Tensor:
    """Absolute difference, per element."""
    return (restored - truth).abs()


def mse(restored: Tensor, truth: Tensor) -> Tensor:
    """Squared difference, per element."""
    return (restored - truth).square()


def charbonnier(restored: Tensor, truth: Tensor) -> Tensor:
    """A smooth absolute difference, per element: sqrt(d^2 + eps^2)."""
    return torch.sqrt((restored - truth).square() + CHARBONNIER_EPSILON**2)


def ssim(restored: Tensor, truth: Tensor) -> Tensor:
    """1 - SSIM per element of the valid region, Gaussian 11x11 of sigma 1.5: ``[B, C, H - 10, W - 10]``."""
    x = torch.arange(_SSIM_SIDE, device=truth.device, dtype=truth.dtype) - _SSIM_SIDE // 2
    weights = torch.exp(-(x**2) / (2 * _SSIM_SIGMA**2))
    weights = weights / weights.sum()

    def blur(image: Tensor) -> Tensor:
        C = image.shape[1]
        down = functional.conv2d(image, weights.reshape(1, 1, -1, 1).expand(C, 1, -1, 1), groups=C)
        return functional.conv2d(down, weights.reshape(1, 1, 1, -1).expand(C, 1, 1, -1), groups=C)

    a, b = blur(restored), blur(truth)
    aa, bb, ab = blur(restored**2) - a**2, blur(truth**2) - b**2, blur(restored * truth) - a * b
    return 1 - (2 * a * b + _SSIM_C1) * (2 * ab + _SSIM_C2) / ((a**2 + b**2 + _SSIM_C1) * (aa + bb + _SSIM_C2))


def margin_ranking(better: Tensor, worse: Tensor, margin: float) -> Tensor:
    """``max(0, s_worse - s_better + margin)``, the mean over pairs of scores ``[B]`` (CQR eq. 2)."""
    return functional.relu(worse - better + margin).mean()


def quality_score(score: Tensor) -> Tensor:
    """``sigmoid(-score)``, the mean over ``[B]``: low where the ranker scores the picture high (CQR eq. 4)."""
    return torch.sigmoid(-score).mean()


def feature_matching(restored: tuple[Tensor, ...], truth: tuple[Tensor, ...]) -> Tensor:
    """Mean absolute difference of features, the mean over layers (CQR eq. 5)."""
    return torch.stack([(a - b).abs().mean() for a, b in zip(restored, truth, strict=True)]).mean()


def binary_cross_entropy(logit: Tensor, compressed: Tensor | float) -> Tensor:
    """Cross entropy of ``sigmoid(logit) [B]`` with labels 1 for compressed and 0 for clear (Dual eq. 12)."""
    labels = torch.as_tensor(compressed, dtype=logit.dtype, device=logit.device).expand_as(logit)
    return functional.binary_cross_entropy_with_logits(logit, labels)


def over_stages(estimates: tuple[Tensor, ...], truth: Tensor) -> Tensor:
    """The sum over stages of the mean absolute difference (one half of MDU eq. 24)."""
    return sum((mae(estimate, truth).mean() for estimate in estimates), start=truth.new_zeros(()))


class Answer(NamedTuple):
    """Arguments of a loss function."""

    estimate: Estimate
    seen: Observation
    truth: Tensor
    planes: Tensor
    """Weight of each plane ``[C]``; 0 leaves a plane out."""
    auxiliary: Mapping[str, nn.Module]
    """Frozen networks by name."""
    teacher: Tensor | None = None
    """Planes that the recipe's teacher restored, as those of the estimate."""


def _weighted(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Answer], Tensor]:
    def whole(answer: Answer) -> Tensor:
        by_plane = loss(answer.estimate.planes, answer.truth).mean((0, 2, 3))
        return (by_plane * (answer.planes / answer.planes.sum())).sum()

    return whole


def log_mse(answer: Answer) -> Tensor:
    """Mean over pictures of ``log(mse + LOG_FLOOR)``, close to the negative mean PSNR.

    The squared error is dominated by low qualities; here a relative reduction of the error counts alike at all.
    """
    return _log_mse(answer, answer.truth)


def teacher(answer: Answer) -> Tensor:
    """:func:`log_mse` with the teacher's answer in the place of the original picture, where the answer is nearer to the
    original than the decoded picture is."""
    assert answer.teacher is not None, "check_recipe sees to it"
    helps = _errors(answer, answer.teacher, answer.truth) < _errors(answer, answer.seen.planes, answer.truth)
    return _log_mse(answer, torch.where(helps[:, None, None, None], answer.teacher, answer.truth))


def _log_mse(answer: Answer, target: Tensor) -> Tensor:
    return torch.log(_errors(answer, answer.estimate.planes, target) + LOG_FLOOR).mean()


def _errors(answer: Answer, planes: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each picture ``[B]``, its planes weighted."""
    return mse(planes, target).mean((2, 3)) @ (answer.planes / answer.planes.sum())


def _trace(answer: Answer, name: str) -> tuple[Tensor, ...]:
    if name not in answer.estimate.traces:
        raise InvalidRecipe(f"a loss needs the stages {name!r}, which this network does not have; use it with mdu")
    return answer.estimate.traces[name]


def true_artifacts(answer: Answer) -> Tensor:
    """``H = J - Down(O)`` of the truth (MDU eq. 2, 25); ``Down`` is the identity for a network of scale 1."""
    J = answer.seen.planes
    return J - down(answer.truth, answer.truth.shape[-1] // J.shape[-1])


def _quality_score(answer: Answer) -> Tensor:
    return quality_score(answer.auxiliary["ranker"](answer.estimate.planes).score)


def _feature_matching(answer: Answer) -> Tensor:
    ranker = answer.auxiliary["ranker"]
    return feature_matching(ranker(answer.estimate.planes).features, ranker(answer.truth).features)


def quality(answer: Answer) -> Tensor:
    """Mean absolute error of the estimated quality, over 100.

    The truth is the libjpeg quality nearest to the luma table; for double compression that of the second table.
    """
    if answer.estimate.quality is None:
        raise InvalidRecipe("the loss 'quality' needs a network that estimates one; this one does not")
    tables = answer.seen.tables[:, 0].round().cpu().numpy().astype(np.uint16)
    truth = answer.estimate.quality.new_tensor([nearest_quality(table)[0] for table in tables])
    return (answer.estimate.quality - truth).abs().mean() / 100


def _judge(answer: Answer) -> Tensor:
    return binary_cross_entropy(answer.auxiliary["judge"](answer.estimate.planes).score, 0.0)


LOSSES: dict[str, Callable[[Answer], Tensor]] = {
    "mae": _weighted(mae),
    "mse": _weighted(mse),
    "log_mse": log_mse,
    "teacher": teacher,
    "charbonnier": _weighted(charbonnier),
    "ssim": _weighted(ssim),
    "quality_score": _quality_score,
    "feature_matching": _feature_matching,
    "judge": _judge,
    "quality": quality,
    "pictures": lambda answer: over_stages(_trace(answer, "O")[:-1], answer.truth),
    "last_artifacts": lambda answer: over_stages(_trace(answer, "H")[-1:], true_artifacts(answer)),
    "artifacts": lambda answer: over_stages(_trace(answer, "H")[:-1], true_artifacts(answer)),
}
"""Losses by name. MDU's eq. 24 is ``mae`` and ``last_artifacts`` (alpha and beta at T), ``pictures`` and ``artifacts``
(before T), each with its weight; ``judge`` is the cross entropy of table XII. The file of a network outside the
package may add losses."""

NEEDS_AUXILIARY: Mapping[str, str] = {"quality_score": "ranker", "feature_matching": "ranker", "judge": "judge"}
"""Auxiliary network that a loss calls, by the name of the loss."""
NEEDS_TRACES = frozenset({"pictures", "last_artifacts", "artifacts"})
NEEDS_MORE = NEEDS_TRACES | {"quality"}
"""Losses of what not every network answers."""


def total(weights: Mapping[str, float], answer: Answer) -> Tensor:
    """The weighted sum of the named losses, one number."""
    return sum((weight * LOSSES[name](answer) for name, weight in weights.items()), start=answer.truth.new_zeros(()))
