import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend.errors import InvalidOption, JpegmendError
from jpegmend.evaluation.benchmark import footprint, reference, synthetic, timing
from jpegmend.evaluation.report import benchmark_tables


def test_the_reference_has_dncnns_layers_and_any_size():
    import onnx
    import onnxruntime

    network = reference.reference_network()
    graph = onnx.load_from_string(network).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    shapes = [tuple(weight.dims) for weight in graph.initializer if len(weight.dims) == 4]
    assert len(convolutions) == 20 and shapes[0] == (64, 1, 3, 3) and shapes[-1] == (1, 64, 3, 3)
    assert set(shapes[1:-1]) == {(64, 64, 3, 3)}
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.zeros((1, 1, 9, 13), np.float32)})[0].shape == (1, 1, 9, 13)


def test_the_reference_computes_convolutions():
    import onnxruntime

    network = reference.reference_network(2, 3)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).random((1, 1, 8, 8)).astype(np.float32)
    out = session.run(None, {"x": picture})[0]
    # Without padding's help at the border: a change in a corner reaches two pixels, by two layers of 3x3.
    moved = picture.copy()
    moved[0, 0, 0, 0] += 1
    change = np.abs(session.run(None, {"x": moved})[0] - out)[0, 0]
    assert change[:3, :3].any() and not change[3:].any() and not change[:, 3:].any()


def test_the_photo_is_a_photo_to_a_codec():
    data = synthetic.synthetic_jpeg(1100, 700)
    with Image.open(io.BytesIO(data)) as file:
        assert file.size == (1100, 700) and file.layer[0][1:3] == (2, 2)
    assert 0.2 < 8 * len(data) / (1100 * 700) < 3, "bits a pixel"


def test_a_benchmark_has_ratios_and_memory():
    found = timing.benchmark(["jpeg"], [(64, 48)], repeats=1)
    assert found == json.loads(json.dumps(found))
    jpeg, reference = found["speed"]
    assert reference["what"] == "reference" and reference["times_reference"] == pytest.approx(1)
    expected = reference["seconds_per_megapixel"] / jpeg["seconds_per_megapixel"]
    assert jpeg["times_reference"] == pytest.approx(expected)
    assert 20 < jpeg["peak_mb"] < 500
    assert "| jpeg | 64x48 |" in benchmark_tables.markdown(found)


def test_without_the_reference_there_is_no_ratio():
    found = timing.benchmark(["jpeg"], [(32, 32)], repeats=1, memory=False, reference=False)
    assert [line["times_reference"] for line in found["speed"]] == [None]
    assert benchmark_tables.markdown(found)
    with pytest.raises(InvalidOption, match="repeats"):
        timing.benchmark(["jpeg"], [(32, 32)], repeats=0)


def test_a_failing_child_says_why(tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"no picture at all")
    with pytest.raises(JpegmendError, match="NotAnImage"):
        footprint.measure("restore", str(tmp_path / "no.jpg"), "{}")


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_the_exponent_is_the_power(power):
    areas = [0.25, 1, 10, 100]
    assert timing.exponent(areas, [3 * area**power for area in areas]) == pytest.approx(power)


def test_sizes():
    sides = list(synthetic.squares(0.25, 100, 4))
    assert sides[0] == (496, 496) or sides[0] == (512, 512)
    assert sides[-1][0] ** 2 == pytest.approx(100e6, rel=0.01)
    for wrong in ("", "0", "axb", "1x2x3", "-5", "70000x16", "²"):
        with pytest.raises(InvalidOption, match="size"):
            synthetic.parse_size(wrong)


def test_a_system_that_does_not_tell_memory_has_none(monkeypatch):
    """Windows has neither /proc nor the module resource; tables leave a peak of 0 out."""

    def missing(path, *words):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert footprint.peak_bytes() == 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells")
def test_a_thread_that_has_ended_hides_no_process(monkeypatch):
    """Its entry in /proc goes away between the listing and the reading."""
    read, started, over = Path.read_text, threading.Event(), threading.Event()

    def start():
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            children.append(child.pid)
            started.set()
            over.wait()
            child.communicate(b"\n")

    def without_the_main_thread(path, *words):
        if path == Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children"):  # listed first
            raise FileNotFoundError(path)
        return read(path, *words)

    children, thread = [], threading.Thread(target=start)
    thread.start()
    started.wait()
    monkeypatch.setattr(Path, "read_text", without_the_main_thread)
    found = footprint.descendants(os.getpid())
    over.set()
    thread.join()
    assert children[0] in found


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells")
def test_the_memory_of_what_a_process_started_is_counted():
    tree = footprint.Tree()
    tree.start()
    own = footprint._resident(os.getpid())
    grow = "held = bytearray(80_000_000); input()"
    with subprocess.Popen([sys.executable, "-c", grow], stdin=subprocess.PIPE) as child:
        end = time.monotonic() + 60
        while tree.peak < own + 70e6 and time.monotonic() < end:
            time.sleep(0.01)
        child.communicate(b"\n")
    assert tree.stop() > own + 70e6
