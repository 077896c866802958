"""The learning rate by the share of the budget used, so that 9 minutes and 9 hours are both whole runs."""

from __future__ import annotations

import math

from jpegmend.training.recipe import Optimiser


def rate_at(optimiser: Optimiser, share: float) -> float:
    """The learning rate after ``share`` (0..1) of the budget.

    ``cosine`` falls from the start; ``constant-then-decay`` keeps the rate for 80 % of the budget and then
    falls in a straight line, so that a run which will be resumed can stop before the fall.
    """
    share = min(max(share, 0.0), 1.0)
    rise = min(1.0, share / optimiser.warmup) if optimiser.warmup else 1.0
    if optimiser.schedule == "cosine":
        fall = 0.5 + 0.5 * math.cos(math.pi * share)
    else:
        fall = min(1.0, (1 - share) / 0.2)
    return optimiser.rate * rise * (optimiser.final + (1 - optimiser.final) * fall)
