"""Convolutions in integers: what PyTorch simulates is integer arithmetic, and what ONNX Runtime computes too."""

import collections
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from jpegmend.errors import InvalidOption
from jpegmend.models import files, mend
from jpegmend.models.integers import FEATURE_LEVELS, WEIGHT_LEVELS, IntegerConvolution, Range, frozen
from jpegmend.runtimes.onnx import open_session
from jpegmend.training.release import check_onnx

GROUPS = mend.Config(shape="groups", widths=(16, 16), blocks=(4, 1), scale=0.1, tables="maps", integers=True)


def set_range(used: Range, low: float, high: float) -> None:
    used.low.fill_(low)
    used.high.fill_(high)


def trained_a_little(config: mend.Config = GROUPS) -> nn.Module:
    """A network with ranges that fit its features, and whose zero-initialised layers are no longer zero."""
    torch.manual_seed(0)
    network = mend.build(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    for name, module in network.named_modules():
        if isinstance(module, Range):
            # Behind the ReLU of a block nothing is below 0.
            set_range(module, 0.0 if name.endswith("second.seen") else -2.0, 3.0)
    return network


@given(low=st.floats(-100, 0), high=st.floats(0.01, 100), values=st.lists(st.floats(-200, 200), min_size=1))
def test_a_range_has_256_values_and_among_them_0(low: float, high: float, values: list[float]) -> None:
    used = Range()
    set_range(used, low, high)
    step, zero = used.step_and_zero()
    found = used(torch.tensor([*values, 0.0]))
    assert found[-1] == 0
    numbers = found / step + zero
    assert torch.allclose(numbers, numbers.round(), atol=1e-3)
    assert numbers.min() >= -1e-3 and numbers.max() <= FEATURE_LEVELS + 1e-3
    inside = torch.tensor([min(max(value, low), high) for value in values])
    assert (found[:-1] - inside).abs().max() <= float(step) * 1.01  # the ends of the range are rounded too


def test_the_sum_of_two_products_fits_into_16_bits() -> None:
    assert 2 * FEATURE_LEVELS * (WEIGHT_LEVELS + 1) <= 2**15 - 1


@torch.no_grad()
def test_the_convolution_is_one_of_integers() -> None:
    torch.manual_seed(0)
    layer = IntegerConvolution(5, 7, scale=0.5, to_sum=False)
    set_range(layer.seen, -1.0, 2.0)
    x = 4 * torch.rand(1, 5, 9, 11) - 2
    step, zero = 3 / 255, round(255 / 3)
    whole = np.clip(np.round(x.numpy() / np.float32(step)) + zero, 0, 255).astype(np.int64) - zero
    weight = layer.weight.numpy() * 0.5
    steps = np.abs(weight).max((1, 2, 3)) / 63
    integers = np.round(weight / steps[:, None, None, None]).astype(np.int64)
    padded = np.pad(whole, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    sums = np.einsum("bihwkl,oikl->bohw", windows, integers)
    expected = sums * (steps * step)[:, None, None] + layer.bias.numpy()[:, None, None] * 0.5  # type: ignore[union-attr]
    assert np.abs(layer(x).numpy() - expected).max() < 1e-5


def test_rounding_lets_gradients_through_inside_the_range_alone() -> None:
    used = Range()
    set_range(used, -1.0, 1.0)
    x = torch.tensor([-3.0, -0.51, 0.2, 0.7, 3.0], requires_grad=True)
    used(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and torch.allclose(x.grad, torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0]))
    layer = IntegerConvolution(4, 4, to_sum=False)
    layer(torch.rand(1, 4, 8, 8)).square().sum().backward()
    assert layer.weight.grad is not None and (layer.weight.grad != 0).all()


def exported(folder: Path, network: nn.Module) -> Path:
    files.export_onnx(folder / "integers.onnx", network, mend.SPEC, GROUPS)
    return folder / "integers.onnx"


def operators(path: Path, folder: Path, **options: list[str]) -> collections.Counter[str]:
    """How often ONNX Runtime runs each operator, after its optimisations."""
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath, settings.log_severity_level = str(folder / "optimised.onnx"), 4
    onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"], **options)
    return collections.Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def test_onnx_runtime_multiplies_integers(tmp_path: Path) -> None:
    network = trained_a_little()
    path = exported(tmp_path, network)
    check_onnx(path, network, mend.SPEC, GROUPS)
    layers = sum(isinstance(module, IntegerConvolution) for module in network.modules())
    assert operators(path, tmp_path)["QLinearConv"] == layers == 2 * 5 + 1
    weights = [tensor for tensor in onnx.load(path).graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert len(weights) == layers


def test_no_block_transposes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, given = exported(tmp_path, trained_a_little()), {}
    whole = onnxruntime.InferenceSession

    def session(*args: object, **options: object) -> object:
        given.update(options)
        return whole(*args, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    open_session(path, 1)
    monkeypatch.undo()
    found = operators(path, tmp_path, disabled_optimizers=given["disabled_optimizers"])  # type: ignore[arg-type]
    assert found["Transpose"] < 8 < found["QLinearConv"]


@torch.no_grad()
def test_tiles_have_the_values_of_the_whole(tmp_path: Path) -> None:
    network = trained_a_little()
    halo = mend.halo(GROUPS)
    session = open_session(exported(tmp_path, network), 1)
    seen = files.example(mend.SPEC, GROUPS, 16, 2 * halo + 64)

    def run(planes: Tensor) -> np.ndarray:
        named = seen._replace(planes=planes)
        given = {entry.name: getattr(named, entry.name).numpy() for entry in session.get_inputs()}
        return np.asarray(session.run(["restored"], given)[0])

    whole, tile = run(seen.planes), run(seen.planes[..., : halo + 32])
    assert np.abs(whole[..., :32] - tile[..., :32]).max() < 1e-6


def test_exporting_leaves_the_network_as_it_is() -> None:
    network = trained_a_little()
    before = set(network.state_dict())
    copy = frozen(network)
    assert copy is not network and set(copy.state_dict()) == before
    assert not any(module.is_frozen for module in network.modules() if isinstance(module, IntegerConvolution))
    plain = mend.build(mend.Config(widths=(8,), blocks=(1,), embedding=8))
    assert frozen(plain) is plain


def test_integers_need_the_shape_that_has_them() -> None:
    for wrong in ({"shape": "u-net"}, {"tables": "scale"}, {"convolution": "separable"}):
        kind = {"shape": "groups", "widths": (8, 8), "blocks": (2, 1), "tables": "maps"} | wrong
        with pytest.raises(InvalidOption, match="integers need"):
            mend.Config(**kind, integers=True)  # type: ignore[arg-type]
