"""The seam for downstream use: how well another program does on clear, compressed and restored pictures.

DCSC shows object detection before and after restoration. No small detector or classifier with its weights is
shipped by a Python package under a permissive licence without a download from a hub, so no task is built in; a task
of your own is a name, a sentence and a function from a picture to what is right about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jpegmend.errors import InvalidOption
from jpegmend.evaluation.cases import Picture, damage
from jpegmend.evaluation.protocols import Case, Protocol
from jpegmend.evaluation.subjects import Subject


@dataclass(frozen=True)
class Task:
    """A use of pictures that can be right or wrong."""

    name: str
    sentence: str
    judge: Callable[[Picture, int], float]
    """From a uint8 picture and its number in the set to a score, higher is better: 1 for right, 0 for wrong."""

    def describe(self) -> str:
        """One line for the command."""
        return f"{self.name}: {self.sentence}"


TASKS: Mapping[str, Task] = {}
"""Tasks this package can run by itself: none, see above."""


def find(name: str) -> Task:
    """The task of that name.

    Raises:
        InvalidOption: there is none; the message says how to bring one.
    """
    if name not in TASKS:
        raise InvalidOption(
            f"no task {name!r}; there are: {', '.join(TASKS) or 'none, because no package ships a small classifier'}; "
            "run one of your own by jpegmend.evaluation.tasks.run"
        )
    return TASKS[name]


def run(task: Task, pictures: Sequence[Picture], subject: Subject, protocol: Protocol, case: Case) -> dict[str, float]:
    """Mean score of a task on clear, compressed and restored pictures.

    Args:
        task: what is done with them.
        pictures: clear ones, uint8, as the protocol compares them.
        subject: the model.
        protocol: how pictures are damaged.
        case: at which quality.

    Raises:
        InvalidOption: no pictures.
    """
    if not pictures:
        raise InvalidOption("no pictures; a task needs at least one")
    totals = {"clear": 0.0, "jpeg": 0.0, "restored": 0.0}
    for number, picture in enumerate(pictures):
        trial = damage(picture, protocol, case)
        restored, _ = subject.restore(trial.jpeg)
        for name, seen in (("clear", trial.truth), ("jpeg", trial.decoded), ("restored", restored)):
            totals[name] += task.judge(seen, number)
    return {name: total / len(pictures) for name, total in totals.items()}
