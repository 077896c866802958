"""Fixtures: tiny networks for the runtimes."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def networks():
    spec = importlib.util.spec_from_file_location("tiny_networks", Path(__file__).parents[1] / "tiny_networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
