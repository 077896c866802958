"""Mean over mirror images (``--thorough``): gain in PSNR and ratio of time by the number of passes.

python benchmarks/mirrors.py --data LIVE1 --out docs/results/mirrors.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from jpegmend import metrics, restore
from jpegmend.evaluation.measure.degrade_and_score import encode
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.measure.sources import pictures

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
            rows.append(
                {"quality": quality, "passes": passes, "psnr": round(float(np.mean(scores)), 4), "time": seconds}
            )
    for row in rows:
        single = next(each for each in rows if each["quality"] == row["quality"])
        row |= {"gain": round(row["psnr"] - single["psnr"], 4), "time": round(row["time"] / single["time"], 2)}
    text = json.dumps({"model": options.model, "mirrors": rows, "environment": environment()}, indent=1)
    options.out.write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
