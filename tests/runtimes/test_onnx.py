"""ONNX Runtime: results compared with numpy, and errors that name the network."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from onnx import helper

from jpegmend import runtimes
from jpegmend.errors import InvalidOption, ModelError, WeightsDamaged, WeightsMissing
from jpegmend.runtimes import PictureFacts, load, open_runtime
from jpegmend.runtimes.onnx import _SESSIONS

ONES = np.ones((3, 8, 8), np.float32)
FACTS = PictureFacts(sampling=(1, 1))


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (3, 5)])
def test_any_size(size, networks, tmp_path):
    planes = np.random.default_rng(0).random((3, *size), np.float32)
    run = open_runtime(networks.gain(tmp_path, 0.25), threads=1)
    assert np.array_equal(run(planes, ONES, FACTS).planes, planes * 0.25)
    assert run.name == "onnx cpu"


def test_tables_and_sampling_are_passed(networks, tmp_path):
    planes, tables = np.zeros((3, 8, 8), np.float32), ONES * np.array([10, 20, 30], np.float32)[:, None, None]
    answer = load(networks.teller(tmp_path))(planes, tables, PictureFacts(sampling=(2, 1))).planes
    assert answer[:, 0, 0] == pytest.approx([0.032, 0.042, 0.052], abs=1e-6)


def test_other_types_and_strides_are_taken(networks, tmp_path):
    planes = np.random.default_rng(0).random((12, 9, 3)).transpose(2, 1, 0)
    answer = open_runtime(networks.identity(tmp_path))(planes, ONES, FACTS).planes
    assert answer == pytest.approx(planes, abs=1e-7)


def test_sessions_are_kept_and_closed(networks, tmp_path):
    card = networks.identity(tmp_path)
    runtimes.close()
    for threads in (1, 1, 2, 1):
        open_runtime(card, threads=threads)
    assert len(_SESSIONS) == 2
    for threads in (1, 2):
        session = open_runtime(card, threads=threads)._session
        assert session.get_session_options().intra_op_num_threads == threads
    run = open_runtime(card, threads=1)
    runtimes.close()
    assert len(_SESSIONS) == 0
    assert np.array_equal(run(ONES, ONES, FACTS).planes, ONES)
    for threads in range(1, 8):
        open_runtime(card, threads=threads)
    assert len(_SESSIONS) == 4


def test_quality_and_traces_arrive(networks, tmp_path):
    planes = np.random.default_rng(0).random((3, 8, 24), np.float32)
    run = open_runtime(networks.judge(tmp_path))
    plain = run(planes, ONES, FACTS)
    assert plain.quality == pytest.approx(100 * planes[0].mean(), rel=1e-5)
    assert plain.traces == {}
    answer = run(planes, ONES, FACTS, traces=("ends", "mean"))
    assert set(answer.traces) == {"ends", "mean"}
    assert np.array_equal(answer.traces["ends"][0], planes)
    assert np.array_equal(answer.traces["ends"][1], planes**2)
    assert answer.traces["mean"][0] == pytest.approx(planes.mean((1, 2)), rel=1e-5)
    assert open_runtime(networks.identity(tmp_path))(planes, ONES, FACTS).quality is None


def test_unknown_traces_are_named(networks, tmp_path):
    run = open_runtime(networks.judge(tmp_path))
    with pytest.raises(InvalidOption, match="no trace 'stages'.*half, ends, mean"):
        run(ONES, ONES, FACTS, traces=("half", "stages"))


def test_the_output_of_planes_is_found_by_name_or_is_the_first(networks, tmp_path):
    import onnx

    data = onnx.load(networks.judge(tmp_path).folder / "judge.onnx")
    data.graph.output.reverse()
    named = _rewritten(networks.judge(tmp_path), data)
    assert np.array_equal(open_runtime(named)(ONES, ONES, FACTS).planes, ONES)
    other = onnx.load(networks.gain(tmp_path, 0.5).folder / "gain.onnx")
    other.graph.node[0].output[0] = other.graph.output[0].name = "some_name"
    foreign = _rewritten(networks.gain(tmp_path, 0.5), other)
    assert np.array_equal(open_runtime(foreign)(ONES, ONES, FACTS).planes, ONES / 2)


def _rewritten(card, model):
    """The card with another graph in its file."""
    import hashlib

    data = model.SerializeToString()
    (card.folder / card.files["onnx"]["file"]).write_bytes(data)
    entry = {"file": card.files["onnx"]["file"], "sha256": hashlib.sha256(data).hexdigest()}
    return replace(card, files={"onnx": entry})


def test_a_told_quality_arrives(networks, tmp_path):
    run, planes = open_runtime(networks.blind(tmp_path)), np.zeros((3, 8, 8), np.float32)
    told = [run(planes, ONES, PictureFacts(quality=quality)).planes[0, 0, 0] for quality in (None, 40, 100)]
    assert told == pytest.approx([0, 0.04, 0.1], abs=1e-6)


def test_a_missing_overview_is_said(networks, tmp_path):
    run = open_runtime(networks.mean_of_overview(tmp_path))
    with pytest.raises(ModelError, match="overview"):
        run(np.zeros((3, 8, 8), np.float32), ONES, FACTS)


def test_wrong_answers_are_refused(networks, tmp_path):
    wild = networks.gain(tmp_path, float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        open_runtime(wild)(np.ones((3, 8, 8), np.float32), ONES, FACTS)
    node = helper.make_node("Concat", ["planes", "planes"], ["restored"], axis=1)
    twice = networks.write_card(tmp_path, "twice", [node], {})
    with pytest.raises(ModelError, match="answered"):
        open_runtime(twice)(np.ones((3, 8, 8), np.float32), ONES, FACTS)


def test_failures_are_translated(networks, tmp_path):
    node = helper.make_node("Conv", ["planes", "kernel"], ["restored"])
    kernel = {"kernel": np.ones((3, 2, 1, 1), np.float32)}
    run = open_runtime(networks.write_card(tmp_path, "two", [node], kernel))
    with pytest.raises(ModelError, match="'two' failed on planes of shape"):
        run(ONES, ONES, PictureFacts())


@pytest.mark.parametrize(
    ("planes", "tables", "words"),
    [
        (np.ones((1, 64, 64), np.float32), ONES, r"planes of shape \[1, 64, 64\]; 'mend-s' takes .*\[3, H, W\]: Y, Cb"),
        (np.ones((64, 64), np.float32), ONES, r"planes of shape \[64, 64\]"),
        (np.ones((3, 0, 8), np.float32), ONES, r"planes of shape \[3, 0, 8\]"),
        ([[1.0]], ONES, "planes are a list; 'mend-s' takes an array"),
        (ONES, ONES[:1], r"tables of shape \[1, 8, 8\]; 'mend-s' takes an array \[3, 8, 8\], one a plane"),
        (ONES, None, "tables are a NoneType"),
        (np.ones((3, 12, 16), np.float32), ONES, "12 x 16: the height and the width must be multiples of 16; pad them"),
    ],
)
def test_inputs_of_another_shape_are_told_in_words(planes, tables, words):
    with pytest.raises(InvalidOption, match=words):
        load("mend-s")(planes, tables, FACTS)


def test_other_sides_than_those_of_the_card_are_taken_where_the_network_runs():
    """The card of mend-s says 16; its layers need 8."""
    planes = np.full((3, 24, 40), 0.5, np.float32)
    assert load("mend-s")(planes, 9 * ONES, FACTS).planes.shape == (3, 24, 40)


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
    for threads in (0, 1025):
        with pytest.raises(InvalidOption, match="threads; give 1 to 1024, or None for all"):
            open_runtime(card, threads=threads)
    with pytest.raises(WeightsMissing):
        open_runtime(replace(card, released=False))
    with pytest.raises(WeightsMissing, match="runtime='torch'"):
        open_runtime(replace(card, files={"safetensors": card.files["onnx"]}), runtime="onnx")


def test_too_few_threads_allowed_are_told(networks, tmp_path, monkeypatch):
    """ONNX Runtime itself waits for ever where the second of its threads cannot be started."""
    start, started = threading.Thread.start, []

    def refuse(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ModelError, match=r"2 of 6 threads \(ulimit -u\); give threads=2"):
        open_runtime(networks.identity(tmp_path), threads=6)
    started[0].join(timeout=10)
    assert not started[0].is_alive()


def test_an_onnx_runtime_that_cannot_be_loaded_is_told(networks, tmp_path, monkeypatch):
    """As on Windows without the libraries of its compiler: "DLL load failed while importing ..."."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="ONNX Runtime cannot be loaded.*install jpegmend again"):
        open_runtime(networks.identity(tmp_path))


def test_threads_do_not_look_for_work_after_a_run(networks, tmp_path):
    """Where they do, two threads are slower than one on small pictures."""
    options = open_runtime(networks.identity(tmp_path), threads=2)._session.get_session_options()
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_nothing_is_written_outside(tmp_path):
    """ONNX Runtime's telemetry would write a session file into $TMPDIR and a device's id into the user's cache."""
    places = {
        name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    }
    for place in places.values():
        place.mkdir()
    code = "import numpy, jpegmend; jpegmend.restore(numpy.zeros((64, 64), 'uint8'), quality=30); jpegmend.close()"
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=environment | {k: str(v) for k, v in places.items()})
    assert done.returncode == 0
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()] == []


def test_the_users_own_word_on_telemetry_stands():
    code = "import os; from jpegmend.runtimes.onnx import import_onnxruntime as get; get(); {}"
    for given, expected in ((None, "1"), ("0", "0")):
        environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
        environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
        check = code.format(f"assert os.environ['ORT_DISABLE_TELEMETRY'] == {expected!r}")
        assert subprocess.run([sys.executable, "-c", check], env=environment).returncode == 0
