"""Training curve of a run: loss, and gain over the JPEG in dB, by minutes."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from jpegmend.errors import extra_needed
from jpegmend.writing.atomic import open_target

_JUMP = 4.0
"""Factor between the losses of two saves from which they are taken as different loss functions."""
_MOST = 3
"""Greatest number of panels of losses; earlier ones are left out."""


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; empty where there is none. Lines that an interrupted run wrote in part are left out."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def draw(log: list[dict[str, Any]], path: Path, *, title: str) -> None:
    """Write the curve of a run's log as PNG; without validation it shows only the loss.

    Raises :class:`~jpegmend.errors.MissingExtra` without matplotlib and :class:`~jpegmend.errors.OutputError` where
    ``path`` cannot be written.
    """
    with extra_needed("the training curve", "training"):
        from matplotlib.figure import Figure
    parts = stretches(log)[-_MOST:]
    figure = Figure(figsize=(4 + 3.2 * max(len(parts), 1), 3.2), dpi=120, layout="constrained")
    *losses, right = figure.subplots(1, max(len(parts), 1) + 1)
    for panel, part in zip(losses, parts, strict=False):
        panel.plot(*zip(*part, strict=True))
    for panel in losses:
        panel.set(xlabel="minutes of training", ylabel="loss")
    figure.suptitle(title)
    for name in sorted({key for line in log for key in line if key.startswith("gain_")}, key=_quality):
        points = [(line["minutes"], line[name]) for line in log if name in line]
        right.plot(*zip(*points, strict=True), label=f"quality {_quality(name)}")
    right.set(xlabel="minutes of training", ylabel="gain over the JPEG, dB")
    right.axhline(0, color="gray", linewidth=0.8)
    if right.get_legend_handles_labels()[0]:
        right.legend()
    with open_target(path, overwrite=True) as stream:
        figure.savefig(stream, format="png")


def stretches(log: list[dict[str, Any]]) -> list[list[tuple[float, float]]]:
    """Minutes and loss, divided where the loss function changes, because its values need another axis.

    >>> stretches([{"minutes": 1, "loss": 0.011}, {"minutes": 2, "loss": 0.01}, {"minutes": 3, "loss": -0.2}])
    [[(1, 0.011), (2, 0.01)], [(3, -0.2)]]
    """
    found: list[list[tuple[float, float]]] = []
    for line in log:
        if "loss" not in line:
            continue
        before = found[-1][-1][1] if found else 0.0
        ratio = line["loss"] / before if before else 0.0
        if not 1 / _JUMP < ratio < _JUMP:
            found.append([])
        found[-1].append((line["minutes"], line["loss"]))
    return found


def _quality(name: str) -> int:
    return int(name.rpartition("_")[2])
