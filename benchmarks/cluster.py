"""Throughput of `jpegmend cluster` on one machine, from which docs/cluster.md estimates a billion pictures.

    python benchmarks/cluster.py --out docs/results/cluster-throughput.json

Makes JPEGs of 0.5 megapixels (the pictures in examples/, continued by their mirror images to 864 x 576, qualities 10 to
90), plans a job and runs it by one process and by one for each core, and once more with WebP as the results' format.
For each run it states pictures a second, seconds of a core for a picture (start of the processes, reading and writing
included), processor seconds, and the mean bytes of a file and of a result.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from batch import EXAMPLES
from jpegmend.evaluation.measure.environment import environment

HEIGHT, WIDTH = 576, 864


def make_files(folder: Path, count: int) -> None:
    """Write so many JPEGs, the same at every call."""
    folder.mkdir()
    rng = random.Random(0)
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(EXAMPLES.glob("*.jpg"))]
    for number in range(count):
        picture = rng.choice(pictures)
        # Shifted, so that no two files are equal.
        top, left = rng.randrange(64), rng.randrange(64)
        pad = ((top, max(0, HEIGHT - top - picture.shape[0])), (left, max(0, WIDTH - left - picture.shape[1])), (0, 0))
        whole = np.pad(picture, pad, "symmetric")[:HEIGHT, :WIDTH]
        Image.fromarray(whole).save(folder / f"{number:05}.jpg", quality=rng.choice((10, 20, 40, 60, 90)))


def cluster(*words: object) -> Any:
    """What `jpegmend cluster ... --json` prints."""
    command = [sys.executable, "-m", "jpegmend", "cluster", *map(str, words), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def measure(source: Path, destination: Path, jobs: int, format: str) -> dict[str, Any]:
    """One job from plan to end."""
    planned = cluster("plan", source, destination, "--format", format)
    before, started = os.times(), time.perf_counter()
    ran = cluster("run", destination, "--jobs", jobs)
    seconds, after = time.perf_counter() - started, os.times()
    pictures = planned["pictures"]
    assert ran["done"] == pictures
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return {
        "processes": jobs,
        "format": format,
        "pictures": pictures,
        "seconds": round(seconds, 2),
        "pictures_a_second": round(pictures / seconds, 3),
        "core_seconds_a_picture": round(jobs * seconds / pictures, 3),
        "processor_seconds_a_picture": round(used / pictures, 3),
        "megapixels_a_picture": round(ran["megapixels"] / pictures, 4),
        "bytes_a_file": round(ran["read"] / pictures),
        "bytes_a_result": round(ran["written"] / pictures),
    }


def main() -> None:
    """Measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    found = []
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "files")
        make_files(source, given.files)
        for number, (jobs, format) in enumerate(((1, "png"), (cores, "png"), (cores, "webp"))):
            found.append(measure(source, Path(place, f"out-{number}"), jobs, format))
            print(json.dumps(found[-1]), flush=True)
    if given.out:
        record = {"cluster_throughput": found, "environment": environment()}
        given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
