"""PyTorch gives what ONNX Runtime gives, from the weights file of the same network."""

import hashlib
import json

import numpy as np
import pytest

from jpegmend import weights
from jpegmend.errors import InvalidOption, WeightsDamaged, WeightsMissing
from jpegmend.runtimes import PictureFacts, open_runtime

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A small mend with random weights, as safetensors and as ONNX, which gives its traces too."""
    from jpegmend import models
    from jpegmend.models import files

    folder = tmp_path_factory.mktemp("mend")
    spec = models.find("mend")
    config = spec.config(widths=(8, 8, 8), blocks=(1, 1, 1), embedding=8)
    torch.manual_seed(0)
    network = spec.build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    files.save_weights(folder / "tiny.safetensors", spec.name, config, network.state_dict(), {})
    loaded, _ = files.load_weights(folder / "tiny.safetensors")
    files.export_onnx(folder / "tiny.onnx", loaded, spec, config, traces=("features", "description"))
    entries = {
        kind: {"file": f"tiny.{kind}", "sha256": hashlib.sha256((folder / f"tiny.{kind}").read_bytes()).hexdigest()}
        for kind in ("onnx", "safetensors")
    }
    facts = {
        "name": "tiny",
        "network": "mend",
        "title": "t",
        "planes": "ycbcr",
        "halo": spec.halo(config),
        "multiple": spec.multiple,
        "inputs": list(spec.inputs),
        "released": True,
        "files": entries,
    }
    (folder / "tiny.json").write_text(json.dumps(facts))
    return weights.read_card(folder / "tiny.json")


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (32, 112)])
@pytest.mark.parametrize("sampling", [(2, 2), (0, 0)])
def test_both_runtimes_agree(size, sampling, card):
    random = np.random.default_rng(0)
    planes = random.random((3, *size), np.float32)
    tables = random.integers(1, 100, (3, 8, 8)).astype(np.float32)
    facts = PictureFacts(sampling=sampling)
    one, other = (
        open_runtime(card, runtime=kind, threads=1)(planes, tables, facts).planes for kind in ("onnx", "torch")
    )
    assert np.abs(one - other).max() < 1e-4
    assert np.abs(one - planes).max() > 1e-3


def test_both_restore_the_same(card):
    import io

    from PIL import Image

    from jpegmend import restore

    values = np.random.default_rng(0).integers(0, 255, (6, 7, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).resize((70, 60), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=20)
    one, other = (restore(stream.getvalue(), model=card, runtime=kind) for kind in ("onnx", "torch"))
    assert np.abs(one.to_array(16).astype(int) - other.to_array(16)).max() <= 8
    assert other.report.runtime.startswith("torch")


def test_auto_takes_what_there_is(card):
    from dataclasses import replace

    assert open_runtime(card).name == "onnx cpu"
    only = replace(card, files={"safetensors": card.files["safetensors"]})
    assert open_runtime(only).name.startswith("torch")
    with pytest.raises(WeightsMissing):
        open_runtime(replace(card, files={"onnx": card.files["onnx"]}), runtime="torch")


def test_weights_of_another_network_are_refused(card):
    from dataclasses import replace

    with pytest.raises(WeightsDamaged, match="holds network 'mend'"):
        open_runtime(replace(card, network="dcsc"), runtime="torch")


def test_quality_and_traces_arrive_and_threads_are_put_back(card):
    from jpegmend.errors import InvalidOption

    planes, tables = np.full((3, 16, 32), 0.5, np.float32), np.full((3, 8, 8), 20, np.float32)
    run, before = open_runtime(card, runtime="torch", threads=1), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        answer = run(planes, tables, PictureFacts(sampling=(2, 2)), traces=("features",))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert [part.shape for part in answer.traces["features"]] == [(8, 2, 4)]
    assert answer.quality is None
    with pytest.raises(InvalidOption, match="no trace 'codes'; there: description, features"):
        run(planes, tables, PictureFacts(sampling=(2, 2)), traces=("codes",))


def test_networks_are_kept_and_closed(card):
    from jpegmend import runtimes
    from jpegmend.runtimes import torch as torch_runtime

    open_runtime(card, runtime="torch")
    kept = len(torch_runtime._NETWORKS)
    open_runtime(card, runtime="torch", threads=1)
    assert len(torch_runtime._NETWORKS) == kept > 0
    runtimes.close()
    assert len(torch_runtime._NETWORKS) == 0


def test_exported_traces_are_those_of_pytorch(card):
    from jpegmend import models
    from jpegmend.errors import NotExportable
    from jpegmend.models import files

    spec = models.find("mend")
    network, facts = files.load_weights(weights.path(card, "safetensors"))
    config = spec.config(**{key: tuple(v) if isinstance(v, list) else v for key, v in facts["config"].items()})
    with pytest.raises(NotExportable, match="no trace 'codes'.*description, features"):
        files.export_onnx(card.folder / "none.onnx", network, spec, config, traces=("codes",))
    random = np.random.default_rng(0)
    planes, tables = random.random((3, 48, 32), np.float32), np.full((3, 8, 8), 20, np.float32)
    given = (planes, tables, PictureFacts(sampling=(2, 2)))
    one, other = (open_runtime(card, runtime=kind)(*given, traces=("features",)) for kind in ("onnx", "torch"))
    assert list(one.traces) == list(other.traces) == ["features"]
    assert one.traces["features"][0] == pytest.approx(other.traces["features"][0], abs=1e-3)
    assert not open_runtime(card)(*given).traces


def test_windows_may_follow_the_config():
    from dataclasses import replace

    from jpegmend import models
    from jpegmend.models.card_fields import card_fields

    spec = models.find("arcnn")
    windowed = replace(spec, tiling="window", window=lambda config: 16 * len(config.kernels))
    config = spec.small_configs()[0]
    assert card_fields("x", windowed, config)["window"] == 16 * len(config.kernels)
    assert replace(windowed, window=96).window_side(config) == 96
    assert spec.window_side(config) is None


def test_inputs_of_another_shape_are_told_in_words(card):
    run, ones = open_runtime(card, runtime="torch", threads=1), np.ones((3, 8, 8), np.float32)
    with pytest.raises(InvalidOption, match=r"planes of shape \[1, 8, 8\]; 'tiny' takes an array \[3, H, W\]"):
        run(ones[:1], ones, PictureFacts())
    with pytest.raises(InvalidOption, match="cannot take planes of 12 x 12: .* multiples of 16"):
        run(np.ones((3, 12, 12), np.float32), ones, PictureFacts())
