"""CPU settings of training: freed memory is kept, denormals are 0, and both are restored at the end."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from jpegmend.training.cpu import cpu_settings, flushes_denormals, keep_freed_memory

PROGRAM = """
import resource, sys, torch
from contextlib import nullcontext
from jpegmend.training.cpu import cpu_settings

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

def fetched_by_steps():
    for _ in range(6):
        step()
    before = fetched()
    for _ in range(4):
        step()
    return fetched() - before

with cpu_settings() if sys.argv[1] == "keep" else nullcontext():
    inside = fetched_by_steps()
print(inside, fetched_by_steps())
"""


def pages_fetched(how: str) -> tuple[int, int]:
    """Pages that four steps fetched from the system, in the block and after it."""
    settings = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "LD_PRELOAD"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], env=environment, capture_output=True, text=True, check=True
    )
    inside, after = map(int, done.stdout.split())
    return inside, after


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_steps_use_their_memory_again() -> None:
    (usual, _), *with_setting = (pages_fetched(how) for how in ("leave", "keep", "keep"))
    kept, after = min(with_setting)  # libraries fetch memory too, now and then
    assert kept < usual / 4
    assert after > usual / 2


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_freed_memory()


def test_denormals_are_zero_only_in_the_block() -> None:
    assert not flushes_denormals()
    with cpu_settings():
        assert flushes_denormals()
        assert float(torch.nn.functional.conv2d(torch.full((1, 1, 1, 1), 1e-39), torch.ones(1, 1, 1, 1))) == 0
    assert not flushes_denormals()
    torch.set_flush_denormal(True)
    try:
        with cpu_settings():
            pass
        assert flushes_denormals()
    finally:
        torch.set_flush_denormal(False)
