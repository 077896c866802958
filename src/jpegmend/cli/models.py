"""``jpegmend models``: list the networks."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict

from jpegmend.cli.parser import Parser
from jpegmend.errors import WeightsDamaged
from jpegmend.weights import DEFAULT, MODELS, Card
from jpegmend.weights.catalogue import PACKAGED, user_folder


def add(parser: Parser) -> None:
    """The options of ``jpegmend models``."""
    parser.add_argument("--json", action="store_true", help="one line of JSON a network")


def run(given: Namespace) -> int:
    """List the networks with their cost and whether their weights are released."""
    width = max(map(len, MODELS))
    for name in MODELS:
        try:
            card = MODELS[name]
        except WeightsDamaged as error:
            # One card that cannot be read must not hide the others.
            sys.stderr.write(f"jpegmend: {error}\n")
            continue
        if given.json:
            plain = {key: value for key, value in asdict(card).items() if key != "folder"}
            sys.stdout.write(json.dumps(plain) + "\n")
        else:
            sys.stdout.write(_line(name.ljust(width), card) + "\n")
    if not given.json:
        sys.stdout.write("* is the default; `jpegmend FILE --model NAME` uses another.\n")
        sys.stdout.write(f"`jpegmend adopt FILE --name NAME` adds a network of others; they lie in {user_folder()}.\n")
    return 0


def _line(name: str, card: Card) -> str:
    mark = "*" if card.name == DEFAULT else " "
    licence = "" if card.name in PACKAGED else f"  {card.licence or 'licence not stated'}"
    if card.foreign:
        needs = "adopted" if "onnx" in card.files else "needs [spandrel]"
        return f"{mark} {name} {needs:<13}{licence}  {card.title}"
    state = "not released" if not card.released else "plain install" if "onnx" in card.files else "needs [torch]"
    cost = f"{card.parameters / 1e6:6.2f} M parameters {card.multiply_adds / 1e3:8.0f} k multiply-adds a pixel"
    return f"{mark} {name} {state:<13} {cost}{licence}  {card.title}"
