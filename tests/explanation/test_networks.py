"""The figures of each paper's network, on small untrained ones, and the numbers behind them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.explanation.conftest import as_jpeg, clear_picture

from jpegmend.explanation import cqr, dcsc, dual, mdu, qgcn
from jpegmend.explanation.explanation import facts
from jpegmend.explanation.subject import prepare, psnr
from jpegmend.explanation.traced_run import TracedRun, plane, trace_network
from jpegmend.models import NETWORKS, files
from jpegmend.models.card_fields import card_fields
from jpegmend.models.cqr import Ranker, RankerConfig
from jpegmend.models.dual import Config as DualConfig
from jpegmend.models.mdu import Config as MduConfig
from jpegmend.restoration.options import Options
from jpegmend.restoration.pipeline import restore
from jpegmend.weights import Card, read_card

CONFIGS = {
    "dcsc": NETWORKS["dcsc"].small[1],
    "qgcn": NETWORKS["qgcn"].small[1],
    "mdu": MduConfig(stages=2, width=6, depth=1, fold=2),
    "dual": DualConfig(stages=2, inner=1, features=8, units=1, reduced=4, classifier_features=4, semantic_size="unit"),
    "cqr": NETWORKS["cqr"].small[0],
}
FIGURES = {
    "dcsc": {"dcsc-features", "dcsc-codes", "dcsc-iterations", "dcsc-course", "dcsc-correction"},
    "qgcn": {"qgcn-tables", "qgcn-global", "qgcn-gain"},
    "mdu": {"mdu-layers", "mdu-stages", "mdu-scores", "mdu-steps", "mdu-dictionary"},
    "dual": {
        "dual-histograms",
        "dual-stages",
        "dual-scores",
        "dual-derivative",
        "dual-activations",
        "dual-semantic",
    },
    "cqr": {"cqr-activations", "cqr-score"},
}
ALIKE = {"dcsc-features", "dcsc-iterations"}
"""Laid out as ``dcsc-codes``: checking the words of one takes seconds."""
DRAWINGS = {
    "dcsc": dcsc.drawings,
    "qgcn": qgcn.drawings,
    "mdu": mdu.drawings,
    "dual": dual.drawings,
    "cqr": cqr.drawings,
}


def make_card(folder: Path, name: str) -> Card:
    """An untrained network of that name with its card, and for CQR a ranker."""
    torch.manual_seed(0)
    spec, config = NETWORKS[name], CONFIGS[name]
    network = spec.build(config)
    files.save_weights(folder / f"{name}.safetensors", spec.name, config, network.state_dict(), {})
    made = {"safetensors": f"{name}.safetensors"}
    if name == "cqr":
        ranker = RankerConfig(widths=(4, 4, 8, 8, 8))
        made["ranker.safetensors"] = "ranker.safetensors"
        files.save_weights(folder / "ranker.safetensors", "ranker", ranker, Ranker(ranker).state_dict(), {})
    entries = {
        kind: {"file": file, "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
        for kind, file in made.items()
    }
    fields = {**card_fields(name, spec, config), "released": True, "files": entries}
    (folder / f"{name}.json").write_text(json.dumps(fields))
    return read_card(folder / f"{name}.json")


@pytest.fixture(scope="module")
def traced_run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TracedRun]:
    made: dict[str, TracedRun] = {}

    def find(name: str) -> TracedRun:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            gray = clear_picture(96, 112).convert("L")
            gray.save(folder / "clear.png")
            card = make_card(folder, name)
            made[name] = trace_network(prepare(as_jpeg(gray), Options(model=card), folder / "clear.png"))
        return made[name]

    return find


@pytest.mark.parametrize("name", FIGURES)
def test_figures_and_their_words(name, traced_run_of, check_words):
    drawn = list(DRAWINGS[name](traced_run_of(name)))
    assert {drawing.name for drawing in drawn} == FIGURES[name]
    assert not [words for drawing in drawn if drawing.name not in ALIKE for words in check_words(drawing)]


# Not CQR: restore runs it in windows of 96 pixels, the figures on the whole region.
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "cqr"])
def test_the_network_gives_what_restore_gives(name, traced_run_of):
    traced = traced_run_of(name)
    restored = traced.subject.luma(traced.subject.free)
    height, width = restored.shape
    assert np.abs(plane(traced.estimate.planes)[:height, :width] - restored).max() < 1e-4


def test_of_a_network_for_rgb_luma_is_shown_and_scored(tmp_path, monkeypatch):
    monkeypatch.setitem(CONFIGS, "qgcn", NETWORKS["qgcn"].small[0])
    colour = clear_picture(96, 112)
    colour.save(tmp_path / "clear.png")
    traced = trace_network(prepare(as_jpeg(colour), Options(model=make_card(tmp_path, "qgcn")), tmp_path / "clear.png"))
    for shown, whole in ((traced.seen, traced.subject.decoded), (traced.estimate, traced.subject.free)):
        assert np.abs(plane(shown.planes) - traced.subject.luma(whole)).max() < 1e-4
    assert traced.psnr(traced.decoded) == pytest.approx(psnr(traced.decoded, traced.subject.clear), abs=0.01)


def test_a_strength_below_1_is_a_fact_of_the_report(tmp_path):
    card = dataclasses.replace(make_card(tmp_path, "dcsc"), caution=((45.0, 1.0), (60.0, 0.6)))
    gray = clear_picture(96, 112).convert("L")
    low, high = (facts(prepare(as_jpeg(gray, quality=quality), Options(model=card))) for quality in (40, 60))
    assert "strength" not in low and high["strength"].startswith("0.60, the card's caution")


def test_the_last_code_decodes_to_the_output(traced_run_of):
    traced = traced_run_of("dcsc")
    assert dcsc._scores(traced)[-1] == pytest.approx(traced.psnr(plane(traced.estimate.planes)), abs=1e-6)


def test_codes_that_a_failed_training_left_zero_are_drawn(traced_run_of):
    traced = dataclasses.replace(traced_run_of("dcsc"))
    answer = traced_run_of("dcsc").estimate
    zeros = tuple(torch.zeros_like(U) for U in answer.traces["U"])
    vars(traced)["estimate"] = answer._replace(traces={**answer.traces, "U": zeros})
    drawing = dcsc.codes(traced)
    assert f"{zeros[-1].shape[1]} of {zeros[-1].shape[1]} codes" in drawing.caption
    assert drawing.figure().axes


def test_the_words_on_the_iterations_are_those_of_its_codes(traced_run_of):
    """In released weights the last iteration changes the codes by 1 % (dcsc-32) or by 75 % (dcsc-64)."""
    traced, answer = dataclasses.replace(traced_run_of("dcsc")), traced_run_of("dcsc").estimate
    codes = [torch.full_like(answer.traces["U"][0], value) for value in (1.0, 4.0)]
    captions = []
    for U in (codes, codes[:1]):
        vars(traced)["estimate"] = answer._replace(traces={**answer.traces, "U": tuple(U)})
        captions.append(dcsc.iterations(traced).caption)
    assert "the last iteration changes them by 75 % and 75 %" in captions[0] and "changes" not in captions[1]


def test_codes_on_block_edges_are_told_from_others():
    edges, inside = np.zeros((32, 32)), np.zeros((32, 32))
    edges[::8] = 1
    inside[3::8, 3::8] = 1
    both = np.ones((32, 32))
    assert dcsc.grid_ratio(edges + 0.01, 8) > dcsc.grid_ratio(both, 8) > dcsc.grid_ratio(inside + 0.01, 8)


def test_an_atom_is_what_one_coefficient_draws(traced_run_of):
    network = traced_run_of("mdu").network
    M = torch.zeros(1, 18, 5, 5)
    M[0, 4, 2, 2] = 1
    from jpegmend.models.layers import unfold

    drawn = unfold(network.W(M).detach(), 2, 10, 10)[0, 0].numpy()
    tile = mdu.atom_tile(network.W.W.detach()[:, 4], 2)
    assert np.allclose(drawn[2:8, 2:8], tile, atol=1e-6)
    assert np.abs(tile).max() > 0


def test_its_own_vector_changes_nothing_and_another_does(traced_run_of):
    traced = traced_run_of("qgcn")
    own = traced.traces["global"][0]
    assert np.array_equal(qgcn.with_vector(traced, own), plane(traced.estimate.planes))
    assert not np.array_equal(qgcn.with_vector(traced, own + 1), plane(traced.estimate.planes))
    assert traced.network.branch is not None, "the network itself was changed"


def test_gain_is_that_of_restore(traced_run_of):
    from jpegmend import metrics
    from jpegmend.evaluation.measure.degrade_and_score import decode, encode

    traced = traced_run_of("qgcn")
    clear = np.rint(255 * traced.clear).astype(np.uint8)
    file = encode(clear, 10, "4:4:4")
    restored = restore(file, model=traced.subject.card, bits=8).to_array(8)
    expected = metrics.psnr(restored, clear, peak=255) - metrics.psnr(decode(file), clear, peak=255)
    assert qgcn.gains(traced, traced.subject.card, (10,)) == [pytest.approx(expected)]


def test_accuracy_counts_pairs():
    perfect = {quality: float(quality) for quality in cqr.QUALITIES}
    assert set(cqr.accuracy(perfect).values()) == {1.0}
    assert set(cqr.accuracy({quality: -score for quality, score in perfect.items()}).values()) == {0.0}


def test_without_a_ranker_cqr_has_no_figures(traced_run_of):
    traced = traced_run_of("cqr")
    card = dataclasses.replace(traced.subject.card, files={})
    bare = dataclasses.replace(traced, subject=dataclasses.replace(traced.subject, card=card))
    assert list(cqr.drawings(bare)) == []


def test_without_a_classifier_dual_has_no_figures_of_it(traced_run_of):
    traced = dataclasses.replace(traced_run_of("dual"), config={**traced_run_of("dual").config, "semantic": False})
    assert {drawing.name for drawing in dual.drawings(traced)} == {"dual-histograms", "dual-stages", "dual-scores"}


def test_weights_that_are_older_than_a_hyper_parameter_have_its_default(traced_run_of, monkeypatch):
    subject = traced_run_of("dcsc").subject
    network, header = files.load_weights(subject.card.folder / "dcsc.safetensors")
    older = {key: value for key, value in header["config"].items() if key != "last"}
    monkeypatch.setattr(files, "load_weights", lambda path: (network, {**header, "config": older}))
    assert trace_network(subject).config["last"] == 1.0
