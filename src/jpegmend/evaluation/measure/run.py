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
from jpegmend.evaluation.measure import degrade_and_score
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.methods_under_test import Method, methods
from jpegmend.evaluation.measure.protocols import Case, Protocol, label
from jpegmend.evaluation.measure.results import Result, Row, means, read_rows, write_rows

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
    methods: tuple[Method, ...]
    threads: int | None

    def row_keys(self) -> list[tuple[str, str, bool, str, str, str]]:
        """The keys of the rows this job makes."""
        return [
            (s.card.name, s.sha256[:12], s.consistent, self.data_set, self.path.name, label(self.case))
            for s in self.methods
        ]


def measure(job: Job) -> list[Row]:
    """Damage one picture, restore it with each model, compare.

    Raises:
        JpegmendError: the picture cannot be read, or a model cannot be run.
    """
    original = degrade_and_score.open_original(job.path, job.protocol)
    trial = degrade_and_score.degrade(original, job.protocol, job.case)
    height, width = trial.truth.shape[:2]
    jpeg_psnr, jpeg_psnr_b = degrade_and_score.baseline(trial.truth, trial.decoded)
    rows = []
    for method in job.methods:
        judged, seconds = method.restore(trial.jpeg, threads=job.threads)
        rows.append(
            Row(
                model=method.card.name,
                weights=method.sha256[:12],
                consistent=method.consistent,
                data_set=job.data_set,
                image=job.path.name,
                quality=label(job.case),
                width=width,
                height=height,
                jpeg_bytes=len(trial.jpeg),
                seconds=seconds,
                jpeg_psnr=jpeg_psnr,
                jpeg_psnr_b=jpeg_psnr_b,
                scores=degrade_and_score.score(trial.truth, judged),
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
    measured = methods([str(name) for name in models], consistent=protocol.consistent, both=protocol.both)
    out.mkdir(parents=True, exist_ok=True)
    _same_protocol(out / PROTOCOL, protocol)
    jobs = _jobs(measured, data, protocol, threads)
    wanted = {key for job in jobs for key in job.row_keys()}
    kept = {row.key: row for row in read_rows(out / ROWS) if row.key in wanted}
    write_rows(out / ROWS, kept.values())
    left = [job for job in (_without(job, kept) for job in jobs) if job.methods]
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
        models={method.card.name: _facts(method) for method in measured},
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


def _jobs(measured: tuple[Method, ...], data: Sequence[Path], protocol: Protocol, threads: int | None) -> list[Job]:
    names = [degrade_and_score.set_name(folder) for folder in data]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidOption(f"two sets are called {', '.join(twice)}; rename a folder, sets are told apart by name")
    return [
        Job(path, name, case, protocol, measured, threads)
        for folder, name in zip(data, names, strict=True)
        for case in protocol.qualities
        for path in degrade_and_score.pictures(folder)
    ]


def _without(job: Job, kept: dict[Any, Row]) -> Job:
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
