"""Downstream tasks, as in DCSC: the score of another program on clear, compressed and restored pictures."""

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
    """A downstream task: a program that detects something in pictures, and a score for its output."""

    name: str
    sentence: str
    truth: Callable[[Picture], Any]
    """Function from the clear uint8 picture to the program's output, which is the reference."""
    judge: Callable[[Any, Picture], float]
    """Function from the reference and another version of the picture to a score, 0..1."""
    counts: Callable[[Any], bool] = bool
    """Function from the reference to whether the picture counts: one without faces is left out."""


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
"""The tasks by name; their programs come with Python packages. Add a task of your own here."""


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
    """Mean score of a task on decoded JPEGs and on what each method restores; ``pictures`` is how many were scored.

    Args:
        task: the downstream task.
        pictures: clear ones, uint8, as the protocol compares them.
        methods: the methods that restore.
        protocol: how pictures are damaged.
        case: at which quality.

    Raises:
        InvalidOption: nothing is detected in any clear picture, or the protocol compresses nothing.
    """
    if protocol.paired:
        raise InvalidOption(f"task {task.name} by protocol {protocol.name}, which compresses nothing; name another one")
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
