"""``jpegmend benchmark``: speed and memory of models beside a fixed reference network."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction, Namespace
from pathlib import Path

from jpegmend.cli.options import PARALLEL
from jpegmend.cli.parser import SEVERAL, Parser, whole


def add(parser: Parser) -> None:
    """The options of ``jpegmend benchmark``."""
    parser.add_argument("--model", **SEVERAL, metavar="NAME", help="names, paths of cards, or jpeg (mend-s jpeg)")
    parser.add_argument(
        "--size", **SEVERAL, metavar="SIZE", help="of the pictures: a side such as 512, or 4000x3000 (512 1024)"
    )
    parser.add_argument("--threads", **PARALLEL, help="CPU threads")
    parser.add_argument(
        "--repeats", type=whole(1), default=3, metavar="N", help="runs of each, in turn; the median counts (3)"
    )
    parser.add_argument(
        "--memory", action=BooleanOptionalAction, default=True, help="peak memory too, in fresh processes"
    )
    parser.add_argument(
        "--reference", action=BooleanOptionalAction, default=True, help="time the layers of DnCNN-3 beside them"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")


def run(given: Namespace) -> int:
    """Time networks on this machine beside a reference network, whose time is the unit of the ratios."""
    from jpegmend.cli.networks_of_others import tell_licences
    from jpegmend.evaluation.benchmark import synthetic, timing
    from jpegmend.evaluation.report import benchmark_tables
    from jpegmend.writing.atomic import check_target, write_bytes

    if given.json:
        check_target(given.json, overwrite=True)
    models = given.model or ["mend-s", "jpeg"]
    tell_licences(models)
    found = timing.benchmark(
        models,
        [synthetic.parse_size(text) for text in given.size or ["512", "1024"]],
        threads=given.threads,
        repeats=given.repeats,
        memory=given.memory,
        reference=given.reference,
    )
    sys.stdout.write(benchmark_tables.markdown(found) + "\n")
    if given.json:
        write_bytes(given.json, json.dumps(found, indent=1).encode() + b"\n")
    return 0
