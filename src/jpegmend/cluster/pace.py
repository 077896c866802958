"""Measured speed of workers, and the length of tasks that is chosen by it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jpegmend.cluster.tasks import Report


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds, and counts, by which a job is scheduled."""

    longest: float = 60.0
    """Longest task, where workers are seldom lost."""
    shortest: float = 5.0
    """Shortest task, where they are lost often, and at the end of the job."""
    overhead: float = 0.3
    """What a task costs beside its pictures: reading the first, writing the last and the results."""
    first: int = 8
    """Pictures of a task as long as no speed is known."""
    deaths: int = 3
    """Number of worker processes that ended during a picture, at which it is set aside."""
    losses: int = 6
    """The same number with workers included that were lost with their machine."""
    attempts: int = 9
    """Times that a task is tried while a storage does not answer."""
    hung: float = 3600.0
    """Seconds with one task after which a worker counts as hung; ``hung_factor`` may allow longer."""
    hung_factor: float = 20.0
    """The same as a multiple of the expected time, by the number of pictures and by their bytes; the longest counts."""
    late_factor: float = 2.0
    """Multiple of the expected time after which a task is given to a second worker."""
    look: float = 10.0
    """Seconds between two checks for hung and late workers."""

    def pause(self, failed: int) -> float:
        """Seconds to wait after a task has failed so many times; 15 minutes in all."""
        return float(min(300, 5 * 2 ** (failed - 1)))


class Pace:
    """Speed of each worker and of all, and the length of tasks that follows from it."""

    def __init__(self, limits: Limits) -> None:
        self.busy = 0.0
        """Seconds that workers have spent on tasks."""
        self.losses = 0
        """Workers that were lost during a task."""
        self._limits = limits
        self._each: dict[int, float] = {}
        self._seconds = self._pictures = 0.0
        self._sized_seconds = self._bytes = 0.0

    def add(self, worker: int, report: Report, seconds: float) -> None:
        """Take note of a finished task."""
        pictures = report.done + report.failed
        if not pictures:
            return
        each = seconds / pictures
        self._each[worker] = 0.5 * (self._each.get(worker, each) + each)
        # Older tasks weigh less, so that the estimate follows a listing whose pictures become larger.
        self._seconds = 0.999 * self._seconds + seconds
        self._pictures = 0.999 * self._pictures + pictures
        if not report.failed:  # of failed ones not every byte was worked on
            self._sized_seconds = 0.999 * self._sized_seconds + seconds
            self._bytes = 0.999 * self._bytes + report.read

    def forget(self, worker: int) -> None:
        """The worker is gone; one that joins under its number may run on another machine."""
        self._each.pop(worker, None)

    def expected(self, worker: int, pictures: int) -> float:
        """Seconds that a worker will take for so many pictures; for closing a shard, a minute."""
        return self._one(worker) * pictures + self._limits.overhead if pictures else 60.0

    def expected_by_bytes(self, size: float) -> float:
        """Seconds that inputs of so many bytes take by the mean of all; a minute a megabyte while nothing is known."""
        return size * (self._sized_seconds / self._bytes if self._bytes else 60e-6)

    def pictures(self, worker: int, share: float) -> int:
        """Number of pictures of the next task of a worker; ``share`` is what it may take of those that are left."""
        one = self._one(worker)
        if not self._pictures or one <= 0:
            return self._limits.first
        return max(1, int(min(self.length() / one, max(share, self._limits.shortest / one))))

    def length(self) -> float:
        """Seconds of a task: the interval of checkpoints that costs least where workers are lost at random.

        With an overhead c of each task and a mean time M between losses of a worker this is sqrt(2 c M) (J. W. Young, A
        first order approximation to the optimum checkpoint interval, Communications of the ACM 17(9), 1974).
        """
        limits = self._limits
        if not self.losses:
            return limits.longest
        best = math.sqrt(2 * limits.overhead * self.busy / self.losses)
        return min(max(best, limits.shortest), limits.longest)

    def _one(self, worker: int) -> float:
        """Seconds a picture takes on a worker; a minute as long as nothing is known."""
        if worker in self._each:
            return self._each[worker]
        return self._seconds / self._pictures if self._pictures else 60.0
