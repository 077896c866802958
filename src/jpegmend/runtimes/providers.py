"""Where a network computes: ONNX Runtime's execution providers, PyTorch's devices, and the choice of the fastest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from time import perf_counter

import numpy as np

from jpegmend.errors import InvalidOption, extra_needed
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, Runtime

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""ONNX Runtime's names by ours."""
DEVICES = ("cpu", "cuda", "mps")
"""PyTorch's names of its devices, which are ours too."""
NAMES = tuple(dict.fromkeys((*PROVIDERS, *DEVICES)))
"""Every provider that can be named; which of them are there depends on the runtime."""
_AGREEMENT = 2e-3
"""Largest difference in 0..1 to the CPU's answer that a provider may make to be chosen by itself: half a level."""


def installed() -> tuple[str, ...]:
    """Our names of the providers that the installed ONNX Runtime has."""
    from jpegmend.runtimes.onnx import import_onnxruntime

    offered = import_onnxruntime().get_available_providers()
    return tuple(name for name, theirs in PROVIDERS.items() if theirs in offered)


def devices() -> tuple[str, ...]:
    """Those of PyTorch's devices that this machine has.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    with extra_needed("runtime 'torch'", "torch"):
        import torch
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return tuple(name for name in DEVICES if there[name])


def stays_on_cpu(runtime: str, provider: str) -> bool:
    """Whether a runtime of this name, such as ``onnx cpu``, will not compute elsewhere for this ``provider``."""
    if not runtime.endswith(" cpu"):
        return False
    return provider == "cpu" or (devices() if runtime.startswith("torch") else installed()) == ("cpu",)


_CHOSEN: dict[Hashable, str] = {}
"""The provider that was fastest, by network and threads."""


def choose_onnx(provider: str, open_by: Callable[[str], Runtime], key: Hashable = None) -> Runtime:
    """The network by a provider of ONNX Runtime; see :func:`_choose` and, for errors, :func:`onnx_providers`."""
    if provider == "cpu":
        return open_by("cpu")
    return _choose(provider, onnx_providers(provider), open_by, key)


def onnx_providers(provider: str) -> tuple[str, ...]:
    """The providers that there are for ``auto`` or for the one that was asked for.

    Raises:
        InvalidOption: the installed ONNX Runtime does not have this provider.
    """
    if provider not in ("auto", *PROVIDERS):
        raise InvalidOption(f"provider {provider!r} is PyTorch's, as runtime='torch' has it")
    offered = installed()
    if provider not in ("auto", *offered):
        raise InvalidOption(
            f"provider {provider!r}: the installed ONNX Runtime has {', '.join(offered)}; the packages "
            "onnxruntime-gpu, onnxruntime-directml and onnxruntime-openvino have others, each instead of onnxruntime"
        )
    return offered


def choose_torch(provider: str, open_by: Callable[[str], Runtime], key: Hashable = None) -> Runtime:
    """The network by a device of PyTorch; see :func:`_choose` and, for errors, :func:`torch_devices`."""
    return _choose(provider, torch_devices(provider), open_by, key)


def torch_devices(provider: str) -> tuple[str, ...]:
    """The devices that there are for ``auto`` or for the one that was asked for.

    Raises:
        InvalidOption: PyTorch has no such device, or it is not there.
        MissingExtra: PyTorch is not installed.
    """
    if provider not in ("auto", *DEVICES):
        raise InvalidOption(
            f"provider {provider!r} is ONNX Runtime's; PyTorch has {', '.join(DEVICES)}: use runtime='onnx'"
        )
    offered = devices()
    if provider not in ("auto", *offered):
        raise InvalidOption(f"provider {provider!r}: PyTorch finds no such device; use provider='cpu'")
    return offered


def _choose(provider: str, offered: Sequence[str], open_by: Callable[[str], Runtime], key: Hashable) -> Runtime:
    """The network by a provider; by ``auto`` the fastest, measured on the first tile, where there are several.

    What was chosen for a ``key`` holds for the later calls of this process with that key.
    """
    if provider != "auto":
        return open_by(provider)
    if key in _CHOSEN or tuple(offered) == ("cpu",):
        return open_by(_CHOSEN.get(key, "cpu"))
    return Fastest(offered, open_by, key)


class Fastest:
    """A network by the fastest of several runtimes, which is measured on the first tile and kept.

    Another than the CPU is taken only if it answers the same and is faster; one that fails is left out.
    """

    def __init__(self, offered: Sequence[str], open_by: Callable[[str], Runtime], key: Hashable) -> None:
        self._runtime = open_by("cpu")
        self.name = self._runtime.name
        self._others = [name for name in offered if name != "cpu"]
        self._open_by = open_by
        self._key = key

    def __repr__(self) -> str:
        return repr(self._runtime)

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        if not self._others:
            return self._runtime(planes, tables, facts, traces=traces)
        others, self._others, chosen = self._others, [], "cpu"
        answer, least = _timed(self._runtime, planes, tables, facts, traces)
        expected = answer.planes
        for name in others:
            try:
                other = self._open_by(name)
                other(planes, tables, facts, traces=traces)  # the first run compiles
                found, took = _timed(other, planes, tables, facts, traces)
            except Exception:  # of a device's library, which share no base class; the CPU's answer is there
                continue
            if took < least and float(np.abs(found.planes - expected).max()) <= _AGREEMENT:
                self._runtime, answer, least, chosen = other, found, took, name
        self.name = self._runtime.name
        if self._key is not None:
            _CHOSEN[self._key] = chosen
        return answer


def _timed(
    runtime: Runtime, planes: Floats, tables: Floats, facts: PictureFacts, traces: Collection[str]
) -> tuple[Answer, float]:
    start = perf_counter()
    answer = runtime(planes, tables, facts, traces=traces)
    return answer, perf_counter() - start
