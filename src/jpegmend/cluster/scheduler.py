"""Scheduler: gives pictures of shards to workers. Without clock, network or processes, which tests simulate.

A shard is cut into tasks of about a minute, so that little is lost with a worker and all workers end together. A task
that was lost with its worker is done again; if processes end again and again, it is cut into smaller ones down to one
picture, which is set aside at the third death. When no work is left, tasks that take much longer than expected are
given to a second worker; the first of the two to finish counts.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from jpegmend.cluster.pace import Limits, Pace
from jpegmend.cluster.tasks import CLOSE, Event, Failed, Finished, Joined, Lost, Refused, Report, Task
from jpegmend.cluster.units import Run, Totals, Unit, parts


class Scheduler:
    """Hands out the pictures of shards to workers.

    Args:
        shards: numbers of the shards that are not done, in the order in which they are begun.
        size: number of pictures of a shard.
        begun: of shards that an earlier run has begun: the ranges of pictures without a result.
        limits: times and counts.
        bytes_of: bytes of the inputs of a task; asked only for tasks that seem to hang.
    """

    def __init__(
        self,
        shards: Iterable[int],
        size: Callable[[int], int],
        begun: Mapping[int, Sequence[tuple[int, int]]] | None = None,
        limits: Limits | None = None,
        bytes_of: Callable[[Task], float] = lambda task: 0,
    ) -> None:
        self.totals = Totals()
        self.given_up: dict[int, str] = {}
        """Shards with pictures for which a storage never answered, and the last message."""
        self.limits = limits or Limits()
        """Times and counts by which it schedules."""
        self._pace = Pace(self.limits)
        self._size, self._bytes_of = size, bytes_of
        begun = begun or {}
        self._unopened = deque(shard for shard in shards if shard not in begun)
        self._waiting = sum(size(shard) for shard in self._unopened)
        self._ranges: deque[Task] = deque()
        self._left: dict[int, int] = {}
        self._units: dict[Task, Unit] = {}
        self._again: list[tuple[float, int, Unit]] = []
        self._order = itertools.count()
        self._running: dict[int, Run] = {}
        self._idle: dict[int, None] = {}
        self._none_late_until = -math.inf
        for shard, ranges in begun.items():
            self._open(shard, ranges)
        self.pictures = self._waiting
        """Pictures without a result."""

    @property
    def workers(self) -> int:
        """Workers that are there now."""
        return len(self._running) + len(self._idle)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return not (self._units or self._ranges or self._unopened)

    @property
    def all_given_out(self) -> bool:
        """Whether every picture has been given to a worker at least once; read by the simulation."""
        return not (self._ranges or self._unopened)

    def assign(self, now: float) -> list[tuple[int, Task]]:
        """Tasks for the workers that have none."""
        given = []
        for worker in list(self._idle):
            unit = self._next(worker, now)
            if unit is None:
                break
            del self._idle[worker]
            unit.runners.add(worker)
            self._running[worker] = Run(unit, now, self._pace.expected(worker, unit.task.pictures))
            given.append((worker, unit.task))
        return given

    def handle(self, event: Event, now: float) -> None:
        """Take note of an event.

        Raises:
            JpegmendError: a worker cannot take part.
        """
        match event:
            case Joined(worker):
                self._idle[worker] = None
            case Finished(worker, report):
                self._finish(worker, report, now)
            case Failed(worker, message):
                self._fail(worker, message, now)
            case Lost(worker, node, _):
                self._lose(worker, node, now)
            case Refused(_, error):
                raise error

    def overdue(self, now: float) -> list[int]:
        """Workers that have been at one task for so long that they are taken for hung, and are to be ended."""
        hung = []
        for worker, run in self._running.items():
            if self._hangs(run, now - run.since):
                run.stopped = True
                hung.append(worker)
        return hung

    def _hangs(self, run: Run, seconds: float) -> bool:
        """Whether a task takes too long, also for its bytes: one picture may be larger than a thousand others."""
        factor = self.limits.hung_factor
        if seconds <= max(self.limits.hung, factor * run.expected):
            return False
        return seconds > factor * self._pace.expected_by_bytes(self._bytes_of(run.unit.task))

    def next_time(self, now: float) -> float:
        """When to call :meth:`assign` again, if no event comes before."""
        ready = self._again[0][0] if self._again else math.inf
        later = now + self.limits.look
        return min(ready, later) if ready > now else later

    def _next(self, worker: int, now: float) -> Unit | None:
        while self._again and self._again[0][0] <= now:
            unit = heapq.heappop(self._again)[2]
            if self._units.get(unit.task) is unit:
                return unit
        if not self._ranges and self._unopened:
            shard = self._unopened.popleft()
            self._waiting -= self._size(shard)
            self._open(shard, [(0, self._size(shard))])
        if self._ranges:
            return self._cut(worker)
        return self._straggler(now)

    def _open(self, shard: int, ranges: Sequence[tuple[int, int]]) -> None:
        self._left[shard] = 0
        for start, stop in ranges:
            task = Task(shard, start, stop)
            self._ranges.append(task)
            self._left[shard] += task.pictures
            self._waiting += task.pictures
        if not self._left[shard]:
            self._close(shard)

    def _cut(self, worker: int) -> Unit:
        whole = self._ranges.popleft()
        length = self._pace.pictures(worker, self._waiting / (2 * max(1, self.workers)))
        if whole.pictures >= 1.5 * length:
            self._ranges.appendleft(whole._replace(start=whole.start + length))
            whole = whole._replace(stop=whole.start + length)
        self._waiting -= whole.pictures
        return self._add(Unit(whole))

    def _add(self, unit: Unit, ready: float | None = None) -> Unit:
        """Make a task one of those to be done; with a time, it waits for a worker."""
        self._units[unit.task] = unit
        if ready is not None:
            heapq.heappush(self._again, (ready, next(self._order), unit))
        return unit

    def _straggler(self, now: float) -> Unit | None:
        """The task that is latest, if it takes much longer than expected and one worker alone is doing it."""
        if now < self._none_late_until:
            return None
        late = [
            (now - run.since - run.expected, run.unit)
            for run in self._running.values()
            if len(run.unit.runners) == 1
            and run.unit.task in self._units
            and now - run.since > self.limits.late_factor * run.expected + self.limits.shortest
        ]
        if not late:
            self._none_late_until = now + 1
            return None
        return max(late, key=lambda pair: pair[0])[1]

    def _end(self, worker: int, now: float) -> Unit | None:
        """The task that a worker was doing; None if it had none, or if another worker has finished it."""
        run = self._running.pop(worker, None)
        if run is None:
            return None
        self._pace.busy += now - run.since
        run.unit.runners.discard(worker)
        return run.unit if self._units.get(run.unit.task) is run.unit else None

    def _finish(self, worker: int, report: Report, now: float) -> None:
        took = now - self._running[worker].since
        unit = self._end(worker, now)
        self._idle[worker] = None
        self._pace.add(worker, report, took)
        if unit is None:
            self.totals.repeated += report.done + report.failed + report.set_aside
            return
        task = unit.task
        del self._units[task]
        if task.kind != CLOSE:
            self._count(report)
            self._left[task.shard] -= task.pictures
            if not self._left[task.shard]:
                self._close(task.shard)
        elif report.missing:
            self._open(task.shard, report.missing)
        else:
            del self._left[task.shard]
            self.totals.shards += 1

    def _count(self, report: Report) -> None:
        for name in ("done", "failed", "set_aside", "read", "written", "megapixels"):
            setattr(self.totals, name, getattr(self.totals, name) + getattr(report, name))

    def _close(self, shard: int) -> None:
        self._add(Unit(Task(shard, 0, 0, CLOSE)), ready=-math.inf)

    def _fail(self, worker: int, message: str, now: float) -> None:
        unit = self._end(worker, now)
        self._idle[worker] = None
        if unit is None or unit.runners:
            return
        unit.failed += 1
        if unit.failed >= self.limits.attempts:
            del self._units[unit.task]
            self.given_up[unit.task.shard] = message
        else:
            self._add(unit, now + self.limits.pause(unit.failed))

    def _lose(self, worker: int, node: bool, now: float) -> None:
        self._idle.pop(worker, None)
        run = self._running.get(worker)
        unit = self._end(worker, now)
        self.totals.lost += run is not None
        self._pace.losses += run is not None
        self._pace.forget(worker)
        if unit is None:
            return
        unit.lost += 1
        unit.died += not node
        unit.stopped |= run is not None and run.stopped
        # The end of a worker may be told late, so a second one that seems to be at it says nothing after two deaths.
        if not unit.runners or unit.died >= 2 or unit.lost >= 3:
            del self._units[unit.task]
            for part in parts(unit, self.limits):
                self._add(part, ready=now)
