"""``jpegmend release``: write weights and card of a training run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from jpegmend.cli.parser import SEVERAL, Parser, refuse_file
from jpegmend.cli.streams import say_step
from jpegmend.cli.train import parse_settings
from jpegmend.errors import InvalidOption, extra_needed


def add(parser: Parser) -> None:
    """The options of ``jpegmend release``."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run, or a weights file in it (RUN/best)")
    parser.add_argument("--name", required=True, help="name of the network for --model")
    parser.add_argument(
        "--network", type=Path, metavar="FILE", help="Python file with a network of your own; it is executed"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for card and weights; without it the package's own")
    parser.add_argument("--data", **SEVERAL, default=[], metavar="TEXT", help="what it was trained on, with licences")
    parser.add_argument("--licence", default="Apache-2.0", metavar="NAME", help="licence of the weights (Apache-2.0)")
    parser.add_argument("--machine", metavar="TEXT", help="where it was trained; without it this machine")
    parser.add_argument(
        "--scores", type=Path, metavar="FILE", help="the result.json of an evaluation of these weights, for the card"
    )
    parser.add_argument(
        "--caution",
        **SEVERAL,
        default=[],
        metavar="QUALITY:SHARE",
        help="strength by the file's quality, such as 90:1 95:0.5, where the full one makes good pictures worse",
    )
    parser.add_argument(
        "--set",
        **SEVERAL,
        default=[],
        dest="changes",
        metavar="KEY=VALUE",
        help="a hyper-parameter that no weight depends on, such as DCSC's iterations=20",
    )
    parser.add_argument(
        "--traces", **SEVERAL, default=[], metavar="NAME", help="intermediate results that the ONNX file gives too"
    )
    parser.add_argument("--notes", default="", metavar="TEXT", help="remarks for the card")


def run(given: Namespace) -> int:
    """Write the averaged weights in half precision, as ONNX where possible, a card about them, and the curve."""
    with extra_needed("releasing", "training"):
        from jpegmend import models
        from jpegmend.evaluation.measure.results import card_scores, scored_weights
        from jpegmend.training import release
    if given.out:
        refuse_file(given.out)
    if given.network:
        models.add(given.network)
    facts = release.Facts(
        data=given.data,
        licence=given.licence,
        machine=given.machine,
        notes=given.notes,
        caution=read_caution(given.caution),
        scores=card_scores(given.scores, given.name) if given.scores else (),
        scored=scored_weights(given.scores, given.name) if given.scores else "",
    )
    card = release.release(
        given.run,
        given.name,
        folder=given.out or release.CARDS,
        facts=facts,
        changes=parse_settings(given.changes),
        traces=given.traces,
        say=say_step,
    )
    for form, entry in card.files.items():
        sys.stdout.write(f"{form}: {card.folder / entry['file']}\n")
    sys.stdout.write(f"card: {card.folder / given.name}.json\n")
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
