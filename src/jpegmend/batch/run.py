"""Execution of a planned run by worker processes, with outcomes in the order of the items."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from jpegmend import errors
from jpegmend.batch.inputs import is_inherited, is_large, read_input
from jpegmend.batch.journal import Entry
from jpegmend.batch.limited import time_raises
from jpegmend.batch.plan import Item, Journals, input_name, remove_leftovers
from jpegmend.batch.processes import Pool, Worker, WorkerDied
from jpegmend.batch.settings import Settings
from jpegmend.batch.share import LARGE, Share
from jpegmend.batch.work import Outcome, Progress, Task, failure, work
from jpegmend.errors import JpegmendError, OverBudget


class Job(NamedTuple):
    """An item to be restored by a worker."""

    item: Item
    alone: bool
    """Whether it runs alone, with all threads and all memory."""
    data: bytes | None = None
    """The bytes of a stream that only this process has."""
    problem: JpegmendError | None = None
    """Why they could not be read."""


def run(
    items: Sequence[Item],
    settings: Settings,
    share: Share,
    journals: Journals,
    progress: Callable[[Item], Progress] | None = None,
) -> Iterator[tuple[Item, Outcome | None]]:
    """Work on the items; each comes back with its outcome, in their order, None where it was skipped.

    A single picture is restored in this process, several in ``share.jobs`` others. ``progress`` gives the callback
    that is told the tiles of a single picture.

    Raises:
        MissingExtra, WeightsMissing, WeightsDamaged: no picture could be restored.
    """
    todo = [item for item in items if item.has_work]
    # Closed explicitly, so that the processes end when the caller stops, not at garbage collection.
    with contextlib.closing(_outcomes(todo, settings, share, journals, progress)) as outcomes:
        for item in items:
            if item.skip:
                yield item, None
            elif item.problem:
                yield item, Outcome(error="OutputError", message=item.problem)
            else:
                outcome = next(outcomes)
                if outcome.fatal:
                    raise getattr(errors, str(outcome.error))(outcome.message)
                yield item, outcome


def _outcomes(
    todo: Sequence[Item],
    settings: Settings,
    share: Share,
    journals: Journals,
    progress: Callable[[Item], Progress] | None,
) -> Generator[Outcome, None, None]:
    if len(todo) == 1:
        yield _here(todo[0], settings, share, progress)
    elif todo:
        yield from _elsewhere(todo, settings, share, journals)


def _here(item: Item, settings: Settings, share: Share, progress: Callable[[Item], Progress] | None) -> Outcome:
    begin(item, settings)
    with time_raises():  # the process goes on, to tell of it
        outcome = work(_task(Job(item, True, item.data), settings, share), progress(item) if progress else None)
    finish(item, settings, outcome)
    return outcome


def _elsewhere(todo: Sequence[Item], settings: Settings, share: Share, journals: Journals) -> Iterator[Outcome]:
    def call(worker: Worker, job: Job) -> Outcome:
        begin(job.item, settings)
        try:
            if job.problem is not None:
                raise job.problem
            outcome: Outcome = worker.call(work, _task(job, settings, share))
        except (WorkerDied, OverBudget) as error:  # it could not tidy up
            if worker.stopping:
                raise
            remove_leftovers(job.item.target)
            outcome = failure(error)
        except Exception as error:  # an unexpected error in one picture must not stop the others
            outcome = failure(error)
        # Written now, not when the outcome is yielded, so that a killed run has it in the journal.
        finish(job.item, settings, outcome)
        return outcome

    held = tuple(journal.fileno() for journal in journals.values()) if os.name == "posix" else ()
    jobs = (_job(item, settings, share) for item in todo)
    with contextlib.closing(Pool(call, share.jobs, held)) as pool:
        for job, outcome in pool.in_order(jobs, lambda job: job.alone):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome.refused_option and not job.alone and share.memory is not None:
                outcome = pool.run_alone(job._replace(alone=True))
            yield outcome


def _job(item: Item, settings: Settings, share: Share) -> Job:
    path, data = item.picture.path, item.data
    if data is None and is_inherited(path):
        # In the main thread, which an interrupt reaches; and once, also for a picture that is tried again alone.
        try:
            data = read_input(path, settings.max_bytes)
        except JpegmendError as error:
            return Job(item, False, problem=error)
    return Job(item, share.jobs == 1 or is_large(path, LARGE), data)


def _task(job: Job, settings: Settings, share: Share) -> Task:
    threads, memory = (share.all_threads, share.all_memory) if job.alone else (share.threads, share.memory)
    return Task(
        source=job.item.picture.path,
        data=job.data,
        target=job.item.target,
        operation=settings.operation,
        options={**settings.options, "threads": threads, "memory": memory},
        output=settings.output,
        overwrite=job.item.overwrite,
        max_bytes=settings.max_bytes,
    )


def begin(item: Item, settings: Settings) -> None:
    """Write to the journal that a result was begun, and remove temporary files of a killed run."""
    if item.journal is not None:
        if item.overwrite:
            remove_leftovers(item.target)
        entry = _entry(item, settings, "began")
        # What stands there when this run is stopped is of this run, unless there was a file of somebody else.
        item.journal.add(replace(entry, replaces=item.ours or not os.path.lexists(item.target)))


def finish(item: Item, settings: Settings, outcome: Outcome) -> None:
    """Write the outcome to the journal."""
    if item.journal is None:
        return
    entry = _entry(item, settings, "failed" if outcome.error else "done")
    item.journal.add(
        replace(
            entry,
            replaces=entry.replaces or outcome.written is not None,
            size=outcome.size,
            mtime_ns=outcome.mtime_ns,
            sha256=outcome.sha256,
            written=outcome.written,
            seconds=outcome.seconds,
            message=outcome.message,
        )
    )


def _entry(item: Item, settings: Settings, outcome: str) -> Entry:
    assert item.journal is not None
    return Entry(
        output=item.journal.key(item.target),
        outcome=outcome,
        input=input_name(item.picture.path),
        options=settings.fingerprint,
        weights=settings.weights_hash,
        replaces=item.ours and os.path.lexists(item.target),
    )
