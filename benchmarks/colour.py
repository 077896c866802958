"""Colour shift, as in QGCN's fig. 4: CIEDE2000 to the original on low-passed pictures, before and after restoring.

python benchmarks/colour.py --data PICTURES --model mend-s --quality 10 20 --out docs/results/colour.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jpegmend.evaluation import cases, protocols, subjects
from jpegmend.evaluation.colour_shift import colour_shift
from jpegmend.evaluation.environment import environment
from jpegmend.evaluation.markdown import grid


def main() -> None:
    """Measure each picture, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="folders or single pictures")
    parser.add_argument("--model", nargs="+", default=["mend-s"])
    parser.add_argument("--quality", nargs="+", default=["10", "20"])
    parser.add_argument("--sigma", type=float, default=4.0, help="of the low pass, pixels")
    parser.add_argument("--out", type=Path, default=Path("colour.json"))
    options = parser.parse_args()
    protocol = protocols.find("rgb-420").stamped()
    measured = subjects.subjects(options.model, consistent=True, both=False)
    lines = []
    for path in (file for folder in options.data for file in cases.pictures(folder)):
        original = cases.open_original(path, protocol)
        for quality in options.quality:
            trial = cases.damage(original, protocol, protocols.parse_case(quality))
            seen = {"JPEG": trial.decoded, **{s.name: s.restore(trial.jpeg)[0] for s in measured}}
            for name, picture in seen.items():
                shift = colour_shift(trial.truth, picture, sigma=options.sigma)
                values = {"mean": shift.mean, "percentile95": shift.percentile95}
                lines.append({"image": path.name, "quality": quality, "what": name, **values})
    header = ["picture", "quality", "what", "mean CIEDE2000", "95th percentile"]
    rows = [[x["image"], x["quality"], x["what"], f"{x['mean']:.3f}", f"{x['percentile95']:.3f}"] for x in lines]
    print(grid(header, rows, numbers=3))
    found = {"colour": lines, "sigma": options.sigma, "protocol": protocol.to_json(), "environment": environment()}
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
