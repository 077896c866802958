"""Freed memory stays with the process, so that a step does not pay for clearing it again."""

import os
import platform
import subprocess
import sys

import pytest

from jpegmend.training.allocator import keep_freed_memory

PROGRAM = """
import resource, sys, torch
from jpegmend.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.set_num_threads(1)
layer = torch.nn.Conv2d(32, 32, 3, padding=1, bias=False)

def step():
    seen = code = torch.rand(8, 32, 64, 64)
    for _ in range(10):
        code = torch.relu(seen + layer(code))
    code.square().mean().backward()
    layer.weight.grad = None

def fetched():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(6):
    step()
before = fetched()
for _ in range(4):
    step()
print(fetched() - before)
"""


def pages_fetched(how: str) -> int:
    settings = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "LD_PRELOAD"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_steps_use_their_memory_again() -> None:
    usual, kept = (pages_fetched(how) for how in ("leave", "keep"))
    assert kept < usual / 4


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_freed_memory()
