"""The frozen description of a job, ``job.json``, and the places of its files below the destination.

::

    jpegmend-job/shards/0000012.parquet             key, size, etag of the pictures of shard 12
    jpegmend-job/job.json                           written after all shards: options, model, hash of the listing
    jpegmend-job/pieces/0000012/0000300-0000400.parquet   results of pictures 300 to 399 of shard 12, while it runs
    jpegmend-job/results/0000012.parquet            results of shard 12, once all its pictures have one
    jpegmend-job/done/0000012.json                  marker, written last: shard 12 is done

Results of pictures lie beside ``jpegmend-job``, under keys that follow from those of the inputs.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath, PurePosixPath
from typing import Any

from jpegmend import __version__
from jpegmend.batch.names import Template
from jpegmend.batch.settings import Output, Settings
from jpegmend.cluster.storage import Storage
from jpegmend.errors import InputError, JobError
from jpegmend.formats import WRITTEN

ROOM = "jpegmend-job/"
"""Prefix of all files of a job that are not results of pictures."""
JOB, SHARDS, PIECES = f"{ROOM}job.json", f"{ROOM}shards/", f"{ROOM}pieces/"
RESULTS, MARKERS = f"{ROOM}results/", f"{ROOM}done/"
LEFTOVERS = f"{MARKERS}, {PIECES} and {RESULTS}"
"""What is deleted of an earlier job, in words; its listing is replaced."""

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job does; equal for all its workers, and for all its runs."""

    source: str
    """Address of the inputs."""
    pictures: int
    size: int
    """Bytes of all inputs."""
    shard: int
    """Pictures of each shard; the last one may have fewer."""
    listing: str
    """SHA-256 of the SHA-256 sums of all shards."""
    plan: str
    """A random mark that the shards' listings carry too."""
    weights: str
    """Hash of the network's weights."""
    fingerprint: str
    """Hash of every option that changes the result, with the network's name."""
    options: Mapping[str, Any]
    """Arguments of ``jpegmend.restore``."""
    output: Mapping[str, Any]
    """Fields of ``batch.settings.Output``."""
    name: str | None
    """Template of the results' names."""
    max_bytes: int
    version: str = __version__
    """The version of jpegmend that planned it; another one is refused."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Number of files of the source that are no inputs, by reason."""
    format: int = _FORMAT

    @functools.cached_property
    def settings(self) -> Settings:
        """The options as those of a run of the command."""
        return Settings(
            options=dict(self.options), output=Output(**self.output), overwrite=True, max_bytes=self.max_bytes
        )

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.pictures // self.shard)

    def shard_size(self, number: int) -> int:
        """Number of pictures of a shard."""
        return min(self.shard, self.pictures - number * self.shard)

    @functools.cached_property
    def hash(self) -> str:
        """A hash of everything in ``job.json``."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]

    def text(self) -> str:
        """The content of ``job.json``."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    def output_key(self, key: str) -> str:
        """The key of the result of an input: that of the command, relative to the destination."""
        return output_key(key, self.settings, self.name)


def output_key(key: str, settings: Settings, name: str | None) -> str:
    """The key of the result of an input by the settings of a job and the template of its names."""
    folder, slash, file = key.rpartition("/")
    suffix = WRITTEN[settings.output.format or "png"].suffixes[0]
    named = Template(name).fill(PurePosixPath(file), suffix, PurePath(settings.card.name).name, "")
    return f"{folder}{slash}{named.as_posix()}"


def read_job(destination: Storage) -> Job | None:
    """The job planned at a destination; None if there is none.

    Raises:
        JobError: it was written by a later version, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    try:
        text = destination.read(JOB)
    except InputError:
        return None
    try:
        facts = json.loads(text)
        if facts["format"] == _FORMAT:
            return Job(**facts)
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(f"{destination.name(JOB)} is damaged: {error}") from error
    raise JobError(f"{destination.name(JOB)} was written by jpegmend {facts.get('version')}, another one; use that one")


def open_job(destination: Storage) -> Job:
    """The job planned at a destination, which this installation can work on with the same results.

    Raises:
        JobError: there is none, or version, options or weights of this installation differ.
    """
    job = read_job(destination)
    if job is None:
        raise JobError(
            f"{destination.address}: no job is planned there; first `jpegmend cluster plan SRC {destination.address}`"
        )
    # The version first: settings of another one may be unknown to this.
    found: tuple[tuple[str, Callable[[], str]], ...] = (
        ("version", lambda: __version__),
        ("weights", lambda: job.settings.weights_hash),
        ("fingerprint", lambda: job.settings.fingerprint),
    )
    for name, find in found:
        if (value := find()) != getattr(job, name):
            raise JobError(
                f"{destination.name(JOB)} was planned with {name} {getattr(job, name)}, this installation has {value}: "
                "results would differ; install the same jpegmend and model everywhere, or plan to another place"
            )
    return job


def read_marker(destination: Storage, key: str, job: Job) -> dict[str, Any] | None:
    """The counts that a marker of this job holds; None if it does not exist.

    Raises:
        JobError: it belongs to another job, or is damaged.
        StorageError: the storage does not answer, or refuses.
    """
    try:
        counts: dict[str, Any] = json.loads(destination.read(key))
        found = counts["job"]
    except InputError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(f"{destination.name(key)} is damaged; delete it, and its shard is done again") from error
    if found != job.hash:
        raise JobError(
            f"{destination.name(key)} says that another job has done this shard ({found}, this one is {job.hash}); "
            f"delete {LEFTOVERS} there, and run again"
        )
    return counts


def shard_key(number: int) -> str:
    """Key of the listing of a shard."""
    return f"{SHARDS}{number:07}.parquet"


def pieces_of(number: int) -> str:
    """Prefix of the results of parts of a shard."""
    return f"{PIECES}{number:07}/"


def piece_key(number: int, start: int, stop: int) -> str:
    """Key of the results of pictures ``start`` to ``stop - 1`` of a shard."""
    return f"{pieces_of(number)}{start:07}-{stop:07}.parquet"


def results_key(number: int) -> str:
    """Key of the results of a shard."""
    return f"{RESULTS}{number:07}.parquet"


def marker_key(number: int) -> str:
    """Key of the marker by which a shard is done."""
    return f"{MARKERS}{number:07}.json"


def number_of(key: str) -> int | None:
    """Number of the shard of a key; None of a file that is none of the job's, as systems put into folders.

    >>> number_of(marker_key(12)), number_of(piece_key(12, 300, 400)), number_of(f"{PIECES}.DS_Store")
    (12, 12, None)
    """
    found = re.search(r"/(\d+)[./]", key)
    return int(found[1]) if found else None
