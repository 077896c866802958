"""scripts/fuzz: its targets take its seeds and mutants of them; libFuzzer itself is not needed for that."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In a process of its own, because the decoders limit the process in which they run.
SCRIPT = """
import random, runpy, sys
script = runpy.run_path(sys.argv[1])
rng = random.Random(0)
for target in script["TARGETS"]:
    call, seeds = script["find_call"](target), list(script["seeds"](target))
    chosen = rng.sample(seeds, min(len(seeds), 4))
    for data in chosen:
        mutant = bytearray(data)
        mutant[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        call(data)
        call(bytes(mutant))
        call(data[: len(data) // 2])
    print(target, len(seeds))
"""


def test_every_target_takes_its_seeds() -> None:
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "scripts" / "fuzz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split() for line in done.stdout.splitlines() if " " in line)
    assert {"header", "restore", "avif", "tiff"} <= counts.keys()
    assert all(int(count) >= 2 for count in counts.values()), counts


def test_an_unknown_target_is_refused() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "fuzz"), "webm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no target and no file: webm" in done.stderr and "header" in done.stderr
