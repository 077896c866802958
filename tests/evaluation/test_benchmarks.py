import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "speed": ["--size", "32", "--repeats", "1", "--no-command"],
    "scaling": ["--smallest", "0.001", "--largest", "0.01", "--steps", "2"],
    "memory": ["--megapixels", "12"],
    "colour": ["--quality", "20"],
    "contrast": ["--data", "PICTURES"],
}


def test_every_benchmark_is_tried_here():
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_writes_what_it_measured_and_where(name, tmp_path, picture_set):
    words = [str(picture_set) if word == "PICTURES" else word for word in COMMANDS[name]]
    out = tmp_path / "found.json"
    script = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--model", "jpeg", "--out", str(out), *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found[name] and {"commit", "machine", "libraries"} <= set(found["environment"])
