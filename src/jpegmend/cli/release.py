"""``jpegmend release``: make a released network of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from jpegmend.errors import InvalidOption, MissingExtra

LISTS = ("--data", "--caution")
"""Options that take several values."""


def command(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or a weights file in it (RUN/best).")],
    name: Annotated[str, typer.Option(help="What users will call it.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for card and weights; the package's own if not given.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="What it was trained on, with licences; several.")] = None,
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "Apache-2.0",
    machine: Annotated[str | None, typer.Option(help="Where it was trained; this machine if not given.")] = None,
    scores: Annotated[
        Path | None, typer.Option(help="The result.json of an evaluation of these weights, for the card.")
    ] = None,
    caution: Annotated[
        list[str] | None, typer.Option(help="QUALITY:SHARE of the strength, where good pictures lose; several.")
    ] = None,
    notes: Annotated[str, typer.Option(help="What a reader of the card should know.")] = "",
) -> int:
    """Write the averaged weights in half precision, as ONNX where possible, with a card, and draw the curve."""
    try:
        from jpegmend.evaluation.measure.results import card_scores
        from jpegmend.training import release
    except ImportError as error:
        raise MissingExtra(f"releasing needs {error.name}; pip install 'jpegmend[training]'") from error
    facts = release.Facts(
        data=data or (),
        licence=licence,
        machine=machine,
        notes=notes,
        caution=read_caution(caution or ()),
        scores=card_scores(scores, name) if scores else (),
    )
    card = release.release(run, name, folder=out or release.CARDS, facts=facts)
    for form, entry in card.files.items():
        sys.stdout.write(f"{form}: {card.folder / entry['file']}\n")
    sys.stdout.write(f"card: {card.folder / name}.json\n")
    return 0


def read_caution(points: Sequence[str]) -> list[tuple[float, float]]:
    """Points of a card's caution from words such as ``90:1 95:0.5``.

    >>> read_caution(["90:1", "95:0.5"])
    [(90.0, 1.0), (95.0, 0.5)]
    """
    try:
        pairs = [point.split(":") for point in points]
        return [(float(quality), float(share)) for quality, share in pairs]
    except ValueError as error:
        raise InvalidOption(f"--caution {' '.join(points)}: give QUALITY:SHARE, such as 90:1 95:0.5") from error
