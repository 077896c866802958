"""ONNX Runtime's execution providers (CPU, CUDA, DirectML, Core ML, OpenVINO), and the choice of the fastest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from time import perf_counter

import numpy as np

from jpegmend.errors import InvalidOption, JpegmendError, extra_needed
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, Runtime

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""ONNX Runtime's names by ours."""
_AGREEMENT = 2e-3
"""Largest difference in 0..1 to the CPU's answer that a provider may make to be chosen by itself: half a level."""


def installed() -> tuple[str, ...]:
    """Our names of the providers that the installed ONNX Runtime has."""
    from jpegmend.runtimes.onnx import import_onnxruntime

    offered = import_onnxruntime().get_available_providers()
    return tuple(name for name, theirs in PROVIDERS.items() if theirs in offered)


_CHOSEN: dict[Hashable, str] = {}
"""The provider that was fastest, by network and threads."""


def choose_onnx(provider: str, open_by: Callable[[str], Runtime], key: Hashable = None) -> Runtime:
    """The network by a provider; by ``auto`` the fastest, measured on the first tile, where there are several.

    What was chosen for a ``key`` holds for the later calls of this process with that key.

    Raises:
        InvalidOption: the installed ONNX Runtime does not have this provider.
    """
    if provider == "cpu":
        return open_by("cpu")
    offered = installed()
    if provider == "auto":
        if key in _CHOSEN or offered == ("cpu",):
            return open_by(_CHOSEN.get(key, "cpu"))
        return Fastest(offered, open_by, key)
    if provider not in offered:
        raise InvalidOption(
            f"provider {provider!r}: the installed ONNX Runtime has {', '.join(offered)}; the packages "
            "onnxruntime-gpu, onnxruntime-directml and onnxruntime-openvino have others, each instead of onnxruntime"
        )
    return open_by(provider)


def choose_device(provider: str) -> str | None:
    """PyTorch's device for a provider; None for ``auto``, by which PyTorch takes a GPU if there is one.

    Raises:
        InvalidOption: PyTorch has no such provider, or no such device is there.
        MissingExtra: PyTorch is not installed.
    """
    if provider == "auto":
        return None
    if provider not in ("cpu", "cuda"):
        raise InvalidOption(f"provider {provider!r} is ONNX Runtime's; PyTorch has cpu and cuda: use runtime='onnx'")
    with extra_needed("runtime 'torch'", "torch"):
        import torch
    if provider == "cuda" and not torch.cuda.is_available():
        raise InvalidOption("provider 'cuda': PyTorch finds no CUDA device; use provider='cpu'")
    return provider


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
            except JpegmendError:
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
