"""The scheduler by itself: every picture gets one result, whatever happens to workers and storage."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegmend.cluster.drive import run_off
from jpegmend.cluster.pace import Limits, Pace
from jpegmend.cluster.scheduler import Scheduler
from jpegmend.cluster.tasks import CLOSE, PUT_ASIDE, RESTORE, Event, Failed, Finished, Joined, Lost, Report, Task
from jpegmend.errors import JobError


class Crew:
    """Workers in virtual time, of which some are lost or fail at random, and one picture ends every process."""

    def __init__(self, rng: random.Random, workers: int, *, lost: float, failing: float, poison: set[tuple[int, int]]):
        self.clock, self.rng, self.poison = 0.0, rng, poison
        self.lost, self.failing = lost, failing
        self.events: list[tuple[float, int, Event]] = []
        self.order = itertools.count()
        self.done: Counter[tuple[int, int]] = Counter()
        self.closed: list[int] = []
        self.busy: set[int] = set()
        for worker in range(workers):
            self.later(0, Joined(worker))

    def later(self, seconds: float, event: Event) -> None:
        heapq.heappush(self.events, (self.clock + seconds, next(self.order), event))

    def now(self) -> float:
        return self.clock

    def give(self, worker: int, task: Task) -> None:
        assert worker not in self.busy, "one task at a time"
        self.busy.add(worker)
        pictures = {(task.shard, row) for row in range(task.start, task.stop)}
        chance = self.rng.random()
        seconds = self.rng.uniform(0.1, 2) * max(1, task.pictures)
        if task.kind == RESTORE and pictures & self.poison:
            self.end(worker, seconds, node=False)
        elif chance < self.lost:
            self.end(worker, seconds, node=chance < self.lost / 2)
        elif chance < self.lost + self.failing:
            self.later(seconds, Failed(worker, "503"))
        else:
            self.later(seconds, Finished(worker, self.work(task, pictures)))

    def end(self, worker: int, seconds: float, *, node: bool) -> None:
        self.later(seconds, Lost(worker, node, "killed"))
        self.later(seconds + 3, Joined(worker))

    def work(self, task: Task, pictures: set[tuple[int, int]]) -> Report:
        if task.kind == CLOSE:
            self.closed.append(task.shard)
            return Report()
        self.done.update(pictures)
        aside = task.kind == PUT_ASIDE
        return Report(done=0 if aside else len(pictures), set_aside=len(pictures) if aside else 0)

    def wait(self, until: float) -> list[Event]:
        if not self.events or self.events[0][0] > until:
            self.clock = until
            return []
        self.clock, _, event = heapq.heappop(self.events)
        if not isinstance(event, Joined):
            self.busy.discard(event.worker)
        return [event]

    def stop(self, worker: int) -> None:
        raise AssertionError("nobody hangs here")


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    workers=st.integers(1, 7),
    lost=st.floats(0, 0.3),
    failing=st.floats(0, 0.2),
    poisoned=st.integers(0, 2),
    seed=st.integers(0, 1000),
)
def test_every_picture_gets_one_result(sizes, workers, lost, failing, poisoned, seed) -> None:
    rng = random.Random(seed)
    every = {(shard, row) for shard, size in enumerate(sizes) for row in range(size)}
    poison = set(rng.sample(sorted(every), min(poisoned, len(every))))
    crew = Crew(rng, workers, lost=lost, failing=failing, poison=poison)
    scheduler = Scheduler(range(len(sizes)), sizes.__getitem__, limits=Limits(attempts=1000))
    run_off(scheduler, crew)
    assert set(crew.done) == every
    assert scheduler.totals.pictures == len(every)
    assert scheduler.totals.repeated <= sum(crew.done.values()) - len(every)
    assert sorted(set(crew.closed)) == list(range(len(sizes)))
    assert scheduler.totals.shards == len(sizes)
    assert scheduler.totals.set_aside >= len(poison)
    if not lost:
        assert scheduler.totals.set_aside == len(poison)


def test_a_shard_is_closed_after_all_its_pictures() -> None:
    crew = Crew(random.Random(0), 3, lost=0.2, failing=0.1, poison=set())
    work = crew.work

    def check(task: Task, pictures: set[tuple[int, int]]) -> Report:
        if task.kind == CLOSE:
            assert sum(shard == task.shard for shard, _ in crew.done) == 40
        return work(task, pictures)

    crew.work = check  # type: ignore[method-assign]
    run_off(Scheduler(range(5), lambda shard: 40), crew)
    assert len(crew.closed) == 5


def test_three_deaths_find_the_picture_among_a_hundred() -> None:
    """100, then 10, then 1: no other picture is lost thrice."""
    crew = Crew(random.Random(0), 1, lost=0, failing=0, poison={(0, 57)})
    scheduler = Scheduler([0], lambda shard: 100, limits=Limits(first=100))
    run_off(scheduler, crew)
    assert (scheduler.totals.set_aside, scheduler.totals.done, scheduler.totals.lost) == (1, 99, 3)


def test_machines_that_go_say_less_about_a_picture() -> None:
    scheduler = Scheduler([0], lambda shard: 1)
    for death in range(6):
        scheduler.handle(Joined(0), death)
        ((_, task),) = scheduler.assign(death)
        assert task.kind == RESTORE, f"set aside after {death}"
        scheduler.handle(Lost(0, True, "preempted"), death)
    scheduler.handle(Joined(0), 6)
    assert scheduler.assign(6) == [(0, Task(0, 0, 1, PUT_ASIDE))]


def test_what_an_earlier_run_has_done_is_left_out() -> None:
    crew = Crew(random.Random(0), 2, lost=0, failing=0, poison=set())
    run_off(Scheduler([3, 4, 5], lambda shard: 10, begun={4: [(2, 3), (7, 10)], 5: []}), crew)
    assert Counter(shard for shard, _ in crew.done) == {3: 10, 4: 4}
    assert sorted(crew.closed) == [3, 4, 5], "one whose pictures all have results is only closed"


def test_storage_that_never_answers_leaves_the_shard_for_the_next_run() -> None:
    crew = Crew(random.Random(0), 2, lost=0, failing=1, poison=set())
    scheduler = Scheduler([0], lambda shard: 20)
    run_off(scheduler, crew)
    assert scheduler.given_up == {0: "503"}
    assert crew.closed == []
    assert crew.clock > 900, "long enough for an outage to end"


def test_parts_that_are_missing_at_the_closing_are_done_again() -> None:
    scheduler = Scheduler([0], lambda shard: 4)
    scheduler.handle(Joined(0), 0)
    ((_, task),) = scheduler.assign(0)
    assert task == Task(0, 0, 4)
    scheduler.handle(Finished(0, Report(done=4)), 1)
    assert scheduler.assign(1) == [(0, Task(0, 0, 0, CLOSE))]
    scheduler.handle(Finished(0, Report(missing=((1, 3),))), 2)
    assert not scheduler.over
    assert scheduler.assign(2) == [(0, Task(0, 1, 3))]


def test_a_late_task_is_given_to_a_second_worker_and_the_first_to_finish_counts() -> None:
    scheduler = Scheduler([0], lambda shard: 16)
    scheduler.handle(Joined(0), 0)
    scheduler.handle(Joined(1), 0)
    given = dict(scheduler.assign(0))
    scheduler.handle(Finished(0, Report(done=8)), 8)
    assert scheduler.assign(8) == [], "nothing is late yet"
    assert scheduler.assign(2000) == [(0, given[1])]
    scheduler.handle(Finished(0, Report(done=8)), 2008)
    assert scheduler.totals.done == 16
    scheduler.handle(Finished(1, Report(done=8)), 2009)
    assert (scheduler.totals.done, scheduler.totals.repeated) == (16, 8)


def test_deaths_count_that_are_told_late() -> None:
    """The end of a worker is known only after its late task was given to a second one, which ends by it too."""
    scheduler = Scheduler([0], lambda shard: 16)
    scheduler.handle(Joined(0), 0)
    scheduler.handle(Joined(1), 0)
    given = dict(scheduler.assign(0))
    scheduler.handle(Finished(0, Report(done=8)), 8)
    assert scheduler.assign(3000) == [(0, given[1])]
    scheduler.handle(Lost(1, False, "killed"), 3001)
    scheduler.handle(Joined(1), 3002)
    assert scheduler.assign(9000) == [(1, given[1])], "late again"
    scheduler.handle(Lost(0, False, "killed"), 9001)
    scheduler.handle(Joined(0), 9002)
    ((worker, task),) = scheduler.assign(9002)
    assert (worker, task.pictures) == (0, 1), "two deaths: one picture at a time, whatever worker 1 seems to do"


def test_hung_workers_are_named() -> None:
    scheduler = Scheduler([0], lambda shard: 8)
    scheduler.handle(Joined(0), 0)
    scheduler.assign(0)
    assert scheduler.overdue(3600) == []
    assert scheduler.overdue(24 * 3600) == [0]


def stopped_at(seconds: dict[int, float], bytes_of: Callable[[Task], float]) -> tuple[Scheduler, list[Task]]:
    """One worker does 200 pictures of a second each, but for those in ``seconds``; the tasks at which it was ended."""
    scheduler, now, stopped = Scheduler([0], lambda shard: 200, bytes_of=bytes_of), 0.0, []
    scheduler.handle(Joined(0), now)
    while not scheduler.over:
        ((worker, task),) = scheduler.assign(now)
        aside = task.kind == PUT_ASIDE
        ends = now + 1 + (0 if aside else sum(seconds.get(row, 1) for row in range(task.start, task.stop)))
        while now < ends and not scheduler.overdue(now):
            now += 10
        if now < ends:
            stopped.append(task)
            scheduler.handle(Lost(worker, False, "killed"), now)
            scheduler.handle(Joined(worker), now)
        else:
            done = {"set_aside": 1} if aside else {"done": task.pictures, "read": int(bytes_of(task))}
            scheduler.handle(Finished(worker, Report(**done)), now)
    return scheduler, stopped


def test_a_picture_of_hours_is_waited_for_if_its_bytes_are_many() -> None:
    def bytes_of(task: Task) -> float:
        return sum(5e8 if row == 100 else 1e5 for row in range(task.start, task.stop))

    scheduler, stopped = stopped_at({100: 4800}, bytes_of)
    assert (stopped, scheduler.totals.set_aside, scheduler.totals.done) == ([], 0, 200)


def test_one_that_hangs_is_set_aside_as_one_that_took_too_long() -> None:
    scheduler, stopped = stopped_at({100: 1e9}, lambda task: 1e5 * task.pictures)
    assert [task.pictures for task in stopped] == [stopped[0].pictures, stopped[1].pictures, 1]
    assert (scheduler.totals.set_aside, scheduler.totals.done) == (1, 199)


@pytest.mark.parametrize("stops", [0, 1])
def test_whether_the_run_ended_the_worker_is_known_where_a_picture_is_set_aside(stops: int) -> None:
    scheduler = Scheduler([0], lambda shard: 1)
    for death in range(3):
        now = death * 1e6
        scheduler.handle(Joined(0), now)
        assert scheduler.assign(now) == [(0, Task(0, 0, 1))]
        assert scheduler.overdue(now + 9e5 * (death < stops)) == [0] * (death < stops)
        scheduler.handle(Lost(0, False, "killed"), now + 9e5)
    scheduler.handle(Joined(0), 4e6)
    assert scheduler.assign(4e6) == [(0, Task(0, 0, 1, PUT_ASIDE, stopped=stops > 0))]


def test_a_worker_that_refuses_ends_the_run() -> None:
    from jpegmend.cluster.tasks import Refused

    with pytest.raises(JobError, match="another version"):
        Scheduler([0], lambda shard: 8).handle(Refused(0, JobError("another version")), 0)


def test_tasks_are_short_where_workers_are_lost_often() -> None:
    pace = Pace(Limits())
    pace.add(0, Report(done=100), 50)
    assert pace.length() == 60
    assert pace.pictures(0, share=1e9) == 120
    assert pace.pictures(0, share=20) == 20, "and at the end of the job"
    pace.busy, pace.losses = 300_000, 1000  # one in five minutes: sqrt(2 * 0.3 * 300)
    assert pace.length() == pytest.approx(13.4, abs=0.1)
