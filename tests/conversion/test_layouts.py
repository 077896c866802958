"""The authors' files, made up in their layout: the converted network answers what the file's numbers say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.conversion import checkpoints
from tests.conversion.made_up_files import arcnn_file, cells, dcsc_file, dncnn_file, weights

from jpegmend import cli
from jpegmend import weights as weights_of_cards
from jpegmend.conversion import convert, layouts
from jpegmend.conversion.matlab import read_matlab
from jpegmend.conversion.tensorflow_checkpoint import checksum, read_checkpoint
from jpegmend.errors import InvalidOption, ModelRefused, WeightsDamaged
from jpegmend.runtimes import PictureFacts, load

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
Y = RANDOM.random((16, 24)).astype(np.float32)
ONES = np.ones((1, 8, 8), np.float32)


def correlate(x: np.ndarray, kernel: np.ndarray, dilation: int = 1, mode: str = "constant") -> np.ndarray:
    """``x`` [H, W, I] and ``kernel`` [h, w, I, O] to [H, W, O], by the definition, in float64."""
    reach = [dilation * (side // 2) for side in kernel.shape[:2]]
    padded = np.pad(x.astype(np.float64), [(reach[0],) * 2, (reach[1],) * 2, (0, 0)], mode=mode)
    total = np.zeros((*x.shape[:2], kernel.shape[3]))
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            top, left = row * dilation, column * dilation
            total += padded[top : top + x.shape[0], left : left + x.shape[1]] @ kernel[row, column].astype(np.float64)
    return total


def answer(layout: layouts.Layout, planes: np.ndarray = Y[None], tables: np.ndarray = ONES) -> np.ndarray:
    """What our network answers with the weights of a layout."""
    from jpegmend import models
    from jpegmend.models.contract import Observation

    spec = models.find(layout.network)
    network = spec.build(spec.config(**layout.config)).eval()
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in layout.tensors.items()})
    seen = Observation(torch.from_numpy(planes)[None], torch.from_numpy(tables)[None], torch.zeros(1, 2))
    with torch.inference_mode():
        return network(seen).planes[0].numpy()


@pytest.mark.parametrize("names", ["conv2d", "layer"])
def test_dcsc_by_its_checkpoint(tmp_path: Path, names: str) -> None:
    file, tensors = dcsc_file(tmp_path, names)
    found = layouts.dcsc_tf(file)
    assert (found.network, found.config) == ("dcsc", {"channels": 1, "features": 4, "filters": 6})
    kernels = [tensors[name] for name in sorted(tensors, key=lambda name: (len(name), name)) if "kernel" in name]
    biases = [tensors[name] for name in sorted(tensors, key=lambda name: (len(name), name)) if "bias" in name]
    X = [correlate(Y[..., None], kernels[i], 2**i) + biases[i] for i in range(3)]
    GX = correlate(np.concatenate(X, -1), kernels[3])
    U = np.maximum(GX, 0)
    for _ in range(40):
        U = np.maximum(GX + correlate(U, kernels[4]), 0)
    expected = Y + (correlate(U, kernels[5]) + biases[3])[..., 0]
    assert answer(found)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_biases_of_a_network_for_0_to_255_are_scaled(tmp_path: Path, user_models: Path) -> None:
    file, kernels, biases = arcnn_file(tmp_path)
    convert(file, "arcnn-mat", "authors", values=(0.0, 255.0))
    x = 255 * Y[..., None]
    for place, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        x = correlate(x, kernel, mode="edge") + bias
        x = np.maximum(x, 0) if place < 3 else x
    restored = load("authors")(Y[None], ONES, PictureFacts()).planes[0]
    assert restored == pytest.approx(x[..., 0] / 255, abs=1e-5)


def test_the_command_tells_which_tensor_was_taken_as_which(
    tmp_path: Path, user_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = dcsc_file(tmp_path)
    words = ["adopt", str(file), "--from", "dcsc-tf", "--name", "authors"]
    assert cli.run(words) == 0
    told = capsys.readouterr().err
    for ours, theirs in (("extract.1.bias", "conv2d_1/bias"), ("S.weight", "conv2d_4/kernel")):
        assert f"taking {ours} from net/{theirs} ..." in told
    assert cli.run([*words, "--window", "64"]) == 2
    assert "--window has no effect with --from" in capsys.readouterr().err
    assert cli.run([*words[:-1], "others", "--range", "signed"]) == 2
    assert "a range of -1 to 1" in capsys.readouterr().err


def test_dncnn_by_its_mat(tmp_path: Path) -> None:
    file, filters, biases = dncnn_file(tmp_path)
    found = layouts.dncnn_mat(file)
    assert found.config == {"channels": 1, "width": 5, "depth": 3, "normalised": False}
    x = Y[..., None]
    for place, (kernel, bias) in enumerate(zip(filters, biases, strict=True)):
        x = correlate(x, kernel) + bias.ravel()
        x = np.maximum(x, 0) if place < 2 else x
    assert answer(found)[0] == pytest.approx(Y - x[..., 0], abs=1e-5)


def test_arcnn_by_its_mat(tmp_path: Path, user_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, kernels, biases = arcnn_file(tmp_path)
    card = convert(file, "arcnn-mat", "authors", licence="non-commercial use only")
    assert (card.network, card.halo, weights_of_cards.find("authors")) == ("arcnn", 9, card)
    assert cli.run(["models"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " authors " in line]
    assert "non-commercial use only" in line
    x = Y[..., None]
    for place, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        x = correlate(x, kernel, mode="edge") + bias
        x = np.maximum(x, 0) if place < 3 else x
    for runtime in ("onnx", "torch"):
        restored = load(card, runtime=runtime)(Y[None], ONES, PictureFacts()).planes[0]
        assert restored == pytest.approx(x[..., 0], abs=1e-5)


def test_a_conversion_that_is_stopped_leaves_the_earlier_network(
    tmp_path: Path, user_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    convert(arcnn_file(tmp_path)[0], "arcnn-mat", "authors")
    before = {path.name: path.read_bytes() for path in user_models.iterdir()}
    monkeypatch.setattr("jpegmend.models.files.export_onnx", stopped)
    with pytest.raises(KeyboardInterrupt):
        convert(arcnn_file(tmp_path)[0], "arcnn-mat", "authors", values=(0.0, 255.0), overwrite=True)
    assert {path.name: path.read_bytes() for path in user_models.iterdir()} == before


@pytest.mark.parametrize("channels", [1, 3])
def test_qcn_by_its_state_dict(tmp_path: Path, channels: int) -> None:
    from safetensors.numpy import save_file

    maps, width = min(channels, 2), 4
    state = {"conv_input.weight": weights(width, channels + maps, 3, 3), "upscale.0.bias": weights(4 * width)}
    for name, *shape in (
        ("downscale.0", width, width, 4, 4),
        ("residual.0.conv1", width, width, 3, 3),
        ("residual.0.conv2", width, width, 3, 3),
        ("residual.1.conv1", width, width, 3, 3),
        ("residual.1.conv2", width, width, 3, 3),
        ("conv_mid", width, width, 3, 3),
        ("upscale.0", 4 * width, width, 3, 3),
        ("conv_output", channels, width, 3, 3),
    ):
        state[f"{name}.weight"] = weights(*shape)
    save_file(state, tmp_path / "qcn.safetensors")
    found = layouts.qcn(tmp_path / "qcn.safetensors")
    assert found.config["blocks"] == 2
    planes = RANDOM.random((channels, 16, 24)).astype(np.float32)
    tables = RANDOM.integers(1, 100, (channels, 8, 8)).astype(np.float32)
    expected = published_qcn(state, planes, tables[:maps])
    assert answer(found, planes, tables) == pytest.approx(expected, abs=1e-5)
    for values in ((0.0, 1.0), (-1.0, 1.0)):  # that of QCN is known, so one that is stated would have no effect
        with pytest.raises(InvalidOption, match="QCN takes -1 to 1"):
            convert(tmp_path / "qcn.safetensors", "qcn", "authors", values=values)


def published_qcn(state: dict[str, np.ndarray], planes: np.ndarray, tables: np.ndarray) -> np.ndarray:
    def layer(name: str, x: np.ndarray) -> np.ndarray:
        return correlate(x, state[f"{name}.weight"].transpose(2, 3, 1, 0))

    seen = np.concatenate([planes, np.tile(tables / 255, (1, 2, 3))])
    full = layer("conv_input", 2 * seen.transpose(1, 2, 0) - 1)
    kernel = state["downscale.0.weight"].transpose(2, 3, 1, 0)
    padded = np.pad(full, [(1, 1), (1, 1), (0, 0)])
    x = sum(padded[r : r + 15 : 2, c : c + 23 : 2] @ kernel[r, c].astype(float) for r in range(4) for c in range(4))
    x = np.maximum(x, 0)
    for block in range(2):
        x = x + 0.1 * layer(f"residual.{block}.conv2", np.maximum(layer(f"residual.{block}.conv1", x), 0))
    x = layer("upscale.0", layer("conv_mid", x)) + state["upscale.0.bias"]
    rows, columns, wide = x.shape
    x = x.reshape(rows, columns, wide // 4, 2, 2).transpose(0, 3, 1, 4, 2).reshape(2 * rows, 2 * columns, wide // 4)
    return ((layer("conv_output", full + x) + 1) / 2).transpose(2, 0, 1)


def test_checkpoints_are_read_whole(tmp_path: Path) -> None:
    tensors = {f"layer_{place}/kernel": weights(2, place + 1) for place in range(40)}
    found = read_checkpoint(checkpoints.write(tmp_path / "m", tensors, blocks=3))
    assert list(found) == sorted(tensors)
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    assert checksum(b"123456789") == checkpoints.crc32c(b"123456789") == 0xE3069283


def test_broken_checkpoints_are_told(tmp_path: Path) -> None:
    index, _ = dcsc_file(tmp_path, optimiser=False)
    data = index.with_suffix(".data-00000-of-00001")
    whole, numbers = index.read_bytes(), data.read_bytes()
    data.write_bytes(numbers[:-4])
    with pytest.raises(WeightsDamaged, match="cut short"):
        read_checkpoint(index)
    data.write_bytes(b"\1" + numbers[1:])
    with pytest.raises(WeightsDamaged, match="checksum"):
        read_checkpoint(index)
    data.unlink()
    with pytest.raises(WeightsDamaged, match="cannot be read"):
        read_checkpoint(index)
    data.write_bytes(numbers)
    for place in range(0, len(whole), 11):
        index.write_bytes(whole[:place])
        with pytest.raises(WeightsDamaged):
            read_checkpoint(index)
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_checkpoint(index)  # a byte of the metaindex or of the padding does not matter
        except (WeightsDamaged, ModelRefused):
            continue
    with pytest.raises(ModelRefused, match=r"give the checkpoint's \.index"):
        read_checkpoint(data)


def test_a_shape_whose_product_exceeds_64_bits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, values = checkpoints.entry, np.zeros(0, np.float32)
    claimed = SimpleNamespace(shape=(2**32, 2**32), dtype=values.dtype, nbytes=0, tobytes=values.tobytes)
    monkeypatch.setattr(checkpoints, "entry", lambda values, offset: entry(claimed, offset))
    with pytest.raises(WeightsDamaged, match="not whole"):
        read_checkpoint(checkpoints.write(tmp_path / "m", {"kernel": values}))


def test_other_layouts_are_refused(tmp_path: Path, user_models: Path) -> None:
    from safetensors.numpy import save_file
    from scipy.io import savemat

    with pytest.raises(ModelRefused, match="three of one width"):
        layouts.dcsc_tf(checkpoints.write(tmp_path / "other", {"a/kernel": weights(3, 3, 1, 4)}))
    savemat(tmp_path / "x.mat", {"net": {"layers": cells([{"type": "conv"}, {"type": "bnorm"}])}})
    with pytest.raises(ModelRefused, match="bnorm"):
        layouts.dncnn_mat(tmp_path / "x.mat")
    with pytest.raises(ModelRefused, match="weights_conv1"):
        layouts.arcnn_mat(tmp_path / "x.mat")
    (tmp_path / "y.mat").write_bytes(b"no MATLAB file at all")
    with pytest.raises((WeightsDamaged, ModelRefused)):
        layouts.dncnn_mat(tmp_path / "y.mat")
    save_file({"a": weights(1)}, tmp_path / "z.safetensors")
    with pytest.raises(ModelRefused, match="conv_input"):
        layouts.qcn(tmp_path / "z.safetensors")
    with pytest.raises(InvalidOption, match="is that of"):
        convert(tmp_path / "z.safetensors", "qcn", "mend-s")


@pytest.mark.parametrize(
    "layers", [[weights(3, 3, 1, 4)], [weights(3, 3, 1, 4, 2), weights(4)], [np.array("text"), weights(4)]], ids=str
)
def test_tensors_of_another_shape_are_refused(tmp_path: Path, user_models: Path, layers: list) -> None:
    from scipy.io import savemat

    convolution = {"type": "conv", "weights": cells(layers)}
    savemat(tmp_path / "x.mat", {"net": {"layers": cells([convolution, convolution])}})
    with pytest.raises(ModelRefused, match="not laid out as dncnn-mat"):
        convert(tmp_path / "x.mat", "dncnn-mat", "mine")


def test_a_large_matlab_file_is_refused_and_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "x.mat", {"net": np.zeros(100)})
    monkeypatch.setattr("jpegmend.weights.foreign.MAX_BYTES", 100)
    with pytest.raises(ModelRefused, match="are opened"):
        read_matlab(tmp_path / "x.mat")
