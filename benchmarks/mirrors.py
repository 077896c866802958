"""Mean over mirror images (``--thorough``): gain in PSNR and ratio of time by the number of passes.

python benchmarks/mirrors.py --data LIVE1 --out docs/results/mirrors.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jpegmend import metrics, restore
from jpegmend.evaluation.measure.degrade_and_score import encode
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report import benchmark_tables

PASSES = (1, 2, 4)
QUALITIES = (10, 40)


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with uncompressed pictures")
    parser.add_argument("--model", default="mend-s")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    originals = [np.asarray(Image.open(path).convert("L")) for path in pictures(options.data)]
    rows = []
    for quality in QUALITIES:
        files = [encode(original, quality, "gray") for original in originals]
        for passes in PASSES:
            start = time.perf_counter()
            scores = [
                metrics.psnr(
                    original, restore(file, model=options.model, thorough=passes, bits=8).to_array(8), peak=255
                )
                for original, file in zip(originals, files, strict=True)
            ]
            seconds = time.perf_counter() - start
            rows.append({"quality": quality, "passes": passes, "psnr": float(np.mean(scores)), "seconds": seconds})
    measured = {"model": options.model, "pictures": len(originals), "mirrors": compare(rows)}
    found = measured | {"environment": environment()}
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(benchmark_tables.mirrors(found))


def compare(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The rows with their gain in dB over one pass at the same quality, and with their time as a multiple of it."""
    single = {row["quality"]: row for row in rows if row["passes"] == 1}
    return [
        {
            **row,
            "gain": row["psnr"] - single[row["quality"]]["psnr"],
            "time": row["seconds"] / single[row["quality"]]["seconds"],
        }
        for row in rows
    ]


if __name__ == "__main__":
    main()
