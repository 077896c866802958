"""Fixtures for the tests of single networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from jpegmend.models import files
from jpegmend.models.contract import Observation, Spec


def observe(planes: Tensor) -> Observation:
    """Planes ``[B, C, H, W]`` with tables of ones and no subsampling, in the planes' own type."""
    B, C = planes.shape[:2]
    return Observation(planes, planes.new_ones(B, C, 8, 8), planes.new_zeros(B, 2))


@pytest.fixture
def observed() -> Callable[..., Observation]:
    """A random observation of any shape and type."""

    def make(*shape: int, dtype: torch.dtype = torch.float32) -> Observation:
        return observe(torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=dtype))

    return make


@pytest.fixture
def reach() -> Callable[..., int]:
    """How far from an answer pixel the farthest input pixel lies that it depends on, by automatic differentiation.

    The largest over some fresh networks, in one of which a ReLU may cut the longest path, and over the pixels of a
    ``cell``, the factor by which the network folds.
    """

    def measure(spec: Spec, config: object, side: int, cell: int = 1) -> int:
        networks = [spec.build(config).double().eval() for _ in range(6)]
        return max(_reach(network, side, side // 2 + offset) for network in networks for offset in range(cell))

    return measure


def _reach(network: nn.Module, side: int, at: int) -> int:
    planes = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    answer = network(observe(planes)).planes
    scale = answer.shape[-1] // side
    here = slice(at * scale, (at + 1) * scale)
    answer[..., here, here].sum().backward()
    assert planes.grad is not None
    distances = (planes.grad[0, 0].nonzero() - at).abs()
    return int(distances.max()) if len(distances) else 0


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., float]:
    """Largest difference between a network and its ONNX file, at sizes (height, width) other than the exported one."""

    def compare(spec: Spec, config: object, *sizes: tuple[int, int]) -> float:
        # Weights are stored in half precision: make them such numbers, and only the arithmetic can differ.
        network = spec.build(config).half().float().eval()
        files.export_onnx(tmp_path / "network.onnx", network, spec, config)
        session = onnxruntime.InferenceSession(
            (tmp_path / "network.onnx").read_bytes(), providers=["CPUExecutionProvider"]
        )
        differences = []
        for height, width in sizes:
            seen = files.example(spec, config, height, width)
            (restored,) = session.run(None, {"planes": seen.planes.numpy()})
            with torch.no_grad():
                differences.append(float(np.abs(network(seen).planes.numpy() - restored).max()))
        return max(differences)

    return compare


@pytest.fixture
def seeded() -> None:
    """Fresh weights are the same in every run."""
    torch.manual_seed(0)


def check_recomputing(network: nn.Module, seen: Observation) -> None:
    """Fail if the gradients differ where parts of the network are computed again in the backward pass."""
    gradients = []
    for network.recompute in (False, True):
        network.zero_grad()
        network(seen, collect=True).planes.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)
