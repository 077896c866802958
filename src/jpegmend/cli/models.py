"""``jpegmend models``: the networks there are."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict

from jpegmend.cli.parser import Parser
from jpegmend.weights import DEFAULT, MODELS


def add(parser: Parser) -> None:
    """The options of ``jpegmend models``."""
    parser.add_argument("--json", action="store_true", help="one line of JSON a network")


def run(given: Namespace) -> int:
    """List the networks: what they are, what they cost, whether their weights are released."""
    for name, card in MODELS.items():
        if given.json:
            plain = {key: value for key, value in asdict(card).items() if key != "folder"}
            sys.stdout.write(json.dumps(plain) + "\n")
            continue
        state = "not released" if not card.released else "plain install" if "onnx" in card.files else "needs [torch]"
        mark = "*" if name == DEFAULT else " "
        cost = f"{card.parameters / 1e6:6.2f} M parameters {card.multiply_adds / 1e3:8.0f} k multiply-adds a pixel"
        sys.stdout.write(f"{mark} {name:<12} {state:<13} {cost}  {card.title}\n")
    if not given.json:
        sys.stdout.write("* is the default; `jpegmend FILE --model NAME` uses another.\n")
        sys.stdout.write("Networks with an ONNX file run in the plain install; the others need jpegmend[torch].\n")
    return 0
