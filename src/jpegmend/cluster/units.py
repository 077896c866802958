"""Tasks that are not done yet: their history, and how they are divided after their worker was lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from jpegmend.cluster.pace import Limits
from jpegmend.cluster.tasks import PUT_ASIDE, RESTORE, Task


@dataclass
class Unit:
    """A task that is not done yet, and what happened to it so far."""

    task: Task
    died: int = 0
    """Worker processes that ended during it, on machines that went on."""
    lost: int = 0
    """Workers that ended during it, machines included."""
    failed: int = 0
    """Times that a storage did not answer."""
    stopped: bool = False
    """Whether the run has ended a worker that took too long for this task."""
    runners: set[int] = field(default_factory=set)
    """Workers that are doing it."""


@dataclass
class Run:
    """A worker at its task."""

    unit: Unit
    since: float
    """When it began, seconds of the crew's clock."""
    expected: float
    """Seconds."""
    stopped: bool = False
    """Whether the run ends the worker, because it takes too long."""


@dataclass
class Totals:
    """Counts of a run."""

    done: int = 0
    failed: int = 0
    set_aside: int = 0
    read: int = 0
    written: int = 0
    megapixels: float = 0.0
    shards: int = 0
    """Shards closed."""
    lost: int = 0
    """Tasks lost with their worker."""
    repeated: int = 0
    """Pictures of tasks that another worker had finished before."""

    @property
    def pictures(self) -> int:
        """Pictures that have got a result."""
        return self.done + self.failed + self.set_aside


def parts(unit: Unit, limits: Limits) -> list[Unit]:
    """The tasks that replace one that was lost with its worker."""
    task = unit.task
    if task.kind != RESTORE:
        return [unit]
    if task.pictures == 1:
        aside = unit.died >= limits.deaths or unit.lost >= limits.losses
        return [Unit(task._replace(kind=PUT_ASIDE, stopped=unit.stopped))] if aside else [unit]
    if unit.died >= 2 or unit.lost >= 3:
        step = 1
    elif unit.died or unit.lost >= 2:
        step = min(task.pictures // 2, math.isqrt(task.pictures))
    else:
        return [unit]
    return [
        Unit(task._replace(start=start, stop=min(start + step, task.stop)), died=unit.died, lost=unit.lost)
        for start in range(task.start, task.stop, step)
    ]
