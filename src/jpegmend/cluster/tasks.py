"""Tasks of workers, their reports, and the events of a crew of workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

RESTORE, PUT_ASIDE, CLOSE = "restore", "set aside", "close"
"""Kinds of tasks."""


class Task(NamedTuple):
    """A task of a worker: pictures ``start`` to ``stop - 1`` of a shard."""

    shard: int
    start: int
    stop: int
    kind: str = RESTORE
    """:data:`RESTORE`; :data:`PUT_ASIDE`: give the pictures a result without reading them; :data:`CLOSE`: write the
    results and the marker of the shard."""
    stopped: bool = False
    """Of :data:`PUT_ASIDE`: whether the run has ended a worker at this picture, because it took too long."""

    @property
    def pictures(self) -> int:
        """Number of pictures."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Report:
    """Result of a task; small, because it is sent to the driver."""

    done: int = 0
    failed: int = 0
    set_aside: int = 0
    read: int = 0
    """Bytes of inputs."""
    written: int = 0
    """Bytes of results."""
    megapixels: float = 0.0
    seconds: float = 0.0
    missing: tuple[tuple[int, int], ...] = ()
    """Of a closing: pictures that have no result yet, as ranges; the shard is not closed."""


class Joined(NamedTuple):
    """A worker is ready for its first task, or again after it was lost."""

    worker: int


class Finished(NamedTuple):
    """A worker has done its task."""

    worker: int
    report: Report


class Failed(NamedTuple):
    """A worker could not do its task, because a storage did not answer or refused; the worker is ready again."""

    worker: int
    message: str


class Lost(NamedTuple):
    """A worker has ended; its task, if it had one, is not done."""

    worker: int
    node: bool
    """Whether its whole machine is gone, which says less about the picture in hand than the end of one process."""
    message: str


class Refused(NamedTuple):
    """A worker cannot take part: another version is installed, weights are missing. The run has to end."""

    worker: int
    error: Exception


Event = Joined | Finished | Failed | Lost | Refused


class Crew(Protocol):
    """Workers that do tasks: processes of this machine, actors of Ray, or a simulation."""

    def now(self) -> float:
        """Seconds of a clock that only advances."""

    def give(self, worker: int, task: Task) -> None:
        """Start a task; the worker has joined and has none."""

    def wait(self, until: float) -> list[Event]:
        """The next events; an empty list if there are none until that time."""

    def stop(self, worker: int) -> None:
        """End a worker that does not answer; ``Lost`` follows."""
