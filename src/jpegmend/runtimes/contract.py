"""Interface of every runtime: its inputs (planes, tables, :class:`PictureFacts`) and its :class:`Answer`.

Shape letters: C planes, H height, W width, in pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegmend.errors import InvalidOption, JpegmendError, ModelError
from jpegmend.weights import Card

Floats = NDArray[np.float32]

_PLANES = {"y": (1, "one component"), "ycbcr": (3, "Y, Cb and Cr"), "rgb": (3, "R, G and B")}
"""Number and names of the planes of a network, by the ``planes`` of its card."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureFacts:
    """Facts of the whole picture, the same for each of its tiles. A new fact is a new field here."""

    sampling: tuple[int, int] = (0, 0)
    """Luma rows and columns for one chroma sample; (2, 2) is 4:2:0, (0, 0) is no chroma."""
    overview: Floats | None = None
    """[C, 112, 112], the whole picture downscaled; None unless the card's inputs name it."""
    quality: float | None = None
    """Input ``quality`` of the network, libjpeg's 1..100: the user's ``quality`` option, or the network's own estimate
    if its card has ``quality_from="middle"``. None is passed to the network as 0."""


class Answer(NamedTuple):
    """Output of a network for one tile."""

    planes: Floats
    """[C, H, W], restored, not clipped; [C, s H, s W] for a card of scale s."""
    quality: float | None = None
    """Estimate of the input's libjpeg quality, 1..100; None for networks without a quality output."""
    traces: Mapping[str, tuple[Floats, ...]] = MappingProxyType({})
    """Requested intermediate results (stages, sparse codes, masks) by name, without a batch axis."""


class Runtime(Protocol):
    """A loaded network."""

    name: str
    """Library and device, for reports: ``onnx cpu``, ``torch cuda``, ..."""

    def __call__(self, planes: Floats, tables: Floats, facts: PictureFacts, *, traces: Collection[str] = ()) -> Answer:
        """Restore planes that lie on one grid.

        Args:
            planes: [C, H, W], 0..1, H and W multiples of the card's ``multiple``.
            tables: [C, 8, 8], quantisation steps in the units of the file; ones where a plane has none.
            facts: facts of the whole picture.
            traces: names of intermediate results to return as well.

        Raises:
            InvalidOption: planes or tables of another shape, or a trace that this network does not have.
            ModelError: the network failed, returned another shape, or needs a fact that is None.
        """
        ...


def check_shapes(planes: Floats, tables: Floats, card: Card) -> None:
    """Check that planes and tables are as many as a network takes; raises ``InvalidOption``."""
    count, names = _PLANES[card.planes]
    shape = getattr(planes, "shape", None)
    if shape is None or len(shape) != 3 or shape[0] != count or 0 in shape:
        raise InvalidOption(f"planes {_shown(planes)}; {card.name!r} takes an array [{count}, H, W]: {names}")
    if "tables" in card.inputs and getattr(tables, "shape", None) != (count, 8, 8):
        raise InvalidOption(f"tables {_shown(tables)}; {card.name!r} takes an array [{count}, 8, 8], one a plane")


def _shown(value: object) -> str:
    shape = getattr(value, "shape", None)
    return f"are a {type(value).__name__}" if shape is None else f"of shape {list(shape)}"


def failure(planes: Floats, card: Card, error: Exception) -> JpegmendError:
    """The error to raise where a network failed on planes.

    Their sides are not checked before: many networks run on other sides than multiples of ``multiple`` too.
    """
    height, width = planes.shape[1:]
    if height % card.multiple or width % card.multiple:
        side = f"the height and the width must be multiples of {card.multiple}"
        return InvalidOption(f"{card.name!r} cannot take planes of {height} x {width}: {side}; pad them")
    return ModelError(f"{card.name!r} failed on planes of shape {planes.shape}: {error}")


def batch_inputs(planes: Floats, tables: Floats, facts: PictureFacts) -> dict[str, Floats]:
    """The inputs of a network by name, each with a batch axis in front, contiguous float32."""
    named = {
        "planes": planes,
        "tables": tables,
        "sampling": np.array(facts.sampling, np.float32),
        "quality": np.array(facts.quality or 0.0, np.float32),
    }
    if facts.overview is not None:
        named["overview"] = facts.overview
    return {name: np.ascontiguousarray(value[None], np.float32) for name, value in named.items()}


def check_answer(answer: Answer, planes: Floats, name: str, scale: int = 1) -> Answer:
    """Check an answer and return it: shape of its planes (``scale`` times the input's sides), no NaN, no infinity.

    Raises:
        ModelError: the check fails.
    """
    restored = answer.planes
    if restored.shape != (planes.shape[0], planes.shape[1] * scale, planes.shape[2] * scale):
        raise ModelError(f"{name!r} answered {restored.shape} for planes {planes.shape}; its weights are wrong")
    # A single NaN or infinity makes the sum one too, and a sum needs one pass and no temporary array.
    total = restored.sum(dtype=np.float32) + (answer.quality or 0.0)
    if not np.isfinite(total):
        raise ModelError(f"{name!r} answered with NaN or infinity; its weights are wrong, or the input is far off")
    return answer
