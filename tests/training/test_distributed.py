"""Two processes (gloo) compute the same steps as one process that accumulates two batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.training.conftest import tiny

from jpegmend.training import loop
from jpegmend.training.run import RunSettings

RECIPE = """
name = "tiny"
network = "arcnn"
config = { kernels = [3, 3], widths = [4], deviation = 0.1 }
steps = 4
[[phases]]
share = 1.0
crop = 16
batch = 2
losses = { mae = 1.0 }
"""


def losses_of(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_equal_one_with_the_doubled_batch(pictures, tmp_path):
    (tmp_path / "tiny.toml").write_text(RECIPE)
    source = str(Path(loop.__file__).parents[2])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "jpegmend", "train", str(tmp_path / "tiny.toml"), "--data", str(pictures), "--device", "cpu"]
    words += ["--save-every", "0", "--out", str(tmp_path / "two"), "--set", "optimiser.rate=1e-3"]
    surroundings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": source}
    done = subprocess.run(
        [*command, *words], env=surroundings, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    loop.train(tiny(steps=4, accumulate=2), RunSettings(folder=tmp_path / "one", data=[pictures], save_every=0.0))
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert len(one) == len(two) == 4
    assert two == pytest.approx(one, rel=1e-5)
