"""ONNX Runtime's providers and PyTorch's devices, by made-up lists of them: none but the CPU is on every machine."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from jpegmend import restore, runtimes
from jpegmend.errors import InvalidOption, MissingExtra, ModelError
from jpegmend.runtimes import Answer, PictureFacts, open_runtime, providers
from jpegmend.runtimes import onnx as onnx_runtime

PLANES, ONES = np.full((3, 8, 8), 0.5, np.float32), np.ones((3, 8, 8), np.float32)


class Clock:
    """The clock by which providers are compared; only the runtimes of these tests advance it."""

    now = 0.0


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "perf_counter", lambda: Clock.now)
    monkeypatch.setattr(providers, "_CHOSEN", {})  # what is chosen here is not there for other tests


class Made:
    """A runtime that takes so long and answers so much more."""

    def __init__(self, name: str, seconds: float, more: float = 0.0) -> None:
        self.name, self.seconds, self.more, self.runs = name, seconds, more, 0

    def __call__(self, planes, tables, facts, *, traces=()) -> Answer:
        self.runs += 1
        Clock.now += self.seconds
        if np.isnan(self.more):
            raise ModelError("this one fails")
        return Answer(planes + self.more)


def chosen(monkeypatch: pytest.MonkeyPatch, made: dict[str, Made], offered: tuple[str, ...]):
    monkeypatch.setattr(providers, "installed", lambda: offered)
    return providers.choose_onnx("auto", made.__getitem__)


def test_a_faster_provider_is_taken_after_the_first_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"cpu": Made("onnx cpu", 0.2), "cuda": Made("onnx cuda", 0.0), "coreml": Made("onnx coreml", 0.1)}
    run = chosen(monkeypatch, made, ("cpu", "cuda", "coreml"))
    assert run.name == "onnx cpu"
    for _ in range(3):
        assert np.array_equal(run(PLANES, ONES, PictureFacts()).planes, PLANES)
    assert run.name == "onnx cuda"
    assert (made["cpu"].runs, made["cuda"].runs, made["coreml"].runs) == (1, 4, 2)


class Slowed:
    """A runtime under another name, that long later."""

    def __init__(self, run, name: str, seconds: float) -> None:
        self.run, self.name, self.seconds = run, name, seconds

    def __call__(self, *given, **more) -> Answer:
        Clock.now += self.seconds
        return self.run(*given, **more)


@pytest.mark.parametrize("asked", ["auto", "openvino"])
def test_the_report_names_the_provider_that_computed(
    networks, tmp_path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    real = onnx_runtime.open_onnx
    monkeypatch.setattr(providers, "installed", lambda: ("cpu", "openvino"))
    monkeypatch.setattr(
        onnx_runtime,
        "open_onnx",
        lambda card, threads, name: Slowed(real(card, threads), f"onnx {name}", 0.1 * (name == "cpu")),
    )
    picture = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    report = restore(picture, model=networks.identity(tmp_path), provider=asked, quality=30, threads=1).report
    assert report.runtime == "onnx openvino"


@pytest.mark.parametrize("other", [Made("onnx cuda", 0.2), Made("onnx cuda", 0, 0.01), Made("onnx cuda", 0, np.nan)])
def test_slow_wrong_and_failing_providers_are_not(monkeypatch: pytest.MonkeyPatch, other: Made) -> None:
    run = chosen(monkeypatch, {"cpu": Made("onnx cpu", 0.05), "cuda": other}, ("cpu", "cuda"))
    assert np.array_equal(run(PLANES, ONES, PictureFacts()).planes, PLANES)
    assert run.name == "onnx cpu"


def test_the_cpu_alone_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Made("onnx cpu", 0)
    assert chosen(monkeypatch, {"cpu": cpu}, ("cpu",)) is cpu


def test_providers_by_name(networks, tmp_path) -> None:
    card = networks.identity(tmp_path)
    assert open_runtime(card, provider="cpu").name == "onnx cpu"
    with pytest.raises(InvalidOption, match="allowed: auto, cpu"):
        open_runtime(card, provider="tpu")
    missing = next(name for name in ("directml", "coreml", "cuda") if name not in providers.installed())
    with pytest.raises(InvalidOption, match="installed ONNX Runtime has"):
        open_runtime(card, provider=missing)
    with pytest.raises(InvalidOption, match="is PyTorch's"):
        open_runtime(card, provider="mps", runtime="onnx")
    pytest.importorskip("torch")
    with pytest.raises(InvalidOption, match="is ONNX Runtime's"):
        open_runtime(card, provider="directml", runtime="torch")


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"jpegmend\[torch\]"):
        providers.choose_torch("cpu", Made)


def test_a_provider_that_falls_back_is_an_error(networks, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself warns, and goes on with the CPU."""

    class Session:
        def __init__(self, *given, providers, **options) -> None:
            assert providers[0] == "CUDAExecutionProvider"

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    real = onnx_runtime.import_onnxruntime()
    monkeypatch.setattr(real, "InferenceSession", Session)
    runtimes.close()
    with pytest.raises(ModelError, match="could not be started"):
        onnx_runtime.open_onnx(networks.identity(tmp_path), 1, "cuda")


def on_devices(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)


def test_pytorch_takes_a_device_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"cpu": Made("torch cpu", 0.2), "cuda": Made("torch cuda", 0.1)}
    on_devices(monkeypatch)
    assert providers.choose_torch("auto", made.__getitem__) is made["cpu"]
    with pytest.raises(InvalidOption, match="finds no such device"):
        providers.choose_torch("cuda", made.__getitem__)
    on_devices(monkeypatch, "cuda")
    assert providers.choose_torch("cuda", made.__getitem__) is made["cuda"]
    assert providers.choose_torch("cpu", made.__getitem__) is made["cpu"]


@pytest.mark.parametrize(("seconds", "name"), [(0.1, "torch mps"), (0.3, "torch cpu")])
def test_pytorch_takes_a_device_by_itself_only_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, seconds: float, name: str
) -> None:
    on_devices(monkeypatch, "mps")
    made = {"cpu": Made("torch cpu", 0.2), "mps": Made("torch mps", seconds)}
    run = providers.choose_torch("auto", made.__getitem__)
    assert np.array_equal(run(PLANES, ONES, PictureFacts()).planes, PLANES)
    assert run.name == name


def test_a_device_that_cannot_be_opened_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    on_devices(monkeypatch, "cuda")

    def opened(name: str) -> Made:
        if name == "cuda":
            raise AssertionError("Torch not compiled with CUDA enabled")
        return Made("torch cpu", 0.2)

    run = providers.choose_torch("auto", opened)
    assert np.array_equal(run(PLANES, ONES, PictureFacts()).planes, PLANES)
    assert run.name == "torch cpu"


@pytest.mark.parametrize(
    ("runtime", "provider", "there", "stays"),
    [
        ("onnx cpu", "auto", (), True),
        ("torch cpu", "auto", (), True),
        ("torch cpu", "auto", ("cuda",), False),
        ("torch cpu", "cpu", ("cuda",), True),
        ("torch cuda", "cuda", ("cuda",), False),
    ],
)
def test_memory_is_limited_where_only_the_cpu_computes(
    monkeypatch: pytest.MonkeyPatch, runtime: str, provider: str, there: tuple[str, ...], stays: bool
) -> None:
    """The libraries of GPUs map more memory than a limit could allow."""
    on_devices(monkeypatch, *there)
    monkeypatch.setattr(providers, "installed", lambda: ("cpu",))
    assert providers.stays_on_cpu(runtime, provider) is stays
