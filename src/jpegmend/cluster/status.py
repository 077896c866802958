"""State of a job: counts of its shards, failures by kind; and how failed pictures are tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields

from jpegmend.cluster.drive import files_of_begun, read_markers
from jpegmend.cluster.job import Job, marker_key, pieces_of, results_key
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tables import DONE, SET_ASIDE, Counts, Result, count, read_results, write_results
from jpegmend.cluster.work import read_parts

_READERS = 32
"""Files that are read at once."""


@dataclass
class Status:
    """State of a job."""

    shards: int
    pictures: int
    shards_done: int = 0
    shards_begun: int = 0
    done: int = 0
    failed: int = 0
    set_aside: int = 0
    written: int = 0
    """Bytes of results."""
    megapixels: float = 0.0
    seconds: float = 0.0
    """Time of all pictures, summed over the workers."""
    errors: dict[str, int] = field(default_factory=dict)
    """Number of failed pictures by the error's class."""
    examples: dict[str, str] = field(default_factory=dict)
    """A picture and its message for each class."""
    aside: list[str] = field(default_factory=list)
    """Pictures that were set aside."""

    @property
    def left(self) -> int:
        """Pictures without a result."""
        return self.pictures - self.done - self.failed - self.set_aside

    def add(self, counts: Mapping[str, float]) -> None:
        """Add the counts of a shard, by the names of ``tables.Counts``."""
        for counted in fields(Counts):
            setattr(self, counted.name, getattr(self, counted.name) + counts[counted.name])


def read_status(destination: Storage, job: Job) -> Status:
    """Counts by the markers of shards and, of shards that are begun, by the results so far.

    Raises:
        JobError: what the destination holds belongs to another job, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    status = Status(job.shards, job.pictures)
    errors: Counter[str] = Counter()
    done, troubled = set(), []
    for shard, counts in read_markers(destination, job):
        done.add(shard)
        status.add(counts)
        if counts["failed"] or counts["set_aside"]:
            troubled.append(shard)
    for results in _results(destination, [[results_key(shard)] for shard in troubled]):
        _add_failures(status, errors, results)
    begun = files_of_begun(destination, lambda shard: shard not in done)
    status.shards_done, status.shards_begun = len(done), len(begun)
    for results in _results(destination, begun.values()):
        status.add(asdict(count(results)))
        _add_failures(status, errors, results)
    status.errors = dict(errors.most_common())
    return status


def retry(destination: Storage, job: Job) -> int:
    """Forget the results of pictures that failed or were set aside, so that the next run does them again.

    Returns their number. Results of the others stay.

    Raises:
        JobError: what the destination holds belongs to another job, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    forgotten = 0
    done = dict(read_markers(destination, job))
    for shard, counts in done.items():
        if counts["failed"] or counts["set_aside"]:
            results = read_results(destination.read(results_key(shard)))
            forgotten += _keep(destination, shard, results)
            # The marker goes before the results, so that a shard with a marker always has results.
            destination.delete([marker_key(shard)])
            destination.delete([results_key(shard)])
    for shard, keys in files_of_begun(destination, lambda shard: shard not in done).items():
        results = list(read_parts(destination, keys).values())
        if any(result.outcome != DONE for result in results):
            forgotten += _keep(destination, shard, results)
    return forgotten


def _kept(shard: int) -> str:
    return f"{pieces_of(shard)}kept.parquet"


def _keep(destination: Storage, shard: int, results: list[Result]) -> int:
    """Make the results that are done the only part of the shard; the number of the others."""
    done = [result for result in results if result.outcome == DONE]
    destination.write(_kept(shard), write_results(done))
    others = [found.key for found in destination.list(pieces_of(shard)) if found.key != _kept(shard)]
    destination.delete(others)
    return len(results) - len(done)


def _add_failures(status: Status, errors: Counter[str], results: list[Result]) -> None:
    for result in results:
        if result.outcome == SET_ASIDE:
            status.aside.append(result.key)
        elif result.outcome != DONE:
            name = result.error or "Error"
            errors[name] += 1
            status.examples.setdefault(name, f"{result.key}: {result.message}")


def _results(destination: Storage, files: Iterable[Sequence[str]]) -> Iterator[list[Result]]:
    """The results of each group of files."""
    with ThreadPoolExecutor(_READERS) as threads:

        def read(keys: Sequence[str]) -> list[Result]:
            return list(read_parts(destination, keys).values())

        yield from threads.map(read, files)
