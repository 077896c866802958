"""Inference by ONNX Runtime on the CPU, or another provider: the default, 24 MB to install."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from jpegmend import weights
from jpegmend.errors import InvalidOption, ModelError, WeightsDamaged, WeightsMissing
from jpegmend.runtimes.cache import LastUsed
from jpegmend.runtimes.contract import (
    Answer,
    Floats,
    PictureFacts,
    Runtime,
    batch_inputs,
    check_answer,
    check_shapes,
    failure,
)
from jpegmend.runtimes.foreign import ForeignRuntime, graph_call
from jpegmend.runtimes.processor import thread_count
from jpegmend.runtimes.providers import PROVIDERS
from jpegmend.weights import Card, onnx_guard
from jpegmend.weights.foreign import check_size

PLANES, QUALITY, TRACE = "restored", "estimated_quality", "trace_"
"""Names of a graph's outputs: planes, quality, and ``trace_NAME_0``, ``trace_NAME_1``, ... for a trace. They differ
from the names of inputs (``planes``, ``quality``) because ONNX does not allow one name for both."""

_MOVES_AXES = ["TransposeOptimizer", "TransposeOptimizer_CPUExecutionProvider"]
"""Optimisers that are not used for convolutions in integers (:mod:`jpegmend.models.integers`): they move the channels
of sums back to the front, and the transpositions round each block then take a fifth of the time of ``mend-q``."""

_SESSIONS: LastUsed[Any] = LastUsed(4)


class OnnxRuntime:
    """A session of ONNX Runtime as a :class:`~jpegmend.runtimes.contract.Runtime`."""

    def __init__(self, card: Card, session: Any, provider: str = "cpu") -> None:
        self.name = f"onnx {provider}"
        self._card = card
        self._session = session
        offered = tuple(entry.name for entry in session.get_inputs())
        if offered != card.inputs:
            raise WeightsDamaged(f"{card.name!r} takes {offered}, its card says {card.inputs}")
        self._outputs = tuple(entry.name for entry in session.get_outputs())
        # A graph by another exporter may have one output of any name.
        self._planes = PLANES if PLANES in self._outputs else self._outputs[0]

    def __repr__(self) -> str:
        return f"<{self._card.name} by {self.name}>"

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        check_shapes(planes, tables, self._card)
        named = batch_inputs(planes, tables, facts)
        missing = [name for name in self._card.inputs if name not in named]
        if missing:
            raise ModelError(f"{self._card.name!r} needs {missing[0]}, which it was not given")
        wanted = self._wanted(traces)
        try:
            values = self._session.run(wanted, {name: named[name] for name in self._card.inputs})
        # ONNX Runtime's exceptions share no base class of their own.
        except Exception as error:
            raise failure(planes, self._card, error) from error
        found = dict(zip(wanted, values, strict=True))
        quality = float(found[QUALITY].ravel()[0]) if QUALITY in found else None
        answer = Answer(found[self._planes][0], quality, _collect(found))
        return check_answer(answer, planes, self._card.name, self._card.scale)

    def _wanted(self, traces: Collection[str]) -> list[str]:
        """Names of the outputs to request: planes, the quality if the graph has one, and the named traces.

        Other outputs may be computed too, but are not copied.
        """
        by_trace: dict[str, list[str]] = {}
        for output in self._outputs:
            if output.startswith(TRACE):
                by_trace.setdefault(_trace_name(output), []).append(output)
        if unknown := [name for name in traces if name not in by_trace]:
            raise InvalidOption(
                f"{self._card.name!r} has no trace {unknown[0]!r} in its ONNX file; there: "
                f"{', '.join(by_trace) or 'none'}; runtime='torch' gives every trace of a network"
            )
        quality = [QUALITY] if QUALITY in self._outputs else []
        return [self._planes, *quality, *(output for name in traces for output in by_trace[name])]


def _trace_name(output: str) -> str:
    return output.removeprefix(TRACE).rpartition("_")[0]


def _collect(found: dict[str, Any]) -> dict[str, tuple[Floats, ...]]:
    """The traces among outputs by name, each without its batch axis."""
    traces: dict[str, tuple[Floats, ...]] = {}
    for output, value in found.items():
        if output.startswith(TRACE):
            single = np.asarray(value[0] if np.ndim(value) else value, np.float32)
            traces[_trace_name(output)] = (*traces.get(_trace_name(output), ()), single)
    return traces


def open_onnx(card: Card, threads: int | None, provider: str = "cpu") -> Runtime:
    """The session of a card, cached by file, number of threads and provider (a key of ``PROVIDERS``).

    Raises:
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``; or the network cannot be run by ONNX Runtime.
        ModelRefused: see ``jpegmend.weights.onnx_guard``.
    """
    if card.files and "onnx" not in card.files:
        raise WeightsMissing(f"{card.name!r} cannot be run by ONNX Runtime; use runtime='torch'")
    session = cached_session(weights.path(card, "onnx"), thread_count(threads), provider)
    if card.foreign is not None:
        return ForeignRuntime(card, f"onnx {provider}", graph_call(session, card.foreign))
    return OnnxRuntime(card, session, provider)


def cached_session(file: Path, threads: int, provider: str = "cpu") -> Any:
    """The session over a file, one of those most recently used if it is there; see :func:`open_session` for errors."""
    key = (file, file.stat().st_mtime_ns, threads, provider)
    return _SESSIONS.get(key, lambda: open_session(file, threads, provider))


def close_sessions() -> None:
    """Drop every cached session; a runtime that is still in use keeps its own until it is dropped."""
    _SESSIONS.clear()


def import_onnxruntime() -> Any:
    """The package ``onnxruntime``, imported with its telemetry off unless the environment says otherwise.

    Sets ``ORT_DISABLE_TELEMETRY=1`` for this process: without it version 1.32 writes files into the temporary folder
    and the user's cache, and looks up the address of a collector.

    Raises:
        ModelError: it cannot be imported.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        windows = " (on Windows it needs Microsoft's Visual C++ Redistributable)" if os.name == "nt" else ""
        raise ModelError(
            f"ONNX Runtime cannot be loaded: {error}; install jpegmend again{windows}, or use runtime='torch'"
        ) from error
    return onnxruntime


def _check_threads(count: int) -> None:
    """Start so many threads for a moment: ONNX Runtime 1.32 waits for ever where the system refuses one of its own."""
    ready, started = threading.Event(), list[threading.Thread]()
    try:
        for _ in range(count - 1):
            thread = threading.Thread(target=ready.wait)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        allowed = len(started) + 1
        raise ModelError(
            f"the system lets this process have {allowed} of {count} threads (ulimit -u); "
            f"give threads={allowed}, or raise its limit"
        ) from error
    finally:
        ready.set()
        for thread in started:
            thread.join()


def open_session(file: Path, threads: int, provider: str = "cpu") -> Any:
    """A new session of ONNX Runtime over a file; WeightsDamaged where it cannot be opened.

    Raises:
        ModelRefused: see ``jpegmend.weights.onnx_guard``.
        ModelError: the provider could not be started, for lack of its libraries or its device; or fewer threads may be
            started than asked for.
    """
    _check_threads(threads)
    check_size(file.stat().st_size, file.name)
    data = file.read_bytes()
    onnx_guard.check(data, file.name)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads look for work in a loop, which is faster within a run than sleeping. After it they would take the
    # processor from all else: two threads were slower than one on small pictures.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Each result gets memory of its own, which is freed when it is used up. The plan that ONNX Runtime (1.19 and 1.32)
    # makes otherwise holds more: at 1024x1024, 167 bytes a pixel instead of 131 for mend-s, 523 instead of 332 for
    # mend-q.
    options.enable_mem_reuse = False
    providers = ["CPUExecutionProvider"] if provider == "cpu" else [PROVIDERS[provider], "CPUExecutionProvider"]
    disabled = _MOVES_AXES if b"DequantizeLinear" in data else []
    options.log_severity_level = 4  # errors come as exceptions; printed too they would drown the message
    try:
        # The bytes that were checked, not the file, which could have changed since.
        session = onnxruntime.InferenceSession(data, options, providers=providers, disabled_optimizers=disabled)
    except Exception as error:
        raise WeightsDamaged(f"{file.name} is no network that ONNX Runtime can open: {error}") from error
    # ONNX Runtime goes on with the CPU, without an error, where a provider cannot be started.
    if PROVIDERS[provider] not in session.get_providers():
        raise ModelError(f"provider {provider!r} could not be started: its device or its libraries are missing")
    return session
