"""The course of a run as a picture: loss, and gain over the JPEG, against minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegmend.errors import MissingExtra


def draw(log: list[dict[str, Any]], path: Path, *, title: str) -> None:
    """Write a PNG from the lines of a run's log; a run that was never validated has only its loss.

    Raises :class:`~jpegmend.errors.MissingExtra` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the training curve needs matplotlib; pip install 'jpegmend[training]'") from error
    figure = Figure(figsize=(8, 3.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = [(line["minutes"], line["loss"]) for line in log if "loss" in line]
    left.plot(*zip(*losses, strict=True) if losses else ([], []))
    # The logarithm of an error is a loss too, and may be negative.
    positive = bool(losses) and min(loss for _, loss in losses) > 0
    left.set(xlabel="minutes of training", ylabel="loss", yscale="log" if positive else "linear", title=title)
    for name in sorted({key for line in log for key in line if key.startswith("gain_")}, key=_quality):
        points = [(line["minutes"], line[name]) for line in log if name in line]
        right.plot(*zip(*points, strict=True), label=f"quality {_quality(name)}")
    right.set(xlabel="minutes of training", ylabel="gain over the JPEG, dB")
    right.axhline(0, color="gray", linewidth=0.8)
    if right.get_legend_handles_labels()[0]:
        right.legend()
    figure.savefig(path)


def _quality(name: str) -> int:
    return int(name.rpartition("_")[2])
