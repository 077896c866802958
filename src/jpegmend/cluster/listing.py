"""Planning of a job: the pictures of a source are listed once and frozen as shards."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from jpegmend.batch.find import MARK, describe, find_pictures, is_result
from jpegmend.batch.names import Template
from jpegmend.batch.settings import Settings
from jpegmend.cluster import tables
from jpegmend.cluster.job import (
    JOB,
    LEFTOVERS,
    MARKERS,
    PIECES,
    RESULTS,
    ROOM,
    Job,
    output_key,
    read_job,
    shard_key,
)
from jpegmend.cluster.storage import Storage, Stored
from jpegmend.errors import InvalidOption, JobError
from jpegmend.formats import SUFFIXES


class Planned(NamedTuple):
    """Result of planning."""

    job: Job
    new: bool
    """Whether the job was planned now; else the same job was there already."""


def plan(
    source: Storage, destination: Storage, settings: Settings, *, name: str | None, shard: int, overwrite: bool = False
) -> Planned:
    """Freeze the pictures of a source as shards of ``shard`` pictures, then write ``job.json``.

    Args:
        source: where the pictures are.
        destination: where results and the job's files go.
        settings: options of the restoration and of the output.
        name: template of the results' names.
        shard: pictures of a shard.
        overwrite: whether the destination may hold files, which results of the same names replace.

    Raises:
        JobError: another job is planned at the destination, or has left results there.
        InvalidOption: the destination holds files and not ``overwrite``; results would replace inputs or each other; no
            pictures; a key that cannot be listed.
        StorageError: a storage does not answer, or refuses.
    """
    _check_name(name, source, destination)
    there = read_job(destination)
    if there is not None:
        _check_same(there, source, settings, name, shard, destination)
        return Planned(there, False)
    _check_leftovers(destination)
    if not overwrite and any(not found.key.startswith(ROOM) for found in destination.list()):
        raise InvalidOption(
            f"{destination.address} holds files already; give an empty place, or --overwrite to replace those of the "
            "same names"
        )
    mark = secrets.token_hex(8)
    passed: Counter[str] = Counter()
    written = _Written(settings, name)
    for number, rows in enumerate(_batches(_pictures(source, destination, passed), shard)):
        written.add(rows)
        destination.write(shard_key(number), tables.write_shard(rows, mark))
    if not written.pictures:
        seen = f" ({describe(passed)} passed over)" if passed else ""
        raise InvalidOption(f"{source.address}: no pictures there{seen}; give an address with pictures")
    written.check(source, destination)
    job = Job(
        source=source.address,
        pictures=written.pictures,
        size=written.size,
        shard=shard,
        listing=written.hash.hexdigest(),
        plan=mark,
        weights=settings.weights_hash,
        fingerprint=settings.fingerprint,
        options=settings.options,
        output={key: value for key, value in vars(settings.output).items() if key != "reference"},
        name=name,
        max_bytes=settings.max_bytes,
        passed_over=dict(passed),
    )
    destination.write(JOB, job.text().encode())
    return Planned(job, True)


class _Written:
    """Counts and hashes of the shards that were written."""

    def __init__(self, settings: Settings, name: str | None) -> None:
        self.pictures = self.size = 0
        self.hash = hashlib.sha256()
        self._settings, self._name = settings, name
        self._outputs: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = []

    def add(self, rows: list[Stored]) -> None:
        self.pictures += len(rows)
        self.size += sum(row.size for row in rows)
        self.hash.update(bytes.fromhex(tables.shard_hash(rows)))
        self._outputs.append(np.array([self._short(row.key) for row in rows], np.uint64))

    def check(self, source: Storage, destination: Storage) -> None:
        """Refuse two inputs with one result; 8 bytes a picture are kept for it."""
        hashes = np.concatenate(self._outputs)
        hashes.sort()
        twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not twice:
            return
        first: dict[str, str] = {}
        for found in _pictures(source, destination, Counter()):
            if self._short(found.key) in twice:
                output = output_key(found.key, self._settings, self._name)
                other = first.setdefault(output, found.key)
                if other != found.key:
                    raise InvalidOption(
                        f"{other} and {found.key} would have one result, {output}; give --name "
                        "'{name}.restored{suffix}'"
                    )

    def _short(self, key: str) -> int:
        output = output_key(key, self._settings, self._name).encode()
        return int.from_bytes(hashlib.blake2b(output, digest_size=8).digest())


def _check_name(name: str | None, source: Storage, destination: Storage) -> None:
    if Template(name).needs_quality:
        raise InvalidOption(f"--name {name!r}: the listing does not know {{quality}}; leave it out")
    overlap = source.contains(destination) or destination.contains(source)
    if overlap and name is not None and MARK not in name:
        raise InvalidOption(
            f"--name {name!r}: results could replace inputs, since one place contains the other; put {MARK!r} in the "
            "name, or give places apart"
        )


def _check_same(
    job: Job, source: Storage, settings: Settings, name: str | None, shard: int, destination: Storage
) -> None:
    asked = {
        "source": source.address,
        "options": (settings.fingerprint, settings.options, settings.max_bytes),  # limits are not in the fingerprint
        "weights": settings.weights_hash,
        "name": name,
        "shard": shard,
    }
    planned = {
        "source": job.source,
        "options": (job.fingerprint, job.options, job.max_bytes),
        "weights": job.weights,
        "name": job.name,
        "shard": job.shard,
    }
    different = [key for key in asked if asked[key] != planned[key]]
    if different:
        raise JobError(
            f"{destination.address}: another job is planned there ({', '.join(different)} differ); "
            f"plan to another place, or delete {ROOM} there first"
        )


def _check_leftovers(destination: Storage) -> None:
    """Refuse a place with results of a job that is planned there no more: they would count for the new one."""
    if any(found for prefix in (MARKERS, PIECES, RESULTS) for found in destination.list(prefix)):
        raise JobError(
            f"{destination.address}: an earlier job has left results there, but its {JOB} is gone; delete {LEFTOVERS} "
            "there, or plan to another place"
        )


def _pictures(source: Storage, destination: Storage, passed: Counter[str]) -> Iterator[Stored]:
    """The pictures of a source, and counts of the files that are none."""
    if source.folder is not None:
        yield from _of_folder(source, destination, passed)
        return
    inside = destination.address.removeprefix(source.address).strip("/") if source.contains(destination) else ""
    for found in source.list():
        if found.key.startswith(ROOM) or (inside and found.key.startswith(f"{inside}/")):
            continue
        if reason := _reason_against(found):
            passed[reason] += 1
        else:
            yield found


def _of_folder(source: Storage, destination: Storage, passed: Counter[str]) -> Iterator[Stored]:
    """The pictures of a folder, selected as the command selects them."""
    assert source.folder is not None
    search = find_pictures([str(source.folder)], recursive=True, output=destination.folder)
    passed.update(search.passed_over)
    for picture in search.pictures:
        if picture.path.is_dir():
            passed["unreadable folders"] += 1
            continue
        try:
            found = source.find(picture.below.as_posix())
        except (ValueError, UnicodeError):  # control characters, bytes that are no text
            found = None
        if found is None:
            passed["with names that cannot be stored"] += 1
        else:
            yield found


def _reason_against(found: Stored) -> str:
    """Reason for skipping an object; empty if it is an input."""
    path = PurePosixPath(found.key)
    if any(part.startswith(".") for part in path.parts):
        return "hidden"
    if is_result(path.name):
        return "results"
    suffix = path.suffix.lower()
    return "" if suffix in SUFFIXES else suffix or "without suffix"


def _batches(found: Iterable[Stored], size: int) -> Iterator[list[Stored]]:
    rows: list[Stored] = []
    for row in found:
        rows.append(row)
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows
