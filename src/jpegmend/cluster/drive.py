"""A run of a job: makes a scheduler for what earlier runs have left, and gives its tasks to a crew of workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from jpegmend.cluster.job import MARKERS, PIECES, Job, number_of
from jpegmend.cluster.scheduler import Scheduler
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tasks import Crew, Event
from jpegmend.cluster.work import gaps, read_parts

_READERS = 16
"""Files that are read at once."""


def make_scheduler(destination: Storage, job: Job, shards: Collection[int] | None = None) -> Scheduler:
    """The scheduler of the shards that are not done; ``shards`` None: of all.

    Raises:
        StorageError: the storage does not answer, or refuses.
    """
    wanted = range(job.shards) if shards is None else shards
    done = done_shards(destination)
    todo = [shard for shard in wanted if shard not in done]
    return Scheduler(todo, job.shard_size, begun_shards(destination, job, set(todo)))


def done_shards(destination: Storage) -> set[int]:
    """Numbers of the shards that have a marker."""
    return {number_of(key) for key in marker_keys(destination)}


def marker_keys(destination: Storage) -> list[str]:
    """Keys of the markers, without those that a killed worker has left under a temporary name."""
    return [found.key for found in destination.list(MARKERS) if found.key.endswith(".json")]


def begun_shards(destination: Storage, job: Job, todo: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Of the shards that an earlier run has begun: ranges of the pictures without a result."""
    files = files_of_begun(destination, todo)
    with ThreadPoolExecutor(_READERS) as threads:
        covered = threads.map(lambda keys: set(read_parts(destination, keys)), files.values())
        return {shard: gaps(rows, job.shard_size(shard)) for shard, rows in zip(files, covered, strict=True)}


def files_of_begun(destination: Storage, todo: Collection[int] | None = None) -> Mapping[int, Sequence[str]]:
    """Keys of the files with results of parts, by shard; of those in ``todo``, or of all that have no marker."""
    if todo is None:
        done = done_shards(destination)
    files: dict[int, list[str]] = {}
    for found in destination.list(PIECES):
        number = number_of(found.key)
        if number in todo if todo is not None else number not in done:
            files.setdefault(number, []).append(found.key)
    return files


def run_off(scheduler: Scheduler, crew: Crew, tell: Callable[[Sequence[Event]], None] = lambda events: None) -> None:
    """Give the scheduler's tasks to the crew until nothing is left; ``tell`` is called with the events of each wait.

    Raises:
        JpegmendError: a worker cannot take part.
    """
    looked = -math.inf
    while not scheduler.over:
        now = crew.now()
        if now - looked >= scheduler.limits.look:
            looked = now
            for worker in scheduler.overdue(now):
                crew.stop(worker)
        for worker, task in scheduler.assign(now):
            crew.give(worker, task)
        events = crew.wait(scheduler.next_time(now))
        now = crew.now()
        for event in events:
            scheduler.handle(event, now)
        tell(events)


def parse_shards(text: str, count: int) -> range:
    """Shards by their numbers: ``7``, or first and last, ``0-99``; ValueError for anything else.

    >>> parse_shards("0-99", 120), parse_shards("7", 120)
    (range(0, 100), range(7, 8))
    """
    first, mark, last = text.partition("-")
    found = range(int(first), int(last if mark else first) + 1)
    if not found or found[-1] >= count or found[0] < 0:
        raise ValueError(text)
    return found
