"""State dicts of six architectures with random weights, from their file to a restored picture."""

from __future__ import annotations

import importlib
import pickle
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jpegmend
from jpegmend import weights
from jpegmend.adoption import Given, adopt, measured_card, tiling
from jpegmend.errors import InvalidOption, MissingExtra, ModelRefused, WeightsDamaged
from jpegmend.runtimes import spandrel_network

torch = pytest.importorskip("torch")
adopt_module = importlib.import_module("jpegmend.adoption.adopt")


def fbcnn(spandrel: Any) -> Any:
    return spandrel.architectures.FBCNN.FBCNN(nc=[4, 4, 4, 512], nb=2)


def swinir(spandrel: Any) -> Any:
    return spandrel.architectures.SwinIR.SwinIR(
        img_size=14, embed_dim=12, depths=[2], num_heads=[2], window_size=7, mlp_ratio=2, upscale=1, img_range=255.0
    )


def scunet(spandrel: Any) -> Any:
    return spandrel.architectures.SCUNet.SCUNet(in_nc=3, config=[1] * 7, dim=64)


def drunet(spandrel: Any) -> Any:
    return spandrel.architectures.DRUNet.DRUNet(in_nc=2, out_nc=1, nc=[8] * 4, nb=2)


def realplksr(spandrel: Any) -> Any:
    return spandrel.architectures.PLKSR.RealPLKSR(dim=16, n_blocks=2, upscaling_factor=1, kernel_size=9)


def esrgan(spandrel: Any) -> Any:
    return spandrel.architectures.ESRGAN.ESRGAN(num_filters=8, num_blocks=1, scale=1)


FIVE = {
    # planes, multiple, tiling where halos of up to 16 are tried
    swinir: ("rgb", 7, "exact"),
    scunet: ("rgb", 1, "window"),
    drunet: ("y", 8, "exact"),
    realplksr: ("rgb", 1, "window"),
    esrgan: ("rgb", 1, "exact"),
}


@pytest.fixture(autouse=True)
def _small_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "HALOS", (8, 16))
    monkeypatch.setattr(tiling, "GRIDS", (1,))
    # Threads of tiny networks wait for each other longer than they compute.
    monkeypatch.setattr(adopt_module, "available_threads", lambda: 1)
    monkeypatch.setattr(spandrel_network, "thread_count", lambda asked: 1)


def written(network: Any, folder: Path, name: str) -> Path:
    from safetensors.torch import save_file

    path = folder / f"{name}.safetensors"
    save_file({key: value.detach().clone() for key, value in network.state_dict().items()}, path)
    return path


@pytest.fixture
def make(spandrel: Any, tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    def build(kind: Callable[[Any], Any]) -> tuple[Any, Path]:
        for name in ("FBCNN", "SwinIR", "SCUNet", "DRUNet", "PLKSR", "ESRGAN"):
            importlib.import_module(f"spandrel.architectures.{name}")
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.meshgrid in SwinIR
            network = kind(spandrel).eval()
        return network, written(network, tmp_path, kind.__name__)

    return build


@pytest.mark.parametrize("kind", FIVE, ids=lambda kind: kind.__name__)
def test_architectures_restore_by_their_file(
    kind: Callable[[Any], Any], make: Any, user_models: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = make(kind)
    if kind is swinir:  # its attention has windows of 7
        monkeypatch.setattr(tiling, "GRIDS", (7,))
    card = adopt(path, "mine", given=Given(window=64))
    planes, multiple, tiles = FIVE[kind]
    assert (card.planes, card.multiple, card.tiling) == (planes, multiple, tiles)
    assert card.foreign is not None and card.foreign.difference is not None
    assert card.parameters > 0 and card.bytes_per_pixel > 50
    restored = jpegmend.restore(photo, model="mine")
    assert (restored.width, restored.height) == (120, 96)
    assert restored.report.runtime == "torch cpu" and restored.report.model == "mine"
    assert restored.report.consistent
    assert any("windows of 64" in note for note in restored.report.warnings) == (tiles == "window")


def test_the_answer_is_that_of_the_network(make: Any) -> None:
    network, path = make(esrgan)
    planes = np.random.default_rng(0).random((3, 40, 32), np.float32)
    answer = jpegmend.load(path)(planes, np.ones((3, 8, 8), np.float32), facts()).planes
    with torch.inference_mode():
        expected = network(torch.from_numpy(planes)[None])[0].clamp(0, 1).numpy()
    assert answer == pytest.approx(expected, abs=1e-6)


def facts(quality: float | None = None) -> Any:
    from jpegmend.runtimes import PictureFacts

    return PictureFacts(quality=quality)


def test_fbcnn_tells_and_takes_its_quality(make: Any, user_models: Path, photo: bytes) -> None:
    """The sixth: all tiles are told one quality, so that its answer does not depend on the whole picture."""
    network, path = make(fbcnn)
    card = adopt(path, "mine", given=Given(window=64))
    assert (card.inputs, card.quality_from, card.planes) == (("planes", "quality"), "middle", "rgb")
    run, tables = jpegmend.load(card), np.ones((3, 8, 8), np.float32)
    planes = np.random.default_rng(0).random((3, 40, 32), np.float32)
    for told in (None, 30.0):
        with torch.inference_mode():
            given = None if told is None else torch.tensor([[0.7]])
            expected, quality = network(torch.from_numpy(planes)[None], given)
        answer = run(planes, tables, facts(told))
        assert answer.planes == pytest.approx(expected[0].numpy(), abs=1e-6)
        assert answer.quality == pytest.approx(100 * (1 - float(quality)), abs=1e-3)
    report = jpegmend.restore(photo, model="mine").report
    assert report.quality_by_network is not None and 0 < report.quality_by_network < 100
    jpegmend.close()


def test_enlarging_networks_and_unknown_tensors_are_refused(spandrel: Any, make: Any, tmp_path: Path) -> None:
    make(esrgan)
    larger = spandrel.architectures.ESRGAN.ESRGAN(num_filters=8, num_blocks=1, scale=2)
    with pytest.raises(ModelRefused, match="ESRGAN of scale 2"):
        weights.find(written(larger, tmp_path, "larger"))
    with pytest.raises(ModelRefused, match="does not know this architecture"):
        weights.find(written(torch.nn.Conv2d(3, 3, 3), tmp_path, "unknown"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        b"\x10\0\0\0\0\0\0\0{not json at all",
        b"\0" * 8,
        pickle.dumps({"weight": 1}),
        b"PK\x03\x04" + bytes(60),  # a zip, as PyTorch's own files are
        (1 << 40).to_bytes(8, "little") + b"{",
        b'\x45\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}',
    ],
)
def test_broken_files_are_damaged(spandrel: Any, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    with pytest.raises((WeightsDamaged, ModelRefused), match=r"broken\.safetensors"):
        weights.find(path)


def test_tensors_that_do_not_fit_are_refused(make: Any) -> None:
    from safetensors.torch import load_file, save_file

    _, path = make(esrgan)
    state = load_file(path)
    state["model.0.weight"] = torch.zeros(8, 3, 5, 5)
    save_file(state, path)
    with pytest.raises(ModelRefused, match=r"esrgan\.safetensors"):
        weights.find(path)


def test_weights_of_our_own_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before spandrel is asked for, which they do not need."""
    from safetensors.torch import save_file

    monkeypatch.setattr("jpegmend.runtimes.spandrel_network.import_spandrel", lambda: pytest.fail("not needed"))
    path = tmp_path / "average.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"format": "jpegmend-1"})
    with pytest.raises(ModelRefused, match="jpegmend's own; give their card, NAME.json, which `jpegmend release`"):
        weights.find(path)


def test_a_range_is_refused_for_state_dicts(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"")
    with pytest.raises(InvalidOption, match=r"range of \(0\.0, 255\.0\)"):
        measured_card(path, Given(values=(0.0, 255.0)))


def test_without_spandrel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"")
    with pytest.raises(MissingExtra, match=r"jpegmend\[spandrel\]"):
        weights.find(path)


def test_the_conversion_that_users_are_told_works(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, path = make(esrgan)
    torch.save({"params_ema": network.state_dict(), "step": 3}, tmp_path / "net.pth")
    with pytest.raises(ModelRefused) as refused:
        weights.find(tmp_path / "net.pth")
    code, source, target = shlex.split(str(refused.value).splitlines()[1])[2:]
    monkeypatch.setattr(sys, "argv", ["-c", source, target])
    exec(code, {})
    assert weights.find(tmp_path / "net.safetensors").network == "ESRGAN"
