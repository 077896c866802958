"""Contract tests of every network: the properties on which the pipeline relies."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jpegmend import models
from jpegmend.errors import WeightsDamaged
from jpegmend.models import NETWORKS, files
from jpegmend.models.contract import Observation, Spec

CASES = [
    pytest.param(spec, config, id=f"{name}-{index}")
    for name, spec in NETWORKS.items()
    for index, config in enumerate(spec.small_configs())
]
every_network = pytest.mark.parametrize(("spec", "config"), CASES)


def build(spec: Spec, config: Any) -> nn.Module:
    """A network with weights that are neither zero nor symmetric, in evaluation mode."""
    torch.manual_seed(0)
    network = spec.build(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def observe(spec: Spec, config: Any, batch: int = 1) -> Observation:
    """A small input: attention costs the square of its pixels."""
    return files.example(spec, config, 32, 48, batch)


def odd_sides(spec: Spec) -> tuple[int, int]:
    """Sides that are as odd as the network allows."""
    return (37, 53) if spec.multiple == 1 else (3 * spec.multiple, 5 * spec.multiple)


def test_names_are_those_of_the_specs() -> None:
    assert all(name == spec.name for name, spec in NETWORKS.items())


@every_network
@torch.no_grad()
def test_shape_is_kept_at_odd_sizes(spec: Spec, config: Any) -> None:
    seen = files.example(spec, config, *odd_sides(spec), batch=3)
    planes = build(spec, config)(seen).planes
    assert planes.shape == seen.planes.shape
    assert torch.isfinite(planes).all()


@every_network
@torch.no_grad()
def test_pictures_of_a_batch_do_not_mix(spec: Spec, config: Any) -> None:
    network, seen = build(spec, config), files.example(spec, config, *odd_sides(spec), batch=2)
    one = type(seen)(*(None if field is None else field[:1] for field in seen))
    torch.testing.assert_close(network(seen).planes[:1], network(one).planes, atol=1e-5, rtol=1e-4)


@every_network
@torch.no_grad()
def test_the_same_again(spec: Spec, config: Any) -> None:
    network, seen = build(spec, config), observe(spec, config)
    assert torch.equal(network(seen).planes, network(seen).planes)


@every_network
@torch.no_grad()
def test_bfloat16_is_near_float32(spec: Spec, config: Any) -> None:
    network, seen = build(spec, config), observe(spec, config)
    exact = network(seen).planes
    with torch.autocast("cpu", torch.bfloat16):
        half = network(seen).planes.float()
    spread = (exact - seen.planes).abs().mean() + 1 / 255
    assert (half - exact).abs().mean() < 0.2 * spread


@every_network
def test_gradient_reaches_every_parameter(spec: Spec, config: Any) -> None:
    """Every parameter has a say in the planes or in the quality, where the network estimates one."""
    network, seen = build(spec, config).train(), observe(spec, config, batch=2)
    estimate = network(seen)
    # The squares of a random image, so that no gradient cancels by symmetry.
    loss = (estimate.planes - torch.rand_like(seen.planes)).square().mean()
    if estimate.quality is not None:
        loss = loss + (estimate.quality / 100 - torch.rand_like(estimate.quality)).square().mean()
    loss.backward()
    still = [name for name, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert still == []


@every_network
@torch.no_grad()
def test_traces_only_when_asked(spec: Spec, config: Any) -> None:
    network, seen = build(spec, config), observe(spec, config)
    plain, collected = network(seen), network(seen, collect=True)
    assert not plain.traces
    torch.testing.assert_close(plain.planes, collected.planes)
    parts = [part for trace in collected.traces.values() for part in trace]
    assert all(part.ndim == 0 or len(part) == len(seen.planes) for part in parts), "a trace is [B, ...] or a scalar"


@every_network
@torch.no_grad()
def test_quality_is_one_number_a_picture(spec: Spec, config: Any) -> None:
    seen = observe(spec, config, batch=3)
    quality = build(spec, config)(seen).quality
    assert quality is None or (quality.shape == (3,) and bool(torch.isfinite(quality).all()))


@every_network
@torch.no_grad()
def test_config_and_weights_survive_a_file(spec: Spec, config: Any, tmp_path: Path) -> None:
    network, path = build(spec, config), tmp_path / "weights.safetensors"
    files.save_weights(path, spec.name, config, network.state_dict(), {"recipe": {"name": "x"}})
    loaded, facts = files.load_weights(path)
    again = spec.config(**{k: tuple(v) if isinstance(v, list) else v for k, v in facts["config"].items()})
    assert again == config
    assert facts["recipe"] == {"name": "x"}
    seen = observe(spec, config)
    torch.testing.assert_close(loaded(seen).planes, network(seen).planes, atol=5e-3, rtol=1e-2)


@every_network
def test_config_is_plain_and_frozen(spec: Spec, config: Any) -> None:
    json.dumps(dataclasses.asdict(config))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.anything = 1


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsDamaged, match="weights.safetensors"):
        files.load_weights(path)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_onnx_agrees_at_other_sizes(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    spec = NETWORKS[name]
    config = spec.small_configs()[0]
    network, path = build(spec, config), tmp_path / "network.onnx"
    # What the file holds is in half precision; rounding here too leaves the runtimes (and folded layers) to differ.
    network.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    )
    files.export_onnx(path, network, spec, config)
    session = onnxruntime.InferenceSession(path)
    for height, width in ((32, 32), odd_sides(spec)):
        seen = files.example(spec, config, height, width)
        feed = {given.name: getattr(seen, given.name).numpy() for given in session.get_inputs()}
        assert [*feed] == [*spec.inputs]
        expected, offered = network(seen), {output.name for output in session.get_outputs()}
        answer = session.run(["restored"], feed)[0]
        np.testing.assert_allclose(answer, expected.planes.numpy(), atol=2e-3)
        assert ("estimated_quality" in offered) == (expected.quality is not None)
        if expected.quality is not None:
            found = session.run(["estimated_quality"], feed)[0]
            np.testing.assert_allclose(found, expected.quality.numpy(), atol=0.5)


def test_unknown_names_are_listed() -> None:
    with pytest.raises(models.UnknownModel, match=", ".join(list(NETWORKS)[:2])):
        models.find("no-such-network")
