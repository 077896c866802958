"""Throughput and memory of the command on a folder of small files, and its threads on one large file.

    python benchmarks/batch.py --files 2000 --runs 1x1 1x2 2x1 --repeats 3 --large 3000

Makes the files (crops of the pictures in examples/, 256x256 by default, qualities 10 to 90) in a temporary folder and
prints files a second, processor seconds and memory of all processes together for each run, by turns. A run is named by
its processes and the threads of each: 2x1 is two processes of one thread. Then one picture of so many pixels a side
is restored with one thread and with all, and its PNG is written.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

from jpegmend.evaluation.benchmark.footprint import descendants

EXAMPLES = Path(__file__).parents[1] / "examples"


def make_files(folder: Path, count: int, side: int) -> None:
    """Write so many JPEGs, the same at every call."""
    pictures = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))]
    rng = random.Random(0)
    folder.mkdir()
    for number in range(count):
        picture = rng.choice(pictures)
        left, top = rng.randint(0, picture.width - 32), rng.randint(0, picture.height - 32)
        crop = picture.crop((left, top, left + side, top + side))
        crop.save(folder / f"{number:05}.jpg", quality=rng.choice((10, 20, 40, 60, 90)))


def memory(pid: int) -> int:
    """Bytes of a process and all below it; shared pages are divided among those who share them."""
    total = 0
    for each in descendants(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def run(source: Path, output: Path, more: list[str]) -> dict[str, float]:
    """One run of the command: seconds, processor seconds, memory at a third of the run and at its peak."""
    before, started = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "jpegmend", str(source), "-o", str(output), "-q", *more]
    process = subprocess.Popen(command)
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.25):
            seen.append(memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds, after = time.perf_counter() - started, os.times()
    over.set()
    watcher.join()
    if code:
        sys.exit(f"the command ended with {code}")
    used = after.children_user - before.children_user + after.children_system - before.children_system
    third = seen[len(seen) // 3] if seen else 0
    return {"seconds": seconds, "processor": used, "third": third / 1e6, "peak": max(seen, default=0) / 1e6}


def measure_large(folder: Path, side: int, more: list[str]) -> None:
    """Print the seconds of one large picture with one thread and with all, and those of its PNG."""
    from jpegmend import restore

    with Image.open(EXAMPLES / "harbour.jpg") as image:
        image.convert("RGB").resize((side, side)).save(folder / "large.jpg", quality=20)
    for name, words in (("one thread", ["--threads", "1"]), ("all threads", [])):
        found = run(folder / "large.jpg", folder / f"{len(words)}.png", [*words, *more])
        print(f"{side}x{side}, {name}: {found['seconds']:.1f} s, {found['processor']:.1f} processor s")
    decoded = restore(folder / "large.jpg", strength=0, bits=8)
    started = time.perf_counter()
    decoded.to_bytes("png")
    print(f"{side}x{side}, its PNG: {time.perf_counter() - started:.1f} s", flush=True)


def main() -> None:
    """Measure by turns and print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--runs", nargs="*", default=["1x1", "1x2", "2x1"], metavar="PROCESSESxTHREADS")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", type=int, metavar="SIDE", help="also one picture of so many pixels a side")
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "files")
        make_files(folder, given.files, given.side)
        print(f"{given.files} files of {given.side}x{given.side}")
        print("run  files/s  seconds  processor s  MB at a third  MB at most")
        for repeat in range(given.repeats):
            for name in given.runs:
                jobs, threads = map(int, name.split("x"))
                words = ["--jobs", str(jobs), "--threads", str(jobs * threads), *more]
                found = run(folder, Path(place, f"out-{repeat}-{name}"), words)
                speed, used = given.files / found["seconds"], found["processor"]
                line = f"{name}  {speed:7.2f}  {found['seconds']:7.1f}  {used:11.1f}"
                print(f"{line}  {found['third']:13.0f}  {found['peak']:10.0f}", flush=True)
        if given.large:
            measure_large(Path(place), given.large, more)


if __name__ == "__main__":
    main()
