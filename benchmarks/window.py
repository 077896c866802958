"""Quality of inference in windows against inference on the whole picture, for networks with non-local layers.

    python benchmarks/window.py --data LIVE1 --model cqr-c dual-c --out docs/results/window.json

The middle of each picture is compressed and restored twice, by the windows of the network's card and as a whole.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jpegmend.data.sets import locate
from jpegmend.evaluation.benchmark.window_cost import window_cost
from jpegmend.evaluation.measure import protocols
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report import benchmark_tables
from jpegmend.weights import MODELS


def main() -> None:
    """Measure, print, write JSON."""
    in_windows = [name for name, card in MODELS.items() if card.released and card.tiling == "window"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="LIVE1", help="a folder of clear pictures, or the name of a set")
    parser.add_argument("--model", nargs="+", default=in_windows, help="all released ones that work in windows")
    parser.add_argument("--quality", default="10")
    parser.add_argument("--protocol", default="papers-gray")
    parser.add_argument("--side", type=int, default=192, help="pixels of the part that is taken from each picture")
    parser.add_argument("--pictures", type=int, default=10, help="how many, the first by name")
    parser.add_argument("--out", type=Path, default=Path("window.json"))
    options = parser.parse_args()
    if not options.model:
        parser.error("no released network works in windows; give --model with the card of one")
    files = pictures(locate(options.data, packed=False))[: options.pictures]
    protocol, case = protocols.find(options.protocol), protocols.parse_case(options.quality)
    found = window_cost(options.model, files, protocol, case, side=options.side)
    print(benchmark_tables.window(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
