"""The simulation of benchmarks/cluster_simulation.py on a small scale: the scheduler under preemption and outages."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cluster_simulation.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cluster_simulation", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["seldom", "hourly", "every five minutes"])
def test_nothing_is_lost_and_little_is_repeated(simulation: ModuleType, name: str) -> None:
    found = simulation.simulate(40, 40, 2000, simulation.PREEMPTED[name], poisoned=5)
    assert (found["shards_lost"], found["pictures_without_result"]) == (0, 0)
    assert found["set_aside"] == found["poison"] == 5
    assert found["repeated_percent"] < 3
    assert found["tail_percent"] < 5
    assert found["workers_lost_during_a_task"] > found["poison"]
