"""The evaluation itself: every picture of every set through the very ``restore`` that users call.

Work is spread over processes by picture and quality; finished rows are appended to ``images.csv`` at once, so that
an interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jpegmend.errors import InvalidOption, NotComparable
from jpegmend.evaluation import cases
from jpegmend.evaluation.environment import environment
from jpegmend.evaluation.protocols import Case, Protocol, label
from jpegmend.evaluation.results import Result, Row, means, read_rows, write_rows
from jpegmend.evaluation.subjects import Subject, subjects

Progress = Callable[[int, int], None]
"""Called with the jobs done and the jobs in all."""

ROWS, RESULT, PROTOCOL = "images.csv", "result.json", "protocol.json"


@dataclass(frozen=True)
class Job:
    """One picture at one quality, for the models that have no row for it yet."""

    path: Path
    data_set: str
    case: Case
    protocol: Protocol
    subjects: tuple[Subject, ...]
    threads: int | None

    def row_keys(self) -> list[tuple[str, str, bool, str, str, str]]:
        """The keys of the rows this job makes."""
        return [
            (s.card.name, s.sha256[:12], s.consistent, self.data_set, self.path.name, label(self.case))
            for s in self.subjects
        ]


def measure(job: Job) -> list[Row]:
    """Damage one picture, restore it with each model, compare.

    Raises:
        JpegmendError: the picture cannot be read, or a model cannot be run.
    """
    original = cases.open_original(job.path, job.protocol)
    trial = cases.damage(original, job.protocol, job.case)
    height, width = trial.truth.shape[:2]
    jpeg_psnr, jpeg_psnr_b = cases.baseline(trial.truth, trial.decoded)
    rows = []
    for subject in job.subjects:
        judged, seconds = subject.restore(trial.jpeg, threads=job.threads)
        rows.append(
            Row(
                model=subject.card.name,
                weights=subject.sha256[:12],
                consistent=subject.consistent,
                data_set=job.data_set,
                image=job.path.name,
                quality=label(job.case),
                width=width,
                height=height,
                jpeg_bytes=len(trial.jpeg),
                seconds=seconds,
                jpeg_psnr=jpeg_psnr,
                jpeg_psnr_b=jpeg_psnr_b,
                scores=cases.score(trial.truth, judged),
            )
        )
    return rows


def evaluate(
    models: Sequence[str],
    data: Sequence[Path],
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
        data: folders of clear pictures.
        protocol: how to measure.
        out: a folder for the results; what is in it from an interrupted run of the same protocol is kept.
        qualities: the cases to measure instead of the protocol's own.
        workers: processes; with more than one the seconds are those of a busy machine, and the result says so.
        threads: CPU threads of each restoration.
        progress: told after each picture.

    Raises:
        MissingData: a folder holds no pictures.
        NotComparable: ``out`` holds results of another protocol.
        InvalidOption: fewer than one worker, or two sets of one name.
        ModelError: a model is unknown, or has no weights.
    """
    if workers < 1:
        raise InvalidOption(f"{workers} workers; at least 1")
    protocol = replace(protocol, qualities=tuple(qualities) if qualities else protocol.qualities).stamped()
    measured = subjects([str(name) for name in models], consistent=protocol.consistent, both=protocol.both)
    out.mkdir(parents=True, exist_ok=True)
    _same_protocol(out / PROTOCOL, protocol)
    jobs = _jobs(measured, data, protocol, threads)
    wanted = {key for job in jobs for key in job.row_keys()}
    kept = {row.key: row for row in read_rows(out / ROWS) if row.key in wanted}
    write_rows(out / ROWS, kept.values())
    left = [job for job in (_without(job, kept) for job in jobs) if job.subjects]
    for number, rows in enumerate(_run(left, workers), start=1):
        write_rows(out / ROWS, rows, append=True)
        kept |= {row.key: row for row in rows}
        if progress:
            progress(number, len(left))
    ordered = [kept[key] for job in jobs for key in job.row_keys()]
    write_rows(out / ROWS, ordered)
    result = Result(
        protocol=protocol,
        environment=environment(workers=workers, threads=threads),
        models={subject.card.name: _facts(subject) for subject in measured},
        means=tuple(means(ordered)),
    )
    result.save(out / RESULT)
    return result


def _same_protocol(path: Path, protocol: Protocol) -> None:
    if path.exists():
        before = Protocol.from_json(json.loads(path.read_text("utf-8")))
        if not before.comparable_with(protocol):
            raise NotComparable(
                f"{path.parent} holds results of {before.name}, made with {before.encoder}; this is {protocol.name} "
                f"with {protocol.encoder}: choose another --out"
            )
    path.write_text(json.dumps(protocol.to_json(), indent=1) + "\n", "utf-8")


def _jobs(measured: tuple[Subject, ...], data: Sequence[Path], protocol: Protocol, threads: int | None) -> list[Job]:
    names = [cases.set_name(folder) for folder in data]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidOption(f"two sets are called {', '.join(twice)}; rename a folder, sets are told apart by name")
    return [
        Job(path, name, case, protocol, measured, threads)
        for folder, name in zip(data, names, strict=True)
        for case in protocol.qualities
        for path in cases.pictures(folder)
    ]


def _without(job: Job, kept: dict[Any, Row]) -> Job:
    left = tuple(s for s, key in zip(job.subjects, job.row_keys(), strict=True) if key not in kept)
    return replace(job, subjects=left)


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
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _facts(subject: Subject) -> dict[str, Any]:
    card = subject.card
    return {
        "network": card.network,
        "title": card.title,
        "sha256": subject.sha256,
        "parameters": card.parameters,
        "multiply_adds": card.multiply_adds,
        "recipe": card.recipe,
        "data": list(card.data),
        "trained": dict(card.trained),
    }
