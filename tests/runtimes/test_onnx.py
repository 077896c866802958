"""ONNX Runtime: the same answer as arithmetic, and errors that name the network."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import helper

from jpegmend.errors import InvalidOption, ModelError, WeightsDamaged, WeightsMissing
from jpegmend.runtimes import load, open_runtime
from jpegmend.runtimes.onnx import _open_session

ONES = np.ones((3, 8, 8), np.float32)


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (3, 5)])
def test_any_size(size, networks, tmp_path):
    planes = np.random.default_rng(0).random((3, *size), np.float32)
    run = open_runtime(networks.gain(tmp_path, 0.25), threads=1)
    assert np.array_equal(run(planes, ONES, (1, 1)), planes * 0.25)
    assert run.name == "onnx cpu"


def test_tables_and_sampling_are_passed(networks, tmp_path):
    planes, tables = np.zeros((3, 8, 8), np.float32), ONES * np.array([10, 20, 30], np.float32)[:, None, None]
    answer = load(networks.teller(tmp_path))(planes, tables, (2, 1))
    assert answer[:, 0, 0] == pytest.approx([0.032, 0.042, 0.052], abs=1e-6)


def test_other_types_and_strides_are_taken(networks, tmp_path):
    planes = np.random.default_rng(0).random((12, 9, 3)).transpose(2, 1, 0)
    answer = open_runtime(networks.identity(tmp_path))(planes, ONES, (1, 1))
    assert answer == pytest.approx(planes, abs=1e-7)


def test_one_session_for_each_number_of_threads(networks, tmp_path):
    card = networks.identity(tmp_path)
    before = _open_session.cache_info().currsize
    for threads in (1, 1, 2, 1):
        open_runtime(card, threads=threads)
    assert _open_session.cache_info().currsize == before + 2


def test_a_missing_overview_is_said(networks, tmp_path):
    run = open_runtime(networks.mean_of_overview(tmp_path))
    with pytest.raises(ModelError, match="overview"):
        run(np.zeros((3, 8, 8), np.float32), ONES, (1, 1))


def test_wrong_answers_are_refused(networks, tmp_path):
    wild = networks.gain(tmp_path, float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        open_runtime(wild)(np.ones((3, 8, 8), np.float32), ONES, (1, 1))
    node = helper.make_node("Concat", ["planes", "planes"], ["restored"], axis=1)
    twice = networks.write_card(tmp_path, "twice", [node], {})
    with pytest.raises(ModelError, match="answered"):
        open_runtime(twice)(np.ones((3, 8, 8), np.float32), ONES, (1, 1))


def test_failures_are_translated(networks, tmp_path):
    node = helper.make_node("Conv", ["planes", "kernel"], ["restored"])
    kernel = {"kernel": np.ones((3, 3, 1, 1), np.float32)}
    run = open_runtime(networks.write_card(tmp_path, "three", [node], kernel))
    with pytest.raises(ModelError, match="three"):
        run(np.ones((1, 8, 8), np.float32), ONES[:1], (0, 0))


def test_inputs_must_be_the_cards(networks, tmp_path):
    card = replace(networks.identity(tmp_path), inputs=("planes", "tables"))
    with pytest.raises(WeightsDamaged, match="takes"):
        open_runtime(card)


def test_files_that_are_no_networks(networks, tmp_path):
    import hashlib

    card = networks.identity(tmp_path)
    (tmp_path / "identity.onnx").write_bytes(b"nonsense")
    files = {"onnx": {"file": "identity.onnx", "sha256": hashlib.sha256(b"nonsense").hexdigest()}}
    with pytest.raises(WeightsDamaged, match="ONNX Runtime can open"):
        open_runtime(replace(card, files=files))


def test_options(networks, tmp_path):
    card = networks.identity(tmp_path)
    with pytest.raises(InvalidOption, match="auto"):
        open_runtime(card, runtime="tpu")
    with pytest.raises(InvalidOption, match="threads"):
        open_runtime(card, threads=0)
    with pytest.raises(WeightsMissing):
        open_runtime(replace(card, released=False))
    with pytest.raises(WeightsMissing, match="runtime='torch'"):
        open_runtime(replace(card, files={}, exportable=False), runtime="onnx")
