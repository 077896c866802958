"""Networks of others as runtimes: their range, precision and fixed size, around an ONNX graph or a spandrel network."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption, ModelError
from jpegmend.runtimes.contract import Answer, Floats, PictureFacts, check_answer, check_shapes, failure
from jpegmend.weights import Card, Foreign

Call = Callable[[NDArray[Any], PictureFacts], tuple[NDArray[Any], float | None]]
"""A network: an array [1, C, H, W] in its own range and precision, and the facts of the picture, to such an array and
its estimate of the quality, 1..100 or None."""


class ForeignRuntime:
    """A network of others as a :class:`~jpegmend.runtimes.contract.Runtime`; it has no traces and reads no tables."""

    def __init__(self, card: Card, name: str, call: Call) -> None:
        assert card.foreign is not None
        self._card = card
        self._foreign = card.foreign
        self._call = call
        self.name = name

    def __repr__(self) -> str:
        return f"<{self._card.name} by {self.name}>"

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes [C, H, W]; see :class:`~jpegmend.runtimes.contract.Runtime`."""
        if traces:
            raise InvalidOption(f"{self._card.name!r} is a network of others, without traces; leave traces out")
        check_shapes(planes, tables, self._card)
        rows, columns = self._foreign.size or planes.shape[1:]
        if planes.shape[1] > rows or planes.shape[2] > columns:
            raise InvalidOption(
                f"planes of shape {list(planes.shape)}; {self._card.name!r} takes at most {rows} x {columns}"
            )
        try:
            restored, quality = run_planes(self._call, self._foreign, planes, facts, repr(self._card.name))
        except ModelError as error:
            if isinstance(wrong := failure(planes, self._card, error), InvalidOption):
                raise wrong from error
            raise
        return check_answer(Answer(restored, quality), planes, self._card.name)


def run_planes(
    call: Call, foreign: Foreign, planes: Floats, facts: PictureFacts, name: str
) -> tuple[Floats, float | None]:
    """The answer of a network of others to planes [C, H, W] in 0..1, in the same form, and its estimate of the quality.

    Raises:
        ModelError: it fails on them, or changes their size; ``name`` is the network's, for the message.
    """
    given = to_network(planes, foreign)
    try:
        answer, quality = call(given, facts)
    # Neither ONNX Runtime's exceptions nor those of others' PyTorch code share a base class.
    except Exception as error:
        raise ModelError(f"{name} failed on planes of shape {planes.shape}: {error}") from error
    if answer.shape != given.shape:
        raise ModelError(f"{name} answered {answer.shape} for {given.shape}; it changes the size")
    return from_network(answer, foreign)[:, : planes.shape[1], : planes.shape[2]], quality


def to_network(planes: Floats, foreign: Foreign) -> NDArray[Any]:
    """Planes [C, H, W] in 0..1 as [1, C, H, W] in the network's range and precision, padded to its fixed size."""
    values = planes * np.float32(foreign.white - foreign.black) + np.float32(foreign.black)
    if foreign.size is not None:
        rows, columns = (side - length for side, length in zip(foreign.size, planes.shape[1:], strict=True))
        values = np.pad(values, ((0, 0), (0, rows), (0, columns)), mode="edge")
    return np.ascontiguousarray(values[None], np.float16 if foreign.half else np.float32)


def from_network(answer: NDArray[Any], foreign: Foreign) -> Floats:
    """The inverse of :func:`to_network`, with the padding still there."""
    values = np.asarray(answer[0], np.float32)
    return (values - np.float32(foreign.black)) * np.float32(1 / (foreign.white - foreign.black))


def graph_call(session: Any, foreign: Foreign) -> Call:
    """The call of an ONNX graph."""

    def call(values: NDArray[Any], facts: PictureFacts) -> tuple[NDArray[Any], float | None]:
        return session.run([foreign.output], {foreign.input: values})[0], None

    return call
