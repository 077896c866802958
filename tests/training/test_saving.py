"""What a run writes: the header of its weights, and its log."""

import shutil
import sys
from pathlib import Path

import pytest
from tests.training.conftest import settings, tiny

from jpegmend.errors import OutputError
from jpegmend.models import files
from jpegmend.training import curve, loop
from jpegmend.training.reports import Reports


def test_the_weights_name_a_split_by_its_set(pictures, tmp_path, monkeypatch):
    shutil.copytree(pictures, tmp_path / "waves" / "train")
    monkeypatch.chdir(tmp_path / "waves" / "train")
    loop.train(tiny(steps=1), settings(tmp_path / "run", Path()))
    assert files.read_tensors(tmp_path / "run" / "average.safetensors")[1]["data"] == ["waves-train"]


def test_a_log_whose_last_line_was_cut_off_is_read_up_to_it(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"minutes": 1, "loss": 0.5}\n\n{"minutes": 2, "lo')
    assert curve.read_log(log) == [{"minutes": 1, "loss": 0.5}]


def test_a_curve_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    resource = pytest.importorskip("resource")
    target, before = tmp_path / "curve.png", resource.getrlimit(resource.RLIMIT_FSIZE)
    curve.draw([{"minutes": 1, "loss": 0.5}], target, title="run")
    drawn = target.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError):
            curve.draw([{"minutes": 1, "loss": 0.5}, {"minutes": 2, "loss": 0.4}], target, title="run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [drawn]


def test_a_tensorboard_that_does_not_load_is_left_out(tmp_path, monkeypatch):
    """Old ones end in an AttributeError with NumPy 2, or in a TypeError of protobuf."""
    (tmp_path / "tensorboard.py").write_text("import numpy\nnumpy.bool8\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard" or "utils.tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.warns(UserWarning, match=r"TensorBoard cannot be loaded \(.*bool8.*\); the run goes on without"):
        Reports(tmp_path, name="run")


def test_brackets_in_names_are_shown_as_they_are(tmp_path, capsys):
    with Reports(tmp_path, name="run [bold] [/x]", bar=True) as reports:
        reports.note("photos [old] [/x]: too small")
        reports.progress(0.5, 0.1, 1e6, 60)
    shown = capsys.readouterr().out
    assert "photos [old] [/x]: too small" in shown and "run [bold] [/x]" in shown
