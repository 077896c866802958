"""Release of CQR's ranker with its network, its loading, its accuracy, and its score in ``inspect``."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import jpegmend
from jpegmend import cli
from jpegmend.errors import InvalidOption, WeightsDamaged, WeightsMissing
from jpegmend.evaluation.measure.ranking import measure_ranking
from jpegmend.models import files, ranker_file
from jpegmend.runtimes.ranker import load_ranker
from jpegmend.training import release

RECIPE = """
name = "tiny"
network = "cqr"
config = { width = 4, blocks = 2, trunk = 1, fold = 2 }
steps = 40
degradation = { qualities = [[8, 42, 1.0]], studio = 1.0 }
[[stages]]
auxiliary = "ranker"
share = 0.95
crop = 48
batch = 8
rate = 1e-2
config = { widths = [8, 8, 16, 16], levels = [[1, 10], [31, 60]] }
[[phases]]
share = 1.0
crop = 16
batch = 2
losses = { mae = 1.0, quality_score = 0.001, feature_matching = 0.01 }
"""


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranker")
    (folder / "tiny.toml").write_text(RECIPE)
    words = ["train", str(folder / "tiny.toml"), "--data", str(pictures), "--out", str(folder / "run")]
    assert cli.run([*words, "--device", "cpu"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def card(run, tmp_path_factory, monkeypatch_module):
    made = tmp_path_factory.mktemp("cards")
    # The network's own graph is not read here, and takes seconds.
    monkeypatch_module.setattr(files, "export_onnx", lambda path, *_: path.write_bytes(b""))
    monkeypatch_module.setattr(release, "check_onnx", lambda *_: 0.0)
    monkeypatch_module.setattr(release, "measured_bytes", lambda *_: 100)
    assert cli.run(["release", str(run), "--name", "mine", "--out", str(made)]) == 0
    return made / "mine.json"


def test_the_released_ranker_is_the_trained_one(run, card):
    trained, _ = ranker_file.load_ranker(run / "auxiliary.ranker.safetensors")
    released, header = ranker_file.load_ranker(card.with_name("mine.ranker.safetensors"))
    assert released.config.levels == ((1, 10), (31, 60)) and header["recipe"]["name"] == "tiny"
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, released.state_dict()[name])
    planes = np.random.default_rng(0).random((1, 45, 70), np.float32)
    with torch.inference_mode():
        expected = released(torch.from_numpy(planes)[None]).score.item()
    # The graph stores its weights in half precision after the batch normalisation was folded into them; the margin that
    # training asks for is 0.5.
    assert load_ranker(card).score(planes) == pytest.approx(expected, abs=0.02)
    assert load_ranker(card).score(planes[0]) == load_ranker(card).score(planes)


def test_pictures_of_another_kind_are_refused(card):
    with pytest.raises(InvalidOption, match=r"\[1, H, W\]"):
        load_ranker(card).score(np.zeros((3, 8, 8), np.float32))


def test_a_network_without_a_ranker_says_so():
    with pytest.raises(WeightsMissing, match=r"networks with ranker\.onnx: cqr-c"):
        load_ranker("dncnn")


def test_weights_of_a_network_are_no_ranker(run):
    with pytest.raises(WeightsDamaged, match="cqr"):
        ranker_file.load_ranker(run / "average.safetensors")


def test_the_order_of_qualities_is_measured(card, pictures):
    """Forty steps on two pictures tell 8 from 48 there; the same score turned round is always wrong."""
    paths = sorted(pictures.glob("*.png"))
    ranker = load_ranker(card)
    found = measure_ranking(ranker.score, paths, qualities=(5, 8), differences=(1, 40))
    assert found[40] == 1.0
    turned = measure_ranking(lambda luma: -ranker.score(luma), paths, qualities=(5, 8), differences=(1, 40))
    assert turned[40] == 0.0
    assert found[1] in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_accuracy_is_the_share_of_pairs_in_order(pictures):
    """With the negative error to the original as score, which libjpeg's quality orders, every pair is right."""
    paths = sorted(pictures.glob("*.png"))
    rgb = np.asarray(Image.open(paths[0]), np.float64)
    clear = (16 + rgb @ [65.481, 128.553, 24.966] / 255) / 255
    found = measure_ranking(
        lambda luma: -float(np.square(luma - clear).mean()), paths[:1], qualities=(10, 20), differences=(5, 20)
    )
    assert found == {5: 1.0, 20: 1.0}
    # Equal scores are no order.
    assert measure_ranking(lambda luma: 1.0, paths, qualities=(10,), differences=(5,)) == {5: 0.0}
    with pytest.raises(InvalidOption, match="1 to 100"):
        measure_ranking(lambda luma: 1.0, paths, qualities=(90,), differences=(20,))
    with pytest.raises(InvalidOption, match="no picture"):
        measure_ranking(lambda luma: 1.0, [])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_inspect_scores_a_file_by_the_ranker(card, pictures, tmp_path, capsys, mode):
    scores = []
    for quality in (6, 50):
        path = tmp_path / f"{quality}.jpg"
        Image.open(pictures / "0.png").convert(mode).save(path, quality=quality)
        scores.append(jpegmend.inspect(path, ranker=card).ranker_score)
        luma = np.asarray(Image.open(path).convert("L"), np.float32) / 255
        # The scene is decoded without rounding, so a score differs a little from that of libjpeg's pixels.
        assert scores[-1] == pytest.approx(load_ranker(card).score(luma), abs=0.05)
    assert scores[0] < scores[1]
    assert jpegmend.inspect(path).ranker_score is None
    assert cli.run(["inspect", str(path), "--ranker", str(card), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ranker_score"] == pytest.approx(scores[1])
    assert cli.run(["inspect", str(path), "--ranker", str(card)]) == 0
    assert f"score {scores[1]:.2f}" in capsys.readouterr().out
