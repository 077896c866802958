"""The scheduler: limits of a call, cancelling, a full queue, workers that die."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jpegmend.batch.share import Share
from jpegmend.web.problems import Problem
from jpegmend.web.scheduler import Scheduler, Task
from jpegmend.web.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))  # workers look for modules where this process does
import slow_calls

SHARE = Share(jobs=1, threads=1, all_threads=1, memory=None, all_memory=None)


def run(
    test: Callable[[Scheduler], Awaitable[None]], tmp_path: Path, prepare: Any = (slow_calls.nothing,), **limits: Any
) -> None:
    """Run a test with a scheduler of one worker, which begins with the call ``prepare``."""

    async def main() -> None:
        scheduler = Scheduler(Settings(folder=tmp_path, **limits), SHARE)
        scheduler.start(lambda threads: prepare)
        while not scheduler.ready:
            await asyncio.sleep(0.02)
        try:
            await test(scheduler)
        finally:
            await scheduler.stop()

    asyncio.run(main())


def task(function: Callable[..., Any], *arguments: Any, **more: Any) -> Task:
    return Task(call=lambda threads: (function, *arguments), **more)


async def problem(task: Task) -> Problem:
    """The problem by which a call ends."""
    with pytest.raises(Problem) as caught:
        await task.answer
    return caught.value


async def code(task: Task) -> str:
    return (await problem(task)).code


def test_cancelling_ends_a_call_at_its_next_news_and_spares_its_process(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        heard: list[Any] = []
        running, waiting = task(slow_calls.tell_for, 60, on_message=heard.append), task(slow_calls.tell_for, 0)
        scheduler.submit(running)
        scheduler.submit(waiting)
        while not heard:
            await asyncio.sleep(0.01)
        pids = scheduler.pids
        assert scheduler.position(waiting) == 0 and scheduler.waiting == 1
        scheduler.cancel(running)
        assert await code(running) == "cancelled"
        assert await waiting.answer == "done"  # the next call is not cancelled too
        assert scheduler.pids == pids
        left = task(slow_calls.sleep, 60)
        scheduler.submit(task(slow_calls.sleep, 0.3))
        scheduler.submit(left)
        scheduler.cancel(left)
        assert await code(left) == "cancelled"
        assert scheduler.waiting <= 1

    run(test, tmp_path)


def test_a_request_to_cancel_that_comes_late_does_not_end_the_next_call(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        heard: list[Any] = []
        scheduler.submit(running := task(slow_calls.tell_for, 0.5, on_message=heard.append))
        while not heard:
            await asyncio.sleep(0.01)
        scheduler._workers[0].ask_to_cancel()
        assert await running.answer == "done"
        assert scheduler.restarts == 0

    run(test, tmp_path)


def test_a_cancelled_call_that_tells_nothing_is_ended_by_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jpegmend.web.scheduler._PATIENCE", 0.3)

    async def test(scheduler: Scheduler) -> None:
        slow = task(slow_calls.sleep, 60)
        scheduler.submit(slow)
        while not scheduler.running:
            await asyncio.sleep(0.01)
        scheduler.cancel(slow)
        assert await code(slow) == "cancelled"
        assert scheduler.restarts == 0

    run(test, tmp_path)


@pytest.mark.parametrize(
    ("limits", "call", "expected"),
    [
        ({"seconds": 0.5}, (slow_calls.sleep, 60), "time-limit"),
        ({"most_memory": 300_000_000}, (slow_calls.hold, 400_000_000, 60), "memory-limit"),
    ],
)
def test_limits_of_time_and_memory(tmp_path: Path, limits: Any, call: Any, expected: str) -> None:
    async def test(scheduler: Scheduler) -> None:
        scheduler.submit(greedy := task(*call))
        assert await code(greedy) == expected
        assert scheduler.restarts == 0  # it was ended on purpose

    run(test, tmp_path, **limits)


def test_a_worker_may_take_longer_to_start_than_a_job(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        assert scheduler.restarts == 0

    run(test, tmp_path, prepare=(slow_calls.sleep, 1.0), seconds=0.2)


@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_worker_costs_one_try(tmp_path: Path, times: int) -> None:
    async def test(scheduler: Scheduler) -> None:
        doomed = task(slow_calls.die, str(tmp_path / "marks"), times)
        scheduler.submit(doomed)
        if times == 1:
            assert await doomed.answer == "alive"
        else:
            assert await code(doomed) == "worker-died"
        assert scheduler.restarts == times
        after = task(slow_calls.sleep, 0)
        scheduler.submit(after)
        assert await after.answer == "slept"

    run(test, tmp_path)


def test_a_crash_is_not_told_as_a_lack_of_memory(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        scheduler.submit(crashing := task(slow_calls.crash))
        told = await problem(crashing)
        assert told.code == "worker-died" and "SIGSEGV" in str(told.detail) and "memory" not in str(told.detail)
        scheduler.submit(killed := task(slow_calls.die, str(tmp_path / "marks"), 2))
        told = await problem(killed)
        assert "most likely because memory ran out" in str(told.detail) and "jobs" not in str(told.detail)

    run(test, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_picture_that_uses_up_its_processor_time_is_told_so_and_not_tried_again(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        scheduler.submit(endless := task(slow_calls.compute))
        told = await problem(endless)
        assert (told.code, told.status) == ("over-budget", 413)
        assert "all the processor time" in str(told.detail)
        assert scheduler.restarts == 0
        after = task(slow_calls.sleep, 0)
        scheduler.submit(after)
        assert await after.answer == "slept"

    run(test, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        scheduler.submit(doomed := task(slow_calls.fill))
        assert await code(doomed) == "no-room"

    run(test, tmp_path)


def test_a_full_queue_refuses_and_says_when_to_come_back(tmp_path: Path) -> None:
    async def test(scheduler: Scheduler) -> None:
        scheduler.submit(task(slow_calls.tell_for, 60))
        while not scheduler.running:
            await asyncio.sleep(0.01)
        with scheduler.place():
            scheduler.submit(waiting := task(slow_calls.sleep, 0))
            with pytest.raises(Problem) as refused, scheduler.place():
                pass
        assert refused.value.code == "queue-full"
        assert int(refused.value.headers["Retry-After"]) >= 1
        with scheduler.place():  # the upload has ended, so its place is free
            pass
        started = time.monotonic()
        await scheduler.stop()
        assert time.monotonic() - started < 40  # the running call would take 60
        assert await code(waiting) == "shutting-down"
        with pytest.raises(Problem) as late:
            scheduler.submit(task(slow_calls.sleep, 0))
        assert late.value.code == "shutting-down"

    run(test, tmp_path, queue=2)
