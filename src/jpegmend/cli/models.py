"""``jpegmend models``: the networks there are."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from jpegmend.weights import DEFAULT, MODELS


def command(as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a network.")] = False) -> int:
    """List the networks: what they are, what they cost, whether their weights are released."""
    for name, card in MODELS.items():
        if as_json:
            plain = {key: value for key, value in asdict(card).items() if key != "folder"}
            sys.stdout.write(json.dumps(plain) + "\n")
            continue
        state = "released" if card.released else "not released"
        mark = "*" if name == DEFAULT else " "
        cost = f"{card.parameters / 1e6:6.2f} M parameters {card.multiply_adds / 1e3:8.0f} k multiply-adds a pixel"
        sys.stdout.write(f"{mark} {name:<12} {state:<13} {cost}  {card.title}\n")
    if not as_json:
        sys.stdout.write(f"* the default. `jpegmend FILE --model NAME` uses another; {DEFAULT} needs no extra.\n")
    return 0
