"""``jpegmend evaluate``: measure models, print a paper's table, fill the documentation."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction, Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jpegmend.cli.options import PARALLEL
from jpegmend.cli.parser import SEVERAL, Parser, refuse_file

if TYPE_CHECKING:
    from jpegmend.evaluation import Protocol, Result
    from jpegmend.evaluation.measure.sources import PairedSet

COLOURS = {("y", None): "papers-gray", ("rgb", None): "rgb-420", ("rgb", "420"): "rgb-420", ("rgb", "444"): "rgb-444"}
PAIRED = {"y": "pairs", "rgb": "pairs-rgb"}
STORED = Path("docs/results")
RESULTS = Path("results")
WHAT = ("model", "data", "pairs", "quality")
HOW = ("protocol", "colour", "sampling", "task", "workers", "threads")
KEPT = ("out", "table", "results", "report")
UNUSED = {
    "docs": (*WHAT, *HOW, *KEPT),
    "table": ("quality", "protocol", "colour", "sampling", "task", "report"),
    "task": ("pairs", "results", "workers", "threads", "report"),
    "pairs": ("quality", "sampling", "results"),
    "data": ("results",),
}
"""Options that have no effect beside another one; beside ``list`` as the value of one no other has."""


def add(parser: Parser) -> None:
    """The options of ``jpegmend evaluate``."""
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--model", **SEVERAL, metavar="NAME", help="names, cards, or jpeg, the decoded file (mend-s jpeg)"
    )
    group.add_argument("--data", **SEVERAL, metavar="SET", help="folders of clear pictures, or sets of `jpegmend data`")
    group.add_argument(
        "--pairs",
        **SEVERAL,
        type=Path,
        metavar="PATH",
        help="two folders, originals and compressed files of the same names; or two files",
    )
    qualities = "qualities to compress at, 1 to 100, or 10+30 for 10 and then 30 (those of the protocol)"
    group.add_argument("--quality", **SEVERAL, metavar="Q", help=qualities)
    group = parser.add_argument_group("how")
    group.add_argument("--protocol", metavar="NAME", help="pixels, encoder, metrics; 'list' lists them (papers-gray)")
    group.add_argument("--colour", metavar="KIND", help="y or rgb: short for papers-gray or rgb-420")
    group.add_argument("--sampling", metavar="KIND", help="chroma sampling for rgb: 420 or 444 (420)")
    group.add_argument(
        "--task",
        metavar="NAME",
        help="measure a use of restored pictures instead, such as face detection; 'list' names them",
    )
    group.add_argument("--workers", **PARALLEL, help="processes (1)")
    group.add_argument("--threads", **PARALLEL, help="CPU threads of each restoration")
    group = parser.add_argument_group("what is shown and kept")
    group.add_argument("--out", type=Path, metavar="FOLDER", help=f"folder for the results ({RESULTS})")
    group.add_argument("--table", metavar="NAME", help="a paper's table, such as dcsc:1; 'list' names them")
    group.add_argument("--results", **SEVERAL, type=Path, metavar="FILE", help="stored results for --table")
    group.add_argument("--docs", action="store_true", help="fill README and docs from docs/results")
    group.add_argument("--report", action=BooleanOptionalAction, help="write report.md and report.html (yes)")


def run(given: Namespace) -> int:
    """Measure networks on clear pictures or on pairs of files, or show a paper's table."""
    _check_together(given)
    out = given.out or RESULTS
    refuse_file(out)
    settings = _Run(given.data or [], given.pairs, out, given.workers or 1, given.threads)
    if given.docs:
        _documents()
    elif given.protocol == "list":
        _protocols()
    elif given.table:
        _table(given.table, given.model or [], given.results, settings)
    elif given.task:
        protocol = choose(given.protocol, given.colour, given.sampling, default="rgb-420")
        _task(given.task, given.model or ["mend-s"], settings, protocol, given.quality)
    else:
        default = "pairs" if given.pairs else "papers-gray"
        protocol = choose(given.protocol, given.colour, given.sampling, default=default)
        models = given.model or ["mend-s", "jpeg"]
        models = [*models, "jpeg"] if given.pairs and "jpeg" not in models else models
        _measure(models, protocol, given.quality, settings, given.report is not False)
    return 0


def _check_together(given: Namespace) -> None:
    """Raise InvalidOption for an option that has no effect beside the others."""
    from jpegmend.errors import InvalidOption

    leading = next((name for name in UNUSED if getattr(given, name)), "")
    unused = UNUSED.get(leading, ())
    listed = next((name for name in ("protocol", "table", "task") if getattr(given, name) == "list"), "")
    if listed and not given.docs:
        leading, unused = f"{listed} list", tuple(name for name in UNUSED["docs"] if name != listed)
    for name in unused:
        if getattr(given, name) is not None:
            option = "no-report" if given.report is False and name == "report" else name
            raise InvalidOption(f"--{option} has no effect with --{leading}; leave it out")
    if leading == "table" and not (given.data or given.pairs):
        for name in ("model", "workers", "threads"):
            if getattr(given, name) is not None:
                raise InvalidOption(f"--{name} with a stored table; give --data or --pairs to measure, or leave it out")


@dataclass(frozen=True)
class _Run:
    """Pictures, number of processes and output folder of an evaluation."""

    names: list[str]
    pairs: list[Path] | None
    out: Path
    workers: int
    threads: int | None

    def data(self) -> list[Path | PairedSet]:
        """The sets named by the options.

        Raises:
            MissingData: none is named, or one does not exist.
            InvalidOption: both clear pictures and pairs, or not two paths for pairs.
        """
        from jpegmend.errors import InvalidOption, MissingData
        from jpegmend.evaluation.measure.sources import PairedSet

        if self.pairs is None:
            return [*self.folders()]
        if self.names or len(self.pairs) != 2:
            raise InvalidOption(
                f"--pairs with {len(self.pairs)} paths and --data with {len(self.names)}; give --pairs ORIGINALS "
                "COMPRESSED alone, or --data alone"
            )
        for path in self.pairs:
            if not path.exists():
                raise MissingData(f"no file or folder {path}; give the originals and what was made of them")
        return [PairedSet(*self.pairs)]

    def folders(self) -> list[Path]:
        """The sets of clear pictures; MissingData where none is named or one does not exist."""
        from jpegmend.data.sets import locate
        from jpegmend.errors import MissingData

        if not self.names:
            raise MissingData("nothing to measure on; give --data with folders of clear pictures, or --pairs")
        return [locate(name, packed=False) for name in self.names]


def choose(protocol: str | None, colour: str | None, sampling: str | None, *, default: str = "papers-gray") -> Protocol:
    """The protocol that the options name; where they name none it is ``default``, ``pairs`` for given files.

    Raises:
        InvalidOption: unknown names, or a protocol together with a colour or sampling that is not its own.
    """
    from jpegmend.errors import InvalidOption
    from jpegmend.evaluation.measure.protocols import find

    if colour is None and sampling is None:
        return find(protocol or default)
    if default == "pairs" and sampling is None and protocol is None and colour in PAIRED:
        return find(PAIRED[colour])
    sampling = sampling.replace(":", "") if sampling else None
    key = (colour or "rgb", sampling)
    if key not in COLOURS:
        raise InvalidOption(
            f"--colour {colour or 'rgb'} with --sampling {sampling}; there are y, and rgb with 420 or 444; "
            "for anything else take --protocol"
        )
    if protocol and protocol != COLOURS[key]:
        raise InvalidOption(f"--protocol {protocol} has its own colour and sampling; leave --colour and --sampling out")
    return find(COLOURS[key])


def _measure(models: list[str], protocol: Protocol, quality: list[str] | None, run: _Run, report: bool) -> Result:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from jpegmend.cli.networks_of_others import tell_licences
    from jpegmend.evaluation.measure.protocols import parse_case
    from jpegmend.evaluation.measure.run import evaluate
    from jpegmend.evaluation.report import markdown
    from jpegmend.evaluation.report.evaluation_report import write_report

    data = run.data()
    tell_licences(models)
    columns = (TextColumn(protocol.name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=None)
        result = evaluate(
            models,
            data,
            protocol,
            run.out,
            qualities=[parse_case(text) for text in quality] if quality else None,
            workers=run.workers,
            threads=run.threads,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _say(markdown.scores_table([result]))
    if report:
        for path in write_report(result, models, data, run.out):
            _say(f"wrote {path}")
    return result


def _table(name: str, more: list[str], stored: list[Path] | None, run: _Run) -> None:
    from jpegmend.evaluation.measure.protocols import find
    from jpegmend.evaluation.papers import tables
    from jpegmend.evaluation.report import documents, paper_tables

    if name == "list":
        for key in [*tables.TABLES, *tables.FIGURES]:
            _say(f"{key:12} {tables.find(key).title}")
        return
    wanted = tables.find(name)
    protocols = wanted.protocols if isinstance(wanted, tables.Figure) else (wanted.protocol,)
    # A figure of several protocols has a folder for each.
    outs = {protocol: run.out / protocol if len(protocols) > 1 else run.out for protocol in protocols}
    if stored is None:
        own = [folder / "result.json" for folder in (run.out, *outs.values())]
        stored = [path for path in (STORED, *dict.fromkeys(own)) if path.exists()]
    found = documents.results(stored)
    if run.names or run.pairs:
        needs, sets, qualities = tables.needed(wanted)
        _tell_other_sets(name, sets, run)
        models = [*needs, *(name for name in more if name not in needs)]
        labels = None if run.pairs else ["+".join(map(str, case)) for case in qualities] or None
        for protocol, out in {"pairs": run.out}.items() if run.pairs else outs.items():
            found.append(_measure(models, find(protocol), labels, replace(run, out=out), False))
    if not found:
        note = f"no results in ./{STORED} and no {run.out / 'result.json'}: only what is printed can be shown; "
        sys.stderr.write(note + "name stored results by --results, or measure by --data\n\n")
    _say(paper_tables.show(name, found))


def _tell_other_sets(table: str, sets: list[str], run: _Run) -> None:
    """Say, before hours of measuring, which of the named sets the table will not show."""
    from jpegmend.evaluation.measure.sources import set_name

    known = [each.lower() for each in sets]
    if run.names and sets and (others := [each for each in map(set_name, run.data()) if each.lower() not in known]):
        sys.stderr.write(
            f"{table} has no set {', '.join(others)}, but {', '.join(sets)}: what is measured on others stands in "
            f"{run.out} alone; a folder takes part under the name of a set\n\n"
        )


def _documents() -> None:
    from jpegmend.evaluation.report import documents

    changed = documents.write(Path.cwd())
    _say("\n".join(f"wrote {path}" for path in changed) or "everything is up to date")


def _protocols() -> None:
    from jpegmend.evaluation import PROTOCOLS

    for name, protocol in PROTOCOLS.items():
        _say(f"{name:24} {protocol.title}")


def _task(name: str, models: list[str], settings: _Run, protocol: Protocol, quality: list[str] | None) -> None:
    """Measure a downstream task; writes ``NAME.json`` into the folder of the results and prints its table."""
    from jpegmend.cli.networks_of_others import tell_licences
    from jpegmend.evaluation.measure import downstream
    from jpegmend.evaluation.measure.degrade_and_score import open_original
    from jpegmend.evaluation.measure.environment import environment
    from jpegmend.evaluation.measure.methods_under_test import methods
    from jpegmend.evaluation.measure.protocols import label, parse_case
    from jpegmend.evaluation.measure.sources import pictures
    from jpegmend.evaluation.report import benchmark_tables

    if name == "list":
        _say("\n".join(f"{task.name:12} {task.sentence}" for task in downstream.TASKS.values()))
        return
    wanted = downstream.find(name)
    tell_licences(models)
    files = [path for folder in settings.folders() for path in pictures(folder)]
    originals = [open_original(path, protocol) for path in files]
    used = methods([m for m in models if m != "jpeg"], consistent=protocol.consistent, both=False)
    lines = [
        {"quality": label(case)} | downstream.run(wanted, originals, used, protocol, case)
        for case in (dict.fromkeys(map(parse_case, quality)) if quality else protocol.qualities)
    ]
    found = {"task": lines, "measured": wanted.sentence, "protocol": protocol.name, "environment": environment()}
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / f"{wanted.name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    _say(benchmark_tables.READERS["task"](found))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
