"""A run of a job: makes a scheduler for what earlier runs have left, and gives its tasks to a crew of workers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jpegmend.cluster.job import MARKERS, PIECES, Job, number_of, read_marker
from jpegmend.cluster.scheduler import Scheduler
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tasks import Crew, Event, Task
from jpegmend.cluster.work import gaps, read_listing, read_parts
from jpegmend.errors import JpegmendError

_READERS = 32
"""Files that are read at once."""


def make_scheduler(destination: Storage, job: Job, shards: Collection[int] | None = None) -> Scheduler:
    """The scheduler of the shards that are not done; ``shards`` None: of all.

    Raises:
        JobError: what the destination holds belongs to another job, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    wanted = range(job.shards) if shards is None else shards
    done = {number for number, _ in read_markers(destination, job, wanted)}
    todo = [shard for shard in wanted if shard not in done]
    begun = begun_shards(destination, job, set(todo))
    return Scheduler(todo, job.shard_size, begun, bytes_of=_bytes_of(destination, job))


def _bytes_of(destination: Storage, job: Job) -> Callable[[Task], float]:
    @functools.lru_cache(100)
    def sizes(shard: int) -> list[int]:
        return [row.size for row in read_listing(destination, job, shard)]

    def find(task: Task) -> float:
        try:
            return sum(sizes(task.shard)[task.start : task.stop])
        except JpegmendError:  # nothing can be said against the worker, which tells of a damaged listing itself
            return math.inf

    return find


def read_markers(
    destination: Storage, job: Job, wanted: Collection[int] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers of the shards that are done, with the counts of each; of those in ``wanted``, or of all.

    Those that a killed worker has left under a temporary name, and files of other names, are passed over.

    Raises:
        JobError: a marker belongs to another job, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    keys = [found.key for found in destination.list(MARKERS) if found.key.endswith(".json")]
    numbered = {key: number for key in keys if (number := number_of(key)) is not None}
    if wanted is not None:
        numbered = {key: number for key, number in numbered.items() if number in wanted}
    with ThreadPoolExecutor(_READERS) as threads:
        read = threads.map(lambda key: read_marker(destination, key, job), numbered)
        for number, counts in zip(numbered.values(), read, strict=True):
            if counts is not None:
                yield number, counts


def begun_shards(destination: Storage, job: Job, todo: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Of the shards that an earlier run has begun: ranges of the pictures without a result."""
    files = files_of_begun(destination, lambda number: number in todo)
    with ThreadPoolExecutor(_READERS) as threads:
        covered = threads.map(lambda keys: set(read_parts(destination, keys)), files.values())
        return {shard: gaps(rows, job.shard_size(shard)) for shard, rows in zip(files, covered, strict=True)}


def files_of_begun(destination: Storage, wanted: Callable[[int], bool]) -> Mapping[int, Sequence[str]]:
    """Keys of the files with results of parts, by shard, of the shards that are wanted."""
    files: dict[int, list[str]] = {}
    for found in destination.list(PIECES):
        number = number_of(found.key)
        if number is not None and wanted(number):
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
