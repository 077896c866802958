"""A job on a thousand workers, simulated: the scheduler of `jpegmend cluster run` in virtual time.

    python benchmarks/cluster_simulation.py --out docs/results/cluster-simulation.json

Scheduler and loop are those of the command; workers and storage are a model. Each worker has its own speed, some are
three times slower. Workers are preempted at random and replaced, which is noticed late; some hang for ever; some
pictures end every process that restores them. The storage answers slowly, is throttled at times, and has outages, every
third longer than a request is repeated. Three environments differ in the mean time until a worker is preempted.

Per environment it states the shards without a marker, the work that was done again or lost in percent of the work that
counted, and the tail: from the moment when every picture has been given out to the end, in percent of the run.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

from jpegmend.cluster.drive import run_off
from jpegmend.cluster.scheduler import Scheduler
from jpegmend.cluster.tasks import CLOSE, PUT_ASIDE, RESTORE, Event, Failed, Finished, Joined, Lost, Report, Task
from jpegmend.evaluation.measure.environment import environment

PREEMPTED = {"seldom": 6 * 3600.0, "hourly": 3600.0, "every five minutes": 300.0}
"""Mean seconds until a worker is preempted, by environment."""

PICTURE, SPREAD = 1.0, 0.6
"""Mean and standard deviation of the seconds of a picture of 0.5 megapixels on one core."""
SPEEDS, SLOW, SLOW_FACTOR = 0.15, 0.03, 3.0
"""Spread of the workers' speeds (log-normal); share of slow workers, and how much slower they are."""
READ, WRITE, LATENCY_SPREAD = 0.04, 0.08, 0.8
"""Median seconds of a request to the storage, and their spread (log-normal)."""
THROTTLED_EVERY, THROTTLED_FOR, THROTTLED_PICTURE = 1800.0, 60.0, 1.0
"""Throttling by the storage: how often, how long, and what it adds to each picture, seconds."""
OUTAGE_EVERY, OUTAGES, PATIENCE = 3600.0, (20.0, 90.0, 400.0), 180.0
"""Outages of the storage: how often, how long, by turns, and how long a request is repeated."""
REPLACED, NOTICED = 90.0, (1.0, 15.0)
"""Mean seconds until a preempted worker is replaced; seconds until its end is noticed."""
HANGS = 1e-5
"""Share of tasks during which a worker stops answering."""


@dataclass
class Spent:
    """Seconds of workers."""

    useful: float = 0.0
    wasted: float = 0.0


class SimulatedCrew:
    """Workers and storage of the model. Implements :class:`jpegmend.cluster.tasks.Crew`."""

    def __init__(self, workers: int, preempted: float, poison: set[tuple[int, int]], seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = 0.0
        self.spent = Spent()
        self.counted: set[Task] = set()
        self.closed: set[int] = set()
        self.poison: dict[int, list[int]] = {}
        for shard, row in poison:
            self.poison.setdefault(shard, []).append(row)
        self._preempted = preempted
        self._speed: dict[int, float] = {}
        self._ends: dict[int, float] = {}
        self._hung: set[int] = set()
        self._events: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        for worker in range(workers):
            self._join(worker, self.rng.uniform(0, 60))

    def now(self) -> float:
        """Virtual seconds."""
        return self.clock

    def give(self, worker: int, task: Task) -> None:
        """Decide how the task will end, and when."""
        started, takes = self.clock, self._takes(worker, task)
        waits, before = self._outage(started, takes)
        failed = waits > PATIENCE
        ends = started + (before + PATIENCE if failed else takes + waits)
        dies = self._death(worker, task, started, ends)
        if self.rng.random() < HANGS:
            self._hung.add(worker)
        elif dies is not None:
            at, node = dies
            self.spent.wasted += min(at - started, before) + max(0.0, at - started - before - waits)
            self._lose(worker, at, node=node)
        elif failed:
            self.spent.wasted += before
            self._add(ends, Failed(worker, "503 Slow Down"))
        else:
            self._finish(worker, task, ends, takes)

    def wait(self, until: float) -> list[Event]:
        """The next event."""
        if not self._events or self._events[0][0] > until:
            self.clock = until
            return []
        self.clock, _, event = heapq.heappop(self._events)
        return [event]

    def stop(self, worker: int) -> None:
        """End a worker that hangs."""
        if worker in self._hung:
            self._hung.discard(worker)
            self._lose(worker, self.clock, node=False)

    def _takes(self, worker: int, task: Task) -> float:
        if task.kind == CLOSE:
            return self._latency(READ) * 20 + self._latency(WRITE) * 2
        if task.kind == PUT_ASIDE:
            return self._latency(READ) + self._latency(WRITE)
        pictures = task.pictures
        mean, spread = PICTURE * pictures, SPREAD * math.sqrt(pictures)
        work = max(0.1 * mean, self.rng.gauss(mean, spread)) * self._speed[worker]
        if self.clock % THROTTLED_EVERY < THROTTLED_FOR:
            work += THROTTLED_PICTURE * min(pictures, THROTTLED_FOR / THROTTLED_PICTURE)
        # Pictures are read and written while others are restored, but for the first and the last.
        return work + self._latency(READ) + 2 * self._latency(WRITE)

    def _outage(self, started: float, takes: float) -> tuple[float, float]:
        """How long a task waits for the storage, and after how many seconds of work."""
        number, since = divmod(started, OUTAGE_EVERY)
        if left := max(0.0, OUTAGES[int(number) % len(OUTAGES)] - since):
            return left, 0.0
        if since + takes > OUTAGE_EVERY:
            return OUTAGES[int(number + 1) % len(OUTAGES)], OUTAGE_EVERY - since
        return 0.0, takes

    def _death(self, worker: int, task: Task, started: float, ends: float) -> tuple[float, bool] | None:
        """When the worker ends before the task does, and whether with its machine."""
        preempted = max(started, self._ends[worker])
        bad = [row for row in self.poison.get(task.shard, ()) if task.start <= row < task.stop]
        if task.kind == RESTORE and bad:
            at = started + (ends - started) * (min(bad) - task.start + 0.5) / task.pictures
            return (at, False) if at < preempted else (preempted, True)
        return (preempted, True) if preempted < ends else None

    def _finish(self, worker: int, task: Task, ends: float, takes: float) -> None:
        if task.kind == CLOSE:
            self.closed.add(task.shard)
            self._add(ends, Finished(worker, Report()))
            return
        # A task that another worker has been given too counts once.
        if task in self.counted:
            self.spent.wasted += takes
        else:
            self.counted.add(task)
            self.spent.useful += takes
        aside = task.kind == PUT_ASIDE
        report = Report(done=0 if aside else task.pictures, set_aside=task.pictures if aside else 0)
        self._add(ends, Finished(worker, report))

    def _lose(self, worker: int, at: float, *, node: bool) -> None:
        noticed = max(at, self.clock) + (self.rng.uniform(*NOTICED) if node else 0.5)
        self._add(noticed, Lost(worker, node, "preempted" if node else "killed"))
        self._join(worker, noticed + (self.rng.expovariate(1 / REPLACED) if node else 5))

    def _join(self, worker: int, at: float) -> None:
        slow = SLOW_FACTOR if self.rng.random() < SLOW else 1.0
        self._speed[worker] = slow * self.rng.lognormvariate(0, SPEEDS)
        self._ends[worker] = at + self.rng.expovariate(1 / self._preempted)
        self._add(at, Joined(worker))

    def _add(self, at: float, event: Event) -> None:
        heapq.heappush(self._events, (at, next(self._order), event))

    def _latency(self, median: float) -> float:
        return self.rng.lognormvariate(math.log(median), LATENCY_SPREAD)


def simulate(
    workers: int, shards: int, shard: int, preempted: float, *, poisoned: int = 20, seed: int = 0
) -> dict[str, float]:
    """Run one job; what became of it."""
    rng = random.Random(seed)
    poison = {(rng.randrange(shards), rng.randrange(shard)) for _ in range(poisoned)}
    crew = SimulatedCrew(workers, preempted, poison, seed)
    scheduler = Scheduler(range(shards), lambda number: shard)
    given_out: list[float] = []

    def tell(events: object) -> None:
        if scheduler.all_given_out and not given_out:
            given_out.append(crew.now())

    run_off(scheduler, crew, tell)
    totals, ends = scheduler.totals, crew.now()
    pictures = shards * shard
    return {
        "workers": workers,
        "pictures": pictures,
        "mean_seconds_to_preemption": preempted,
        "hours": round(ends / 3600, 3),
        "shards_lost": shards - len(crew.closed),
        "pictures_without_result": pictures - totals.pictures,
        "poison": len(poison),
        "set_aside": totals.set_aside,
        "workers_lost_during_a_task": totals.lost,
        "repeated_percent": round(100 * crew.spent.wasted / crew.spent.useful, 3),
        "tail_percent": round(100 * (ends - given_out[0]) / ends, 3),
        "tail_seconds": round(ends - given_out[0], 1),
        "efficiency_percent": round(100 * pictures * PICTURE / (workers * ends), 1),
    }


def main() -> None:
    """Simulate each environment, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--shards", type=int, default=5000)
    parser.add_argument("--shard", type=int, default=2000, help="pictures of a shard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = {}
    for name, preempted in PREEMPTED.items():
        found[name] = simulate(given.workers, given.shards, given.shard, preempted, seed=given.seed)
        print(name, json.dumps(found[name]), flush=True)
    if given.out:
        record = {"cluster_simulation": found, "environment": environment()}
        given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
