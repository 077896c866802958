"""Learning rate schedules, by the share of the budget that is spent."""

from __future__ import annotations

import math

from jpegmend.training.recipe import Optimiser

WARM_START = 0.02
"""Least warm-up of a run that starts from trained weights, as a share of the budget."""


def rate_at(optimiser: Optimiser, share: float, *, rate: float | None = None, warm: bool = False) -> float:
    """The learning rate after ``share`` (0..1) of a schedule that starts at ``rate``, by default the optimiser's.

    ``cosine`` falls from the start; ``constant-then-decay`` keeps the rate for 80 % of the budget and then falls
    linearly, so that a run can be resumed with a larger budget before the decay; ``halving`` halves it four times at
    equal distances. ``warm`` adds the warm-up of a warm start: Adam's averages of the gradient start at 0, so its first
    steps at the full rate would damage the weights.
    """
    share = min(max(share, 0.0), 1.0)
    rate = optimiser.rate if rate is None else rate
    warmup = max(optimiser.warmup, WARM_START) if warm else optimiser.warmup
    rise = min(1.0, share / warmup) if warmup else 1.0
    if optimiser.schedule == "cosine":
        fall = 0.5 + 0.5 * math.cos(math.pi * share)
    elif optimiser.schedule == "halving":
        return rate * rise * float(0.5 ** min(4, int(share * 5)))
    else:
        fall = min(1.0, (1 - share) / 0.2)
    return rate * rise * (optimiser.final + (1 - optimiser.final) * fall)
