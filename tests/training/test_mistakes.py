"""Mistakes of somebody who trains: a run resumed by another recipe, a network whose answer has another shape."""

import re

import pytest
import torch
from PIL import Image
from tests.training.conftest import tiny

from jpegmend.data import pack
from jpegmend.data.pictures import load_rgb
from jpegmend.errors import InvalidOption, InvalidRecipe, MissingData, ModelError, WeightsDamaged
from jpegmend.models.contract import Estimate
from jpegmend.training import loop
from jpegmend.training.building import start
from jpegmend.training.run import RunSettings, open_run
from jpegmend.training.steps import step

DCSC = {"network": "dcsc", "config": {"features": 4, "filters": 4, "iterations": 1}}
WIDER = {"config": {"kernels": [3, 3], "widths": [5], "deviation": 0.1}}


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """The folder of a finished run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    loop.train(tiny(steps=2), RunSettings(folder=folder, data=[pictures]))
    return folder


@pytest.mark.parametrize(
    "changes, why",
    [
        (DCSC, "hyper-parameters deviation, kernels, widths"),
        ({"optimiser": {"rate": 1e-3, "kind": "muon"}}, r"other groups of parameters, by optimiser\.kind"),
        ({"optimiser": {"rate": 1e-3, "rates": {"layers.1": 10}}}, r"prefixes of optimiser\.rates"),
        ({"stages": [{"auxiliary": "ranker", "share": 0.5, "crop": 16, "batch": 2}]}, "no ranker"),
    ],
    ids=["network", "optimiser", "rates", "stage"],
)
def test_a_run_is_not_resumed_by_another_recipe(run, changes, why):
    before = (run / "checkpoint.pt").read_bytes()
    with pytest.raises(WeightsDamaged, match=rf"of another recipe: .*{why}.*; resume it with its own") as caught:
        start(tiny(**changes), checkpoint=run / "checkpoint.pt")
    assert "\n" not in str(caught.value)
    assert (run / "checkpoint.pt").read_bytes() == before


def test_other_parameters_in_as_many_groups_are_refused(pictures, tmp_path):
    """Two parameters each: PyTorch would give the averages of one group to the other."""
    one, other = ({"rate": 1e-3, "rates": {name: 10}} for name in ("layers.0", "layers.1"))
    config = {"kernels": [3, 3, 3, 3], "widths": [4, 4, 4], "deviation": 0.1}
    loop.train(tiny(steps=2, config=config, optimiser=one), RunSettings(folder=tmp_path, data=[pictures]))
    with pytest.raises(WeightsDamaged, match=r"prefixes of optimiser\.rates; resume it with its own"):
        start(tiny(config=config, optimiser=other), checkpoint=tmp_path / "checkpoint.pt")


def test_a_checkpoint_that_was_cut_short_is_damaged_not_of_another_recipe(run, tmp_path):
    cut = tmp_path / "checkpoint.pt"
    for share in (0.3, 0.9):
        whole = (run / "checkpoint.pt").read_bytes()
        cut.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(WeightsDamaged, match="no checkpoint, or damaged"):
            start(tiny(), checkpoint=cut)
    for other in ([1, 2], torch.zeros(3)):
        torch.save(other, cut)
        with pytest.raises(WeightsDamaged, match="no checkpoint, or damaged"):
            start(tiny(), checkpoint=cut)


def test_weights_of_another_shape_are_told_in_a_line(run, pictures):
    """PyTorch's message has a line for each tensor."""
    shapes = r"layers\.0\.weight is \[4, 1, 3, 3\], \[5, 1, 3, 3\] is wanted \(and 2 more differences\)"
    with pytest.raises(InvalidRecipe, match=rf"holds arcnn, and does not fit .*{shapes}; --partly"):
        start(tiny(**WIDER), warm_start=run / "average.safetensors")
    resumed = open_run(tiny(**WIDER), RunSettings(folder=run, data=[pictures], resume=True))
    with pytest.raises(InvalidRecipe, match=rf"--resume: .*do not fit .*widths=\(5,\).*{shapes}"):
        step(resumed)


@pytest.mark.parametrize(
    "answer, why",
    [
        (lambda planes: planes, "a Tensor; it must return a jpegmend.models.Estimate"),
        # A loss would stretch the original to three planes.
        (lambda planes: Estimate(planes.expand(-1, 3, -1, -1)), r"\[2, 3, 16, 16\].* must have \[2, 1, 16, 16\]"),
        (lambda planes: Estimate(planes[..., 2:]), r"\[2, 1, 16, 14\].* must have \[2, 1, 16, 16\]"),
    ],
    ids=["no estimate", "planes", "width"],
)
def test_an_answer_of_another_kind_or_shape_is_refused(pictures, tmp_path, monkeypatch, answer, why):
    opened = open_run(tiny(), RunSettings(folder=tmp_path, data=[pictures]))
    weight = next(opened.state.network.parameters())
    network = type(opened.state.network)
    monkeypatch.setattr(network, "forward", lambda self, seen, collect=False: answer(seen.planes + 0 * weight.sum()))
    with pytest.raises(ModelError, match=f"forward of arcnn returns .*{why}"):
        step(opened)
    assert torch.isfinite(weight).all()


@pytest.mark.parametrize(
    ("loss", "why"), [("quality", "needs a network that estimates one"), ("artifacts", "needs the stages 'H'")]
)
def test_a_loss_of_the_last_phase_that_the_network_cannot_answer_is_told_before_the_first(
    pictures, tmp_path, loss, why
):
    phases = [{"share": 0.5, "crop": 16, "batch": 2, "losses": {name: 1.0}} for name in ("mae", loss)]
    with pytest.raises(InvalidRecipe, match=why):
        open_run(tiny(phases=phases), RunSettings(folder=tmp_path / "run", data=[pictures]))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("larger", [{"crop": 64}, {"crop": 32, "degradation": {"phase": "any"}}, {"stage": 64}])
def test_a_source_without_a_picture_for_the_crops_is_told(pictures, tmp_path, capsys, larger):
    """Also for the crops of the last phase alone, the margin of crops at any place of the grid, and a stage."""
    Image.new("RGB", (40, 120)).save(tmp_path / "narrow.png")
    phases = [{"share": 0.5, "crop": side, "batch": 2, "losses": {"mae": 1.0}} for side in (16, larger.get("crop", 16))]
    changes = {"phases": phases, "degradation": larger.get("degradation", {})}
    if "stage" in larger:
        stage = {"auxiliary": "ranker", "share": 0.5, "crop": larger["stage"], "batch": 2, "config": {"widths": [4, 4]}}
        changes["stages"] = [stage]
    given = {"folder": tmp_path / "run", "data": [pictures, tmp_path / "narrow.png"]}
    message = r"narrow\.png: no picture of at least (48 x 48|64 x 64) pixels"
    with pytest.raises(MissingData, match=message):
        open_run(tiny(**changes), RunSettings(**given, shares=[0.9, 0.1]))
    with pytest.raises(MissingData, match=message):
        open_run(tiny(**changes), RunSettings(folder=tmp_path / "run", data=[tmp_path / "narrow.png"]))
    assert not (tmp_path / "run").exists()
    assert not open_run(tiny(**changes), RunSettings(**given, shares=[1.0, 0.0])).unused
    loop.train(tiny(**changes, steps=1), RunSettings(**given))
    # A long path is broken at the end of a line.
    assert re.search(message.replace(" ", ""), "".join("".join(capsys.readouterr()).split()))


def test_validation_on_pictures_that_are_trained_on_is_refused(pictures, others, tmp_path):
    """The same files, a copy under another name, and a packed set."""
    first = load_rgb(pictures / "0.png")
    Image.open(pictures / "0.png").save(tmp_path / "copy.png")
    pack.write(tmp_path / "packed.npy", [("first.png", *first.shape[1:])], [first])
    given = {"folder": tmp_path / "run", "data": [pictures]}
    for place, name in (
        (pictures, r"/0\.png"),
        (tmp_path / "copy.png", r"copy\.png"),
        (tmp_path / "packed.npy", r"first\.png of .*packed\.npy"),
    ):
        with pytest.raises(InvalidOption, match=rf"{name} is among the pictures to train on too; give other"):
            open_run(tiny(), RunSettings(**given, validation=[others, place]))
        assert not (tmp_path / "run").exists()
    with pytest.raises(InvalidOption, match=r"/0\.png is among"):
        open_run(tiny(), RunSettings(folder=tmp_path / "run", data=[tmp_path / "packed.npy"], validation=[pictures]))
    open_run(tiny(), RunSettings(**given, validation=[others]))
