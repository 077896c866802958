"""Evaluate models: each picture of each set is compressed, restored by ``jpegmend.restore`` and scored.

Pictures and qualities are divided among processes. Finished rows are appended to ``images.csv`` at once, so that an
interrupted evaluation can be resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jpegmend.errors import InvalidOption, JpegmendError, NotComparable
from jpegmend.evaluation.measure.degrade_and_score import baseline, score
from jpegmend.evaluation.measure.environment import code, environment
from jpegmend.evaluation.measure.methods_under_test import Method, methods
from jpegmend.evaluation.measure.protocols import Case, Protocol
from jpegmend.evaluation.measure.results import Group, Result, Row, RowKey, means, read_rows, write_rows
from jpegmend.evaluation.measure.sources import PairedSet, Source, sources
from jpegmend.writing.atomic import make_folder, write_bytes
from jpegmend.writing.locks import lock

Progress = Callable[[int, int], None]
"""Called with the number of jobs done and the number of all jobs."""

ROWS, RESULT, PROTOCOL = "images.csv", "result.json", "protocol.json"
WRITTEN = (ROWS, RESULT, "report.md", "report.html")
"""Files that an evaluation and its report replace."""


@dataclass(frozen=True)
class Job:
    """One picture at one quality, for the methods that have no row for it yet."""

    source: Source
    methods: tuple[Method, ...]
    threads: int | None
    workers: int
    """Number of processes that run beside one another."""
    picture: str
    """Digits of the checksum of the source's files."""
    code: str
    """The version, the commit and later changes of jpegmend."""

    def row_keys(self) -> list[RowKey]:
        """The keys of the rows this job makes."""
        source = self.source
        place = (source.data_set, source.image, self.picture, self.code, source.quality)
        return [(each.card.name, each.checksum, each.consistent, *place) for each in self.methods]

    def groups(self) -> list[Group]:
        """The means to which the rows of this job belong."""
        source = self.source
        return [(each.card.name, each.consistent, source.data_set, source.quality) for each in self.methods]


def measure(job: Job) -> list[Row]:
    """Compress one picture, or take the given file; restore it with each method; score.

    Raises:
        JpegmendError: the picture cannot be read, or a model cannot be run.
    """
    trial = job.source.trial()
    height, width = trial.truth.shape[:2]
    jpeg_psnr, jpeg_psnr_b = baseline(trial.truth, trial.decoded)
    rows = []
    for method in job.methods:
        restored, seconds = method.restore(trial.file, threads=job.threads)
        rows.append(
            Row(
                model=method.card.name,
                weights=method.sha256[:12],
                method=method.checksum,
                consistent=method.consistent,
                data_set=job.source.data_set,
                image=job.source.image,
                picture=job.picture,
                code=job.code,
                quality=job.source.quality,
                width=width,
                height=height,
                jpeg_bytes=len(trial.file),
                seconds=seconds,
                workers=job.workers,
                jpeg_psnr=jpeg_psnr,
                jpeg_psnr_b=jpeg_psnr_b,
                scores=score(trial.truth, trial.compared(restored)),
            )
        )
    return rows


def evaluate(
    models: Sequence[str],
    data: Sequence[Path | PairedSet],
    protocol: Protocol,
    out: Path,
    *,
    qualities: Sequence[Case] | None = None,
    workers: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Measure models on sets of pictures; leaves ``images.csv`` and ``result.json`` in ``out``.

    Args:
        models: names of the catalogue, paths of cards, or ``jpeg``.
        data: folders of clear pictures, or paired sets for a protocol of pairs.
        protocol: how to measure.
        out: a folder for the results; rows in it that the same code measured on the same pictures are kept, so that an
            interrupted run goes on; rows of other models, sets and qualities stay in ``images.csv``.
        qualities: the cases to measure instead of the protocol's own.
        workers: number of processes; more than one slows each other down, so the result marks its seconds as such.
        threads: CPU threads of each restoration.
        progress: called after each picture.

    Raises:
        MissingData: a folder holds no pictures, or a pair is not complete.
        NotComparable: ``out`` holds results of another protocol.
        InvalidOption: no model, no set, fewer than one worker, a file in the place of ``out``, other files of the names
            of results in it, another evaluation that writes into it, two sets or two networks of one name, or a
            protocol that does not fit the data.
        OutputError: ``out`` cannot be made or written to.
        ModelError: a model is unknown, or has no weights.
        JpegmendError: one of several processes was ended from outside.
    """
    if not (models and data):
        raise InvalidOption(f"{len(models)} models and {len(data)} sets; give at least one of each")
    if workers < 1:
        raise InvalidOption(f"{workers} workers; at least 1")
    if out.is_file():
        raise InvalidOption(f"out={str(out)!r} is a file; give a folder, which is made where there is none")
    protocol = replace(protocol, qualities=tuple(qualities) if qualities else protocol.qualities)
    # A quality that is given twice would count every picture twice.
    protocol = replace(protocol, qualities=tuple(dict.fromkeys(protocol.qualities))).stamped()
    measured = methods([str(name) for name in models], consistent=protocol.consistent, both=protocol.both)
    made_with = environment(threads=threads)
    found = sources(data, protocol)
    checksums = {files: _checksum(files) for files in {source.files for source in found}}
    measured_by = code()
    jobs = [Job(source, measured, threads, workers, checksums[source.files], measured_by) for source in found]
    with _held(out):
        _check_folder(out, protocol)
        write_bytes(out / PROTOCOL, f"{json.dumps(protocol.to_json(), indent=1)}\n".encode())
        rows = _rows(jobs, out / ROWS, workers, progress)
        result = Result(
            protocol=protocol,
            # Also seconds that an earlier command measured in more processes are no benchmark.
            environment=made_with | {"workers": max(row.workers for row in rows)},
            models={method.card.name: _facts(method) for method in measured},
            means=tuple(means(rows)),
        )
        result.save(out / RESULT)
    return result


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Make the folder and lock it for the block: each run writes all rows anew, without those that others added."""
    make_folder(out)
    try:
        folder = os.open(out, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        yield
        return
    try:
        try:
            free = lock(folder)
        except OSError:  # a file system without locks
            free = True
        if not free:
            raise InvalidOption(f"another evaluation writes into {out}; wait for its end, or choose another --out")
        yield
    finally:
        os.close(folder)


def _checksum(files: Sequence[Path]) -> str:
    """First 12 digits of the sha256 of the files' content."""
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()[:12]


def _rows(jobs: list[Job], path: Path, workers: int, progress: Progress | None) -> list[Row]:
    """The rows of all jobs in order; those in the file at ``path`` are kept, the others are measured and added.

    In the file the rows of means that these jobs do not make stay too, those of other models and qualities.
    """
    wanted = {key for job in jobs for key in job.row_keys()}
    groups = {group for job in jobs for group in job.groups()}
    before = read_rows(path)
    others = [row for row in before if row.group not in groups]
    kept = {row.key: row for row in before if row.key in wanted}
    write_rows(path, [*others, *kept.values()])
    left = [job for job in (_without(job, kept) for job in jobs) if job.methods]
    for number, rows in enumerate(_run(left, workers), start=1):
        write_rows(path, rows, append=True)
        kept |= {row.key: row for row in rows}
        if progress:
            progress(number, len(left))
    ordered = [kept[key] for job in jobs for key in job.row_keys()]
    write_rows(path, [*others, *ordered])
    return ordered


def _check_folder(out: Path, protocol: Protocol) -> None:
    """Refuse a folder with results of another protocol, and one with files of these names that are no results."""
    path = out / PROTOCOL
    if not path.exists():
        if there := [name for name in WRITTEN if (out / name).exists()]:
            raise InvalidOption(
                f"{out} has no {PROTOCOL} of an evaluation, but {', '.join(there)}, which would be replaced: choose "
                "another --out, or take them away"
            )
        return
    try:
        before = Protocol.from_json(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, InvalidOption) as error:
        raise InvalidOption(
            f"{path} is not that of an evaluation by this version: choose another --out, or take away what is there"
        ) from error
    if not before.comparable_with(protocol):
        raise NotComparable(
            f"{out} holds results of {before.name}, made with {before.encoder}; this is {protocol.name} with "
            f"{protocol.encoder}: choose another --out"
        )


def _without(job: Job, kept: Mapping[Any, Row]) -> Job:
    left = tuple(s for s, key in zip(job.methods, job.row_keys(), strict=True) if key not in kept)
    return replace(job, methods=left)


def _run(jobs: list[Job], workers: int) -> Iterator[list[Row]]:
    if workers == 1:
        yield from map(measure, jobs)
        return
    # Spawned, not forked: ONNX Runtime's threads do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure, job) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BrokenProcessPool as error:
            raise JpegmendError(
                f"one of {workers} processes was ended from outside, perhaps for memory; what was measured is kept: "
                "run it again, with fewer workers"
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _facts(method: Method) -> dict[str, Any]:
    card = method.card
    return {
        "network": card.network,
        "title": card.title,
        "sha256": method.sha256,
        "parameters": card.parameters,
        "multiply_adds": card.multiply_adds,
        "recipe": card.recipe,
        "data": list(card.data),
        "trained": dict(card.trained),
    }
