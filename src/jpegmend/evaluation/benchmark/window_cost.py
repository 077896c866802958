"""The loss in PSNR of running networks with non-local layers in windows instead of on the whole picture.

A card with ``tiling`` of ``window`` states a window that fits into memory. Here the same network also runs in one
window as large as the picture, which must be small for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import lcm
from pathlib import Path
from typing import Any

from jpegmend import metrics
from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure.degrade_and_score import Picture, Trial, degrade, open_original
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.methods_under_test import Method, find
from jpegmend.evaluation.measure.protocols import Case, Protocol
from jpegmend.weights import Card


def window_cost(
    models: Sequence[str], files: Sequence[Path], protocol: Protocol, case: Case, *, side: int = 192
) -> dict[str, Any]:
    """PSNR of each model by its card's windows and by one window of the whole picture, over the middles of pictures.

    Args:
        models: names or paths of cards; those that do not work in windows are left out.
        files: original pictures; of each the middle ``side`` x ``side`` pixels are taken.
        protocol: how they are compressed and compared.
        case: at which qualities.
        side: small enough for the whole picture to fit into memory, larger than the windows to show a difference.

    Returns JSON-ready values: ``window``, a line for each model with ``what``, ``window``, ``psnr`` and
    ``psnr_whole`` (means in dB), ``difference`` (whole minus windows, dB) and ``worst`` (the largest difference of a
    picture, dB); ``side``, ``quality``, ``pictures``, ``protocol``, ``environment``.

    Raises:
        InvalidOption: no model works in windows smaller than ``side``.
        WeightsMissing, UnknownModel: a model cannot be run.
    """
    cards = [card for card in map(find, models) if card.tiling == "window" and (card.window or 0) < side]
    if not cards:
        raise InvalidOption(
            f"none of {', '.join(models)} works in windows of less than {side} pixels; name one that does"
        )
    trials = [degrade(middle(open_original(path, protocol), side), protocol, case) for path in files]
    return {
        "window": [_line(card, trials, side) for card in cards],
        "side": side,
        "quality": "+".join(map(str, case)),
        "pictures": len(trials),
        "protocol": protocol.stamped().to_json(),
        "environment": environment(),
    }


def middle(picture: Picture, side: int) -> Picture:
    """The middle ``side`` x ``side`` pixels of a picture, or what there is of them."""
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _line(card: Card, trials: Sequence[Trial], side: int) -> dict[str, Any]:
    grid = lcm(8, card.multiple)
    whole = replace(card, window=-(-side // grid) * grid)
    windows, entire = (_psnr(Method(each), trials) for each in (card, whole))
    psnr, psnr_whole = sum(windows) / len(trials), sum(entire) / len(trials)
    return {
        "what": card.name,
        "window": card.window,
        "psnr": psnr,
        "psnr_whole": psnr_whole,
        "difference": psnr_whole - psnr,
        "worst": max((after - before for before, after in zip(windows, entire, strict=True)), key=abs),
    }


def _psnr(method: Method, trials: Sequence[Trial]) -> list[float]:
    """PSNR in dB of each trial, restored."""
    return [metrics.psnr(trial.truth, trial.compared(method.restore(trial.file)[0]), peak=255) for trial in trials]
