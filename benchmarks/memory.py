"""Peak resident memory for 12 and 100 megapixels, by API and command, each in a process of its own.

python benchmarks/memory.py --model mend-s --out docs/results/memory.json
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

from jpegmend.evaluation.benchmark import footprint, synthetic
from jpegmend.evaluation.measure.environment import environment
from jpegmend.evaluation.report import benchmark_tables

SIZES = {"12": (4000, 3000), "100": (10000, 10000)}
BARS = {"12": 700, "100": 1500}
"""Peak in MB that a picture of so many megapixels may take."""


def main() -> None:
    """Measure, print against the bars, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--megapixels", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("memory.json"))
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory(prefix="jpegmend-") as folder:
        for name in options.megapixels:
            path = Path(folder) / f"{name}.jpg"
            path.write_bytes(synthetic.synthetic_jpeg(*SIZES[name]))
            for model in options.model:
                words = json.dumps({"model": model, "threads": options.threads})
                found = footprint.measure("restore", str(path), words, tree=True)
                lines.append({"what": model, "megapixels": math.prod(SIZES[name]) / 1e6, "bar_mb": BARS[name], **found})
    found = {"memory": lines, "environment": environment(threads=options.threads)}
    print(benchmark_tables.memory(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
