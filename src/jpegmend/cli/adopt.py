"""``jpegmend adopt``: put a network of others into the user's catalogue."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jpegmend.cli.parser import Parser, whole
from jpegmend.cli.streams import say_step
from jpegmend.errors import InvalidOption

if TYPE_CHECKING:
    from jpegmend.weights import Card

SOURCES = ("dcsc-tf", "dncnn-mat", "arcnn-mat", "qcn")
RANGES = {"1": (0.0, 1.0), "255": (0.0, 255.0), "signed": (-1.0, 1.0)}
"""Values of black and white by what ``--range`` calls them."""


def add(parser: Parser) -> None:
    """The options of ``jpegmend adopt``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the network: .onnx or .safetensors")
    parser.add_argument("--name", required=True, help="name to give it: jpegmend photo.jpg --model NAME")
    parser.add_argument(
        "--licence",
        default="",
        metavar="TEXT",
        help="licence of the weights, such as CC-BY-NC-4.0; a non-commercial one is shown whenever the network runs",
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=SOURCES,
        help="the file is that of a network's authors: DCSC's TensorFlow .index, DnCNN's or AR-CNN's .mat, QCN's "
        "state dict as .safetensors",
    )
    parser.add_argument("--notes", default="", metavar="TEXT", help="remarks for its card, the file that describes it")
    parser.add_argument(
        "--range",
        choices=tuple(RANGES),
        help="pixel values it takes: 0 to 1, 0 to 255, or signed, -1 to 1; without it found by trial, "
        "with --from 0 to 1; not for QCN, whose values are known",
    )
    parser.add_argument(
        "--multiple",
        type=whole(1, 512),
        metavar="N",
        help="height and width must be multiples of N; without it found by trial",
    )
    parser.add_argument(
        "--window",
        type=whole(64, 8192),
        metavar="PIXELS",
        help="side of the windows where its answer depends on the whole picture (512)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the network of this name")


def run(given: Namespace) -> int:
    """Measure how a network of others is to be run (range of values, sizes, tiles), and keep it under a name."""
    if given.source:
        return _convert(given)
    from jpegmend.adoption import Given, adopt, describe
    from jpegmend.adoption.tiling import WINDOW

    card = adopt(
        given.file,
        given.name,
        licence=given.licence,
        notes=given.notes,
        given=Given(values=RANGES.get(given.range), multiple=given.multiple, window=given.window or WINDOW),
        overwrite=given.overwrite,
        say=say_step,
    )
    sys.stdout.write(f"{card.name}: {describe(card)}\n")
    _tell(card)
    return 0


def _convert(given: Namespace) -> int:
    from jpegmend.conversion import convert

    for option, given_value in (("--multiple", given.multiple), ("--window", given.window)):
        if given_value is not None:
            raise InvalidOption(f"{option} has no effect with --from, by which the network is known; leave it out")
    card = convert(
        given.file,
        given.source,
        given.name,
        licence=given.licence,
        notes=given.notes,
        values=RANGES.get(given.range),
        overwrite=given.overwrite,
        say=say_step,
    )
    sys.stdout.write(f"{card.name}: {card.title}, {card.parameters / 1e6:.2f} M parameters, halo {card.halo}\n")
    _tell(card)
    return 0


def _tell(card: Card) -> None:
    sys.stdout.write(f"card: {card.folder / card.name}.json\n")
    sys.stdout.write(f"use it: jpegmend photo.jpg --model {card.name}\n")
