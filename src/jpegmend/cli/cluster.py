"""``jpegmend cluster``: many pictures by the processes of one machine, or by the machines of a Ray cluster."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from jpegmend.cli import DONE, SOME_FAILED
from jpegmend.cli.files import add_forms, check_form, default_format
from jpegmend.cli.options import PARALLEL, add_limits, parse_size, translate
from jpegmend.cli.parser import Parser, whole
from jpegmend.cli.restore import add_restoration, read_settings
from jpegmend.errors import InvalidOption

if TYPE_CHECKING:
    from jpegmend.batch.settings import Settings
    from jpegmend.cluster.job import Job
    from jpegmend.cluster.scheduler import Scheduler
    from jpegmend.cluster.status import Status
    from jpegmend.cluster.storage import Storage

ACTIONS = ("plan", "run", "status", "retry")
_MOST_LISTED = 20
"""Greatest number of set-aside pictures that are listed."""


def add(parser: Parser) -> None:
    """The options of ``jpegmend cluster``."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="plan SRC DST: list the pictures once; run DST: restore them, or go on; status DST: counts and failures; "
        "retry DST: the next run does the failed ones again",
    )
    parser.add_argument(
        "places", metavar="FOLDER", nargs="+", help="SRC and DST: folders, s3://, gs:// or az:// (s3://BUCKET/PREFIX)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    planning = _add_plan(parser)
    group = parser.add_argument_group("run")
    group.add_argument(
        "--address",
        default="local",
        metavar="WHERE",
        help="local: processes of this machine; auto, or HOST:PORT: the Ray cluster there (local)",
    )
    group.add_argument("--shards", metavar="FIRST-LAST", help="only these shards, such as 0-99; without it all")
    group.add_argument("--jobs", **PARALLEL, help="workers; without it one for each CPU or GPU")
    group.add_argument("--threads", **PARALLEL, default=1, help="CPU threads of each worker (1)")
    group.add_argument("--memory", metavar="SIZE", help="memory of each worker, such as 2G; without it no limit")
    parser.set_defaults(only={"plan": _defaults(planning), "run": _defaults(group)})


def _defaults(group: Any) -> dict[str, tuple[str, Any]]:
    """Name and default of each option of a group, by its destination."""
    return {action.dest: (action.option_strings[0], action.default) for action in group._group_actions}


def _add_plan(parser: Parser) -> Any:
    group = parser.add_argument_group("plan")
    group.add_argument(
        "--shard", type=whole(1), default=2000, metavar="N", help="pictures in a shard, a part of the job (2000)"
    )
    group.add_argument("--name", metavar="TEMPLATE", help="names of results, as in `jpegmend restore`")
    group.add_argument(
        "--overwrite", action="store_true", help="results may replace files of the same names; never an input"
    )
    add_forms(group, "of the results (png)")
    add_restoration(group)
    add_limits(group)
    return group


def run(given: Namespace) -> int:
    """Restore many pictures by many processes or machines: plan, run, status, retry."""
    if len(given.places) != (2 if given.action == "plan" else 1):
        raise InvalidOption(f"cluster {given.action} takes {'SRC and DST' if given.action == 'plan' else 'DST'}")
    for action, options in given.only.items():
        for dest, (option, default) in options.items():
            if given.action != action and getattr(given, dest) != default:
                raise InvalidOption(f"{option} is an option of cluster {action}, not of cluster {given.action}")
    actions = {"plan": _plan, "run": _run, "status": _status, "retry": _retry}
    return actions[given.action](given)


def _plan(given: Namespace) -> int:
    from jpegmend.batch.names import Template
    from jpegmend.cluster.listing import plan
    from jpegmend.cluster.storage import Storage

    default = default_format(given, Template(given.name))
    format = given.format or default
    check_form(given, format)
    source, destination = Storage(given.places[0]), Storage(given.places[1], create=True)
    # Threads and memory are options of the run; pictures are compared one at a time.
    vars(given).update(threads=None, memory=None, compare=False, reference=None)
    settings = _portable(read_settings(given, format))
    planned = plan(source, destination, settings, name=given.name, shard=given.shard, overwrite=given.overwrite)
    _tell_plan(given, planned.job, destination, new=planned.new)
    return DONE


def _portable(settings: Settings) -> Settings:
    """The settings as they hold on every machine: the network by its name, and the CPU unless a GPU was asked for.

    Machines that each took the fastest provider would give results that differ.
    """
    from jpegmend import weights

    card = settings.card
    if card.name not in weights.MODELS:
        raise InvalidOption(
            f"--model {card.name}: every machine has to know this network; `jpegmend adopt` it there, and give its name"
        )
    if settings.options["strength"] != 0:
        weights.path(card, next(iter(card.files), "onnx"))  # before the listing: raises where it has no weights
    options = {**settings.options, "model": card.name}
    if options["provider"] == "auto":
        options["provider"] = "cpu"
    return replace(settings, options=options)


def takes_gpu(options: Mapping[str, Any]) -> bool:
    """Whether a worker of a job with these options takes a GPU where there is one."""
    return options.get("provider") == "cuda"


def _tell_plan(given: Namespace, job: Job, destination: Storage, *, new: bool) -> None:
    from jpegmend.batch.find import describe
    from jpegmend.cli.show import size_in_words

    if given.json:
        facts = {"pictures": job.pictures, "bytes": job.size, "shards": job.shards, "new": new}
        _write(json.dumps({**facts, "passed_over": job.passed_over, "job": job.hash}))
    elif not given.quiet:
        passed = f"; passed over: {describe(job.passed_over)}" if job.passed_over else ""
        before = "" if new else "planned before: "
        _write(
            f"{before}{job.pictures:,} pictures, {size_in_words(job.size)}, in {job.shards:,} shards{passed}\n"
            f"go on with: jpegmend cluster run {destination.address}"
        )


def _run(given: Namespace) -> int:
    from jpegmend.cli.networks_of_others import tell_licence
    from jpegmend.cluster.drive import make_scheduler, parse_shards, run_off
    from jpegmend.cluster.job import open_job
    from jpegmend.cluster.storage import Storage

    destination = Storage(given.places[0])
    job = open_job(destination)
    try:
        shards = parse_shards(given.shards, job.shards) if given.shards is not None else None
    except ValueError as error:
        raise InvalidOption(
            f"--shards {given.shards!r}: give one number or FIRST-LAST, from 0 to {job.shards - 1}"
        ) from error
    tell_licence(job.settings.card, quiet=given.quiet)
    scheduler = make_scheduler(destination, job, shards)
    show = _Show(scheduler, shown=not (given.quiet or given.json))
    try:
        if not scheduler.over:
            # Ray prints warnings of its own to standard output.
            with contextlib.redirect_stdout(sys.stderr), contextlib.closing(_crew(given, job, destination)) as crew:
                run_off(scheduler, crew, show.tell)
    finally:
        show.finish(given, destination)
    troubled = scheduler.totals.failed + scheduler.totals.set_aside + len(scheduler.given_up)
    return SOME_FAILED if troubled else DONE


def _crew(given: Namespace, job: Job, destination: Storage) -> Any:
    from jpegmend.batch.share import share_out
    from jpegmend.runtimes.processor import available_threads

    memory = None if given.memory is None else parse_size("--memory", given.memory)
    settings = (destination.address, job.hash, given.threads, memory)
    if given.address != "local":
        from jpegmend.cluster.on_ray import RayCrew

        return RayCrew(given.address, given.jobs, settings, gpu=takes_gpu(job.options))
    from jpegmend.cluster.local import LocalCrew

    jobs = (
        given.jobs
        or share_out(job.pictures, jobs=None, threads=max(1, available_threads() // given.threads), memory=None).jobs
    )
    return LocalCrew(jobs, settings)


class _Show:
    """Progress line and summary of a run."""

    def __init__(self, scheduler: Scheduler, *, shown: bool) -> None:
        from jpegmend.cli.progress import Bar

        self._scheduler = scheduler
        self._started = time.monotonic()
        self._bar = Bar(scheduler.pictures, shown=shown)
        self._seen = (0, 0, 0.0)

    def tell(self, events: Sequence[Any]) -> None:
        """Draw the line anew."""
        totals = self._scheduler.totals
        now = (totals.pictures, totals.failed + totals.set_aside, totals.megapixels)
        pictures, failed, megapixels = (new - old for new, old in zip(now, self._seen, strict=True))
        if pictures:
            self._bar.add(pictures=int(pictures), failed=int(failed), megapixels=megapixels)
            self._seen = now

    def finish(self, given: Namespace, destination: Storage) -> None:
        """Print the summary, unless an error ended the run before the first picture."""
        self._bar.close()
        if not (self._scheduler.over or self._scheduler.totals.pictures):
            return
        totals, seconds = self._scheduler.totals, time.monotonic() - self._started
        facts = {**asdict(totals), "seconds": round(seconds, 3), "given_up": self._scheduler.given_up}
        for shard, message in self._scheduler.given_up.items():
            sys.stderr.write(f"jpegmend: shard {shard} is left for the next run: {translate(message)}\n")
        if given.json:
            _write(json.dumps(facts))
        elif not given.quiet:
            _write(f"{self._summary(seconds)}; more by: jpegmend cluster status {destination.address}")

    def _summary(self, seconds: float) -> str:
        if not self._scheduler.pictures:
            return "nothing is left to do"
        totals = self._scheduler.totals
        troubles = [f", {totals.failed} failed"] if totals.failed else []
        troubles += [f", {totals.set_aside} set aside"] if totals.set_aside else []
        troubles += [f", {totals.lost} tasks begun again after a worker was lost"] if totals.lost else []
        return f"{totals.done} done{''.join(troubles)}; {totals.megapixels:.1f} MP in {seconds:.1f} s"


def _status(given: Namespace) -> int:
    from jpegmend.cluster.job import open_job
    from jpegmend.cluster.status import read_status
    from jpegmend.cluster.storage import Storage

    destination = Storage(given.places[0])
    status = read_status(destination, open_job(destination))
    if given.json:
        _write(json.dumps({**asdict(status), "left": status.left}))
    elif not given.quiet:
        _write("\n".join(_status_lines(status)))
    return SOME_FAILED if status.failed or status.set_aside else DONE


def _status_lines(status: Status) -> list[str]:
    from jpegmend.cli.show import size_in_words

    begun = f", {status.shards_begun:,} begun" if status.shards_begun else ""
    lines = [
        f"{status.done:,} of {status.pictures:,} pictures done, {status.failed:,} failed, "
        f"{status.set_aside:,} set aside, {status.left:,} left; {status.shards_done:,} of {status.shards:,} shards "
        f"done{begun}",
        f"{status.megapixels:,.1f} MP, {size_in_words(status.written)} of results",
    ]
    if status.megapixels:
        lines[-1] += f", {status.seconds / status.megapixels:.2f} s a megapixel on one worker"
    for name, count in status.errors.items():
        lines.append(f"failed, {name}: {count:,}, such as {translate(status.examples[name])}")
    lines += [f"set aside: {key}" for key in status.aside[:_MOST_LISTED]]
    if len(status.aside) > _MOST_LISTED:
        lines.append(f"set aside: {len(status.aside) - _MOST_LISTED:,} more; --json lists them")
    return lines


def _retry(given: Namespace) -> int:
    from jpegmend.cluster.job import open_job
    from jpegmend.cluster.status import retry
    from jpegmend.cluster.storage import Storage

    destination = Storage(given.places[0])
    count = retry(destination, open_job(destination))
    if given.json:
        _write(json.dumps({"again": count}))
    elif not given.quiet:
        _write(f"{count:,} pictures are to be done again: jpegmend cluster run {destination.address}")
    return DONE


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
