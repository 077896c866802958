"""``jpegmend evaluate``: measure models, print a paper's table, fill the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jpegmend.evaluation import Protocol, Result

LISTS = ("--model", "--data", "--quality", "--results")
"""Options that take several values."""

COLOURS = {("y", None): "papers-gray", ("rgb", None): "rgb-420", ("rgb", "420"): "rgb-420", ("rgb", "444"): "rgb-444"}
STORED = Path("docs/results")


def command(
    model: Annotated[list[str] | None, typer.Option(help="Names, paths of cards, or jpeg; several.")] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="Folders of clear pictures, or names of sets; several.")
    ] = None,
    quality: Annotated[list[str] | None, typer.Option(help="1 to 100, or 10+30 for 10 and then 30; several.")] = None,
    protocol: Annotated[str | None, typer.Option(help="How to measure: a named protocol; 'list' names them.")] = None,
    colour: Annotated[str | None, typer.Option(help="y or rgb: picks the protocol.")] = None,
    sampling: Annotated[str | None, typer.Option(help="420 or 444, for rgb.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results"),
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads of each restoration.")] = None,
    table: Annotated[str | None, typer.Option(help="A paper's table, such as dcsc:1; 'list' names them.")] = None,
    results: Annotated[list[Path] | None, typer.Option(help="Stored results for --table; several.")] = None,
    docs: Annotated[bool, typer.Option("--docs", help="Fill README and docs from docs/results.")] = False,
    task: Annotated[str | None, typer.Option(help="A use of the restored pictures; 'list' names them.")] = None,
    report: Annotated[bool, typer.Option(help="Write report.md and report.html.")] = True,
) -> None:
    """Measure models on clear pictures through the same restore as everyone's, or show a paper's table beside ours."""
    if docs:
        _documents()
    elif table:
        _table(table, model or [], data or [], results, out, workers, threads)
    elif task:
        chosen = choose(protocol or "rgb-420", colour, sampling)
        _task(task, model or ["mend-s"], data or [], chosen, quality)
    elif protocol == "list":
        _protocols()
    else:
        chosen = choose(protocol, colour, sampling)
        _measure(model or ["mend-s", "jpeg"], data or [], chosen, quality, out, workers, threads, report)


def choose(protocol: str | None, colour: str | None, sampling: str | None) -> Protocol:
    """The protocol that the options name.

    Raises:
        InvalidOption: unknown names, or a protocol together with a colour or sampling that is not its own.
    """
    from jpegmend.errors import InvalidOption
    from jpegmend.evaluation.measure.protocols import find

    if colour is None and sampling is None:
        return find(protocol or "papers-gray")
    sampling = sampling.replace(":", "") if sampling else None
    key = (colour or "rgb", sampling)
    if key not in COLOURS:
        raise InvalidOption(
            f"--colour {colour} with --sampling {sampling}; there are y, and rgb with 420 or 444; "
            "for anything else take --protocol"
        )
    if protocol and protocol != COLOURS[key]:
        raise InvalidOption(f"--protocol {protocol} has its own colour and sampling; leave --colour and --sampling out")
    return find(COLOURS[key])


def _measure(
    models: list[str],
    data: list[str],
    protocol: Protocol,
    quality: list[str] | None,
    out: Path,
    workers: int,
    threads: int | None,
    report: bool,
) -> Result:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from jpegmend.errors import MissingData
    from jpegmend.evaluation.measure import degrade_and_score
    from jpegmend.evaluation.measure.protocols import parse_case
    from jpegmend.evaluation.measure.run import evaluate
    from jpegmend.evaluation.report import markdown
    from jpegmend.evaluation.report.evaluation_report import write_report

    if not data:
        raise MissingData("nothing to measure on; give --data with folders of clear pictures")
    folders = [degrade_and_score.find_set(name) for name in data]
    columns = (TextColumn(protocol.name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=None)
        result = evaluate(
            models,
            folders,
            protocol,
            out,
            qualities=[parse_case(text) for text in quality] if quality else None,
            workers=workers,
            threads=threads,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(markdown.scores_table([result]))
    if report:
        for path in write_report(result, folders, out):
            typer.echo(f"wrote {path}")
    return result


def _table(
    name: str,
    more: list[str],
    data: list[str],
    stored: list[Path] | None,
    out: Path,
    workers: int,
    threads: int | None,
) -> None:
    from jpegmend.evaluation.measure.protocols import find
    from jpegmend.evaluation.papers import tables
    from jpegmend.evaluation.report import documents

    if name == "list":
        for key in [*tables.TABLES, *tables.FIGURES]:
            typer.echo(f"{key:12} {tables.find(key).title}")
        return
    wanted = tables.find(name)
    if stored is None:
        stored = [path for path in (STORED, out / "result.json") if path.exists()]
    found = documents.results(stored)
    if data:
        needs, _, qualities = tables.needed(wanted)
        models = [*needs, *(name for name in more if name not in needs)]
        labels = ["+".join(map(str, case)) for case in qualities] or None
        found.append(_measure(models, data, find(wanted.protocol), labels, out, workers, threads, False))
    typer.echo(documents.show(name, found))


def _documents() -> None:
    from jpegmend.evaluation.report import documents

    changed = documents.write(Path.cwd())
    typer.echo("\n".join(f"wrote {path}" for path in changed) or "everything is up to date")


def _protocols() -> None:
    from jpegmend.evaluation import PROTOCOLS

    for name, protocol in PROTOCOLS.items():
        typer.echo(f"{name:24} {protocol.title}")


def _task(name: str, models: list[str], data: list[str], protocol: Protocol, quality: list[str] | None) -> None:
    from jpegmend.evaluation.measure import degrade_and_score, downstream, methods_under_test
    from jpegmend.evaluation.measure.protocols import label, parse_case
    from jpegmend.evaluation.report import markdown

    if name == "list":
        typer.echo("\n".join(f"{task.name:12} {task.sentence}" for task in downstream.TASKS.values()))
        return
    wanted = downstream.find(name)
    files = [path for folder in data for path in degrade_and_score.pictures(degrade_and_score.find_set(folder))]
    pictures = [degrade_and_score.open_original(path, protocol) for path in files]
    used = methods_under_test.methods([m for m in models if m != "jpeg"], consistent=protocol.consistent, both=False)
    lines = []
    for case in [parse_case(text) for text in quality or []] or protocol.qualities:
        found = downstream.run(wanted, pictures, used, protocol, case)
        texts = (markdown.number(value, 0 if key == "pictures" else 3) for key, value in found.items())
        lines.append([label(case), *texts])
    typer.echo(markdown.grid(["quality", "pictures", "JPEG", *(method.name for method in used)], lines))
