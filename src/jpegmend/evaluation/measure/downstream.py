"""Downstream use, as DCSC shows it: how well another program does on clear, compressed and restored pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.measure import face_detection
from jpegmend.evaluation.measure.degrade_and_score import Picture, degrade
from jpegmend.evaluation.measure.methods_under_test import Method
from jpegmend.evaluation.measure.protocols import Case, Protocol


@dataclass(frozen=True)
class Task:
    """A use of pictures that can go right or wrong."""

    name: str
    sentence: str
    truth: Callable[[Picture], Any]
    """What is to be found, from the clear uint8 picture."""
    judge: Callable[[Any, Picture], float]
    """From that and another version of the picture to a score of 0..1."""
    counts: Callable[[Any], bool] = bool
    """Whether a picture says anything: one without faces does not."""


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "faces",
            "faces found by scikit-image's cascade, F1 against those in the clear picture",
            face_detection.detect,
            lambda truth, picture: face_detection.agreement(truth, face_detection.detect(picture)),
        ),
    )
}
"""Tasks that run with what Python packages ship; one of your own is one more value."""


def find(name: str) -> Task:
    """The task of that name.

    Raises:
        InvalidOption: there is none; the message lists the names.
    """
    if name not in TASKS:
        raise InvalidOption(f"no task {name!r}; there are: {', '.join(TASKS)}")
    return TASKS[name]


def run(
    task: Task, pictures: Sequence[Picture], methods: Sequence[Method], protocol: Protocol, case: Case
) -> dict[str, float]:
    """Mean score of a task on the pictures as decoded JPEGs and as each model restores them; ``pictures`` counts them.

    Args:
        task: what is done with them.
        pictures: clear ones, uint8, as the protocol compares them.
        methods: the models.
        protocol: how pictures are damaged.
        case: at which quality.

    Raises:
        InvalidOption: no picture has anything to be found.
    """
    totals = {"JPEG": 0.0, **{method.name: 0.0 for method in methods}}
    used = 0
    for picture in pictures:
        trial = degrade(picture, protocol, case)
        truth = task.truth(trial.truth)
        if not task.counts(truth):
            continue
        used += 1
        totals["JPEG"] += task.judge(truth, trial.decoded)
        for method in methods:
            totals[method.name] += task.judge(truth, method.restore(trial.file)[0])
    if not used:
        raise InvalidOption(f"task {task.name}: nothing to be found in {len(pictures)} clear pictures; give others")
    return {"pictures": used, **{name: total / used for name, total in totals.items()}}
