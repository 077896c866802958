"""The interface of an ONNX graph of others: names, channels, precision and size as it states them, the rest by trial.

Shape letters: C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jpegmend.adoption.receptive_field import as_planes, compress, decode, draw_discs
from jpegmend.errors import ModelRefused
from jpegmend.metrics import psnr
from jpegmend.runtimes import Floats, PictureFacts
from jpegmend.runtimes.foreign import graph_call, run_planes, to_network
from jpegmend.weights import Foreign

TYPES = {"tensor(float)": False, "tensor(float16)": True}
"""Types of input and output, and whether they are float16."""
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
"""Values of black and white that are tried."""
MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 7, 14, 28, 56, 3, 6, 12, 24, 48, 5, 10, 20, 40, 128)
"""Multiples of height and width that are tried, in this order."""
_SIDE, _DRAWN = 128, 384
_QUALITY = 10
_LEAST_DB = 15.0
"""PSNR of the answer for a JPEG of quality 10 against that JPEG, in dB, below which the network does not restore."""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a graph takes and gives."""

    foreign: Foreign
    channels: int
    multiple: int


def find_interface(
    session: Any, name: str, *, values: tuple[float, float] | None = None, multiple: int | None = None
) -> Interface:
    """The interface of an ONNX Runtime session; values of black and white and the multiple are found unless given.

    Raises:
        ModelRefused: not one picture in and one of the same size out, or nothing that was tried works.
        ModelError: it fails in one of the ranges that are tried.
    """
    stated, channels = _stated(session, name)
    if values is not None:
        stated = replace(stated, black=values[0], white=values[1])
    multiples = (1,) if stated.size else (multiple,) if multiple else MULTIPLES
    failure = "nothing"
    for C in channels:
        for each in multiples:
            try:
                output = _fitting_output(session, stated, _picture(C, stated, each)[0], name)
            except ModelRefused:
                raise
            # ONNX Runtime's exceptions share no base class of their own.
            except Exception as error:
                failure = str(error)
                continue
            if output:
                found = Interface(foreign=replace(stated, output=output), channels=C, multiple=each)
                return found if values is not None else _with_range(session, found, name)
            failure = "no output has the size of its input"
    tried = ", ".join(map(str, multiples))
    raise ModelRefused(
        f"{name} fails on pictures whose height and width are multiples of {tried}: {failure}; give the multiple that "
        "it needs, by jpegmend adopt --multiple N"
    )


def _stated(session: Any, name: str) -> tuple[Foreign, tuple[int, ...]]:
    """The interface as the graph states it, without an output, and the channels to try."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        named = ", ".join(entry.name for entry in inputs) or "nothing"
        raise ModelRefused(f"{name} takes {named}; a network that takes one picture and nothing else is needed")
    (entry,) = inputs
    if entry.type not in TYPES:
        raise ModelRefused(f"{name} takes {entry.type}; float and float16 are supported")
    shape = [side if isinstance(side, int) and side > 0 else None for side in entry.shape or ()]
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] not in (1, 3, None):
        raise ModelRefused(f"{name} takes {entry.shape}; [1, 1 or 3, height, width] is supported")
    channels = (shape[1],) if shape[1] else (3, 1)
    size = None
    if shape[2] or shape[3]:
        size = (shape[2] or shape[3] or 0, shape[3] or shape[2] or 0)
        if min(size) < 16:
            raise ModelRefused(f"{name} takes pictures of {size[1]}x{size[0]} pixels; at least 16x16 is needed")
    return Foreign(input=entry.name, output="-", half=TYPES[entry.type], size=size), channels


def _picture(channels: int, foreign: Foreign, multiple: int) -> tuple[Floats, Floats]:
    """A compressed drawing [C, H, W] and the drawing itself; sides that no larger multiple divides."""
    odd = (_SIDE // multiple) | 1
    height, width = foreign.size or (odd * multiple, (odd + 2) * multiple)
    drawing = draw_discs(max(_DRAWN, height, width))
    clean = drawing[:height, :width]
    seen = decode(compress(clean, _QUALITY))
    return as_planes(seen, channels), as_planes(clean, channels)


def _fitting_output(session: Any, foreign: Foreign, seen: Floats, name: str) -> str | None:
    """The name of the first output of the input's shape; None without one."""
    given = to_network(seen, foreign)
    entries = session.get_outputs()
    answers = session.run(None, {foreign.input: given})
    for entry, answer in zip(entries, answers, strict=True):
        if np.shape(answer) == given.shape and entry.type in TYPES:
            return str(entry.name)
    scales = [np.shape(answer)[-1] / given.shape[-1] for answer in answers if np.ndim(answer) == 4]
    if scales and scales[0] in (2, 3, 4, 8):
        raise ModelRefused(f"{name} enlarges by {scales[0]:.0f}; only networks that keep the size are taken")
    return None


def _with_range(session: Any, found: Interface, name: str) -> Interface:
    """The interface with the range of values at which a compressed picture comes out best."""
    seen, clean = _picture(found.channels, found.foreign, found.multiple)
    tried = []
    for black, white in RANGES:
        foreign = replace(found.foreign, black=black, white=white)
        answer = graph_run(session, foreign, name)(seen)
        if np.isfinite(answer).all():
            shown = np.clip(answer, 0, 1)
            tried.append((psnr(shown, clean, peak=1), psnr(shown, seen, peak=1), foreign))
    near = [entry for entry in tried if entry[1] >= _LEAST_DB]
    if not near:
        best = f"at best {max(kept for _, kept, _ in tried):.0f} dB from its input" if tried else "NaN"
        raise ModelRefused(
            f"{name} does not give the picture back, {best} where a network that restores keeps above {_LEAST_DB:.0f}; "
            "values were 0..1, 0..255 and -1..1. If it takes one of these and is meant so, say which: "
            "jpegmend adopt --range 1, 255 or signed"
        )
    # A network without biases gives the same result in every range: the first within a hundredth of a dB is taken.
    most = max(score for score, _, _ in near)
    return replace(found, foreign=next(foreign for score, _, foreign in near if score >= most - 0.01))


def graph_run(session: Any, foreign: Foreign, name: str) -> Callable[[Floats], Floats]:
    """The graph on planes [C, H, W] in 0..1; raises ``ModelError`` where it fails, with its ``name``."""

    def run(planes: Floats) -> Floats:
        return run_planes(graph_call(session, foreign), foreign, planes, PictureFacts(), name)[0]

    return run
