"""ONNX Runtime, on the CPU: the default, 24 MB and no framework."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jpegmend import weights
from jpegmend.errors import ModelError, WeightsDamaged, WeightsMissing
from jpegmend.runtimes.contract import Floats, available_threads, batch_inputs, check_answer
from jpegmend.weights import Card


class OnnxRuntime:
    """A session of ONNX Runtime as a :class:`~jpegmend.runtimes.contract.Runtime`."""

    name = "onnx cpu"

    def __init__(self, card: Card, session: Any) -> None:
        self._card = card
        self._session = session
        offered = tuple(entry.name for entry in session.get_inputs())
        if offered != card.inputs:
            raise WeightsDamaged(f"{card.name!r} takes {offered}, its card says {card.inputs}")

    def __call__(
        self, planes: Floats, tables: Floats, sampling: tuple[int, int], overview: Floats | None = None
    ) -> Floats:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        named = batch_inputs(planes, tables, sampling, overview)
        missing = [name for name in self._card.inputs if name not in named]
        if missing:
            raise ModelError(f"{self._card.name!r} needs {missing[0]}, which it was not given")
        try:
            (restored,) = self._session.run(["restored"], {name: named[name] for name in self._card.inputs})
        # ONNX Runtime's exceptions share no base class of their own.
        except Exception as error:
            raise ModelError(f"{self._card.name!r} failed on planes of shape {planes.shape}: {error}") from error
        return check_answer(restored[0], planes, self._card.name)


def open_onnx(card: Card, threads: int | None) -> OnnxRuntime:
    """The session of a card, opened once for each file and number of threads.

    Raises:
        WeightsMissing, WeightsDamaged: see ``jpegmend.weights.path``; or no network that can be run.
    """
    if not card.exportable and "onnx" not in card.files:
        raise WeightsMissing(f"{card.name!r} cannot be run by ONNX Runtime; use runtime='torch'")
    file = weights.path(card, "onnx")
    return OnnxRuntime(card, _open_session(file, file.stat().st_mtime_ns, threads or available_threads()))


@cache
def _open_session(file: Path, changed: int, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Measured on mend-s, 896x896: the arena with blocks as large as asked for takes 190 MB and is a tenth faster than
    # none, which takes 290 MB; a memory pattern for each shape of tile would take 90 MB more and save no time.
    options.enable_mem_pattern = False
    provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=[provider])
    except Exception as error:
        raise WeightsDamaged(f"{file.name} is no network that ONNX Runtime can open: {error}") from error
