"""``jpegmend benchmark``: speed and memory side by side, against a fixed stack of layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

LISTS = ("--model", "--size")
"""Options that take several values."""


def command(
    model: Annotated[list[str] | None, typer.Option(help="Names, paths of cards, or jpeg; several.")] = None,
    size: Annotated[list[str] | None, typer.Option(help="Sides, 512, or 4000x3000; several.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    repeats: Annotated[int, typer.Option(help="Runs of each, by turns; the median counts.")] = 3,
    memory: Annotated[bool, typer.Option(help="Peak memory too, in fresh processes.")] = True,
    reference: Annotated[bool, typer.Option(help="Time DnCNN-3's layer stack beside them.")] = True,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Time models on this machine, next to a fixed stack of layers with random weights, as ratios."""
    from jpegmend.evaluation.benchmark import synthetic, timing
    from jpegmend.evaluation.report import benchmark_tables

    found = timing.benchmark(
        model or ["mend-s", "jpeg"],
        [synthetic.parse_size(text) for text in size or ["512", "1024"]],
        threads=threads,
        repeats=repeats,
        memory=memory,
        reference=reference,
    )
    typer.echo(benchmark_tables.markdown(found))
    if json_path:
        json_path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
