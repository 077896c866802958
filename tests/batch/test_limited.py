"""Limits of memory and processor time for restoring and writing a picture, which the system enforces."""

import io
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests import tiny_networks

from jpegmend.batch import work as working
from jpegmend.batch.limited import limited, time_raises
from jpegmend.batch.processes import Worker
from jpegmend.batch.settings import Output
from jpegmend.batch.work import Task, work
from jpegmend.decoding import limits
from jpegmend.errors import OverBudget
from jpegmend.restoration import restore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


def encoded(form: str) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(stream, form)
    return stream.getvalue()


def task(folder: Path, form: str, **options: Any) -> Task:
    source = folder / f"a.{form}"
    source.write_bytes(encoded(form))
    given = {"strength": 0.0, **options}
    return Task(
        source=source, target=folder / f"{form}.png", options=given, output=Output(), overwrite=False, max_bytes=10**6
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_memory_of_everything_after_decoding(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever takes the memory, here the writing, the picture fails by a message, and the next has its own limit."""
    greedy = task(tmp_path, form)
    with monkeypatch.context() as patch:
        patch.setattr(working, "save_result", lambda *given, **options: np.empty(3 << 30, np.uint8))
        outcome = work(greedy)
    assert outcome.error == "OverBudget"
    assert "64x48 pixels" in str(outcome.message) and "GB of memory" in str(outcome.message)
    assert work(greedy).error is None
    assert np.empty(3 << 30, np.uint8).size, "no limit is left"


def test_an_enlargement_is_limited_by_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_networks.enlarger(tmp_path, 3)
    greedy = replace(task(tmp_path, "JPEG"), operation="upscale", options={"model": tmp_path / "enlarger.json"})
    asked = []

    def note(pixels: int, **given: Any) -> tuple[float, float]:
        asked.append(pixels)
        return limits.restoration_limits(pixels, **given)

    monkeypatch.setattr("jpegmend.batch.limited.restoration_limits", note)
    monkeypatch.setattr(working, "save_result", lambda *given, **options: np.empty(6 << 30, np.uint8))
    assert work(greedy).error == "OverBudget"
    assert asked == [9 * 64 * 48]


def test_the_limit_grows_with_the_picture_and_ends_at_half_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "physical_memory", lambda: 8 << 30)
    small, middle, huge = (limits.restoration_limits(pixels) for pixels in (10_000, 1_000_000, 500_000_000))
    assert small[0] < middle[0] < huge[0] == 4 << 30
    assert small[1] < middle[1] < huge[1]
    heavy = limits.restoration_limits(10_000, network_bytes=1e8, multiply_adds=1e6)
    assert heavy[0] > small[0] and heavy[1] > small[1]
    assert limits.restoration_limits(10_000, multiply_adds=None)[1] > heavy[1], "an unknown network may take long"


def endless(data: bytes) -> None:
    """Restores a picture that may take no time, and goes on for ever; runs in a worker."""
    limits._RESTORING_SECONDS = limits._RESTORING_SECONDS_PER_PIXEL = 0.0
    with limited():
        restore(data, strength=0)
        while True:
            pass


def test_a_process_is_ended_where_its_time_is_up() -> None:
    worker = Worker("")
    try:
        with pytest.raises(OverBudget, match="all the processor time"):
            worker.call(endless, encoded("JPEG"))
    finally:
        worker.stop()


def test_a_process_that_goes_on_is_told_by_an_error() -> None:
    with pytest.raises(OverBudget, match="processor time"), time_raises(), limited():
        signal.raise_signal(signal.SIGXCPU)
    assert signal.getsignal(signal.SIGXCPU) == signal.SIG_DFL
