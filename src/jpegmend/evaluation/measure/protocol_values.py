"""The values that the fields of a protocol may have, and the check of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, get_args

from jpegmend.errors import InvalidOption

if TYPE_CHECKING:
    from jpegmend.evaluation.measure.protocols import Protocol

Channel = Literal["studio-y", "full-y", "rgb"]
Sampling = Literal["gray", "4:2:0", "4:4:4", "as found"]
Rounding = Literal["8-bit"]
Ssim = Literal["matlab", "uniform-8", "uniform-7"]
PsnrB = Literal["true", "fbcnn", "fbcnn-sum"]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "channel": get_args(Channel),
    "sampling": get_args(Sampling),
    "rounding": get_args(Rounding),
    "ssim": get_args(Ssim),
    "psnr_b": get_args(PsnrB),
}
"""The fields that are one of a few words, with these."""

ENCODER = "Pillow"
AS_FOUND: Final = "as found"
"""Encoder and sampling of files that somebody else compressed."""


def check(protocol: Protocol) -> None:
    """Check every field that decides what is measured.

    Raises:
        InvalidOption: a value that is not measured as it says, or two that contradict each other.
    """
    for field, allowed in CHOICES.items():
        if (found := getattr(protocol, field)) not in allowed:
            _refuse(protocol, f"{field} {found!r}", f"give {' or '.join(map(repr, allowed))}")
    scale, shift = protocol.scale, protocol.shift
    if not (isinstance(scale, int | float) and 0 < scale < math.inf):
        _refuse(protocol, f"scale {scale!r}", "give a number above 0, 1 for pictures of their own size")
    if not (isinstance(shift, tuple) and len(shift) == 2 and all(type(side) is int and side >= 0 for side in shift)):
        _refuse(protocol, f"shift {shift!r}", "give two whole numbers of at least 0: rows and columns")
    if protocol.paired:
        _check_pairs(protocol)
    else:
        _check_compression(protocol)


def _check_pairs(protocol: Protocol) -> None:
    """The checks where the compressed files are given, which are measured as they are."""
    if protocol.encoder != AS_FOUND:
        _refuse(protocol, f"encoder {protocol.encoder!r} of files as found", f"give {AS_FOUND!r}")
    if protocol.qualities != ((),):
        found = f"qualities {protocol.qualities!r} of files as found"
        _refuse(protocol, found, "give ((),), they are compressed already")
    if protocol.scale != 1 or protocol.shift != (0, 0):
        _refuse(protocol, "scale or shift of files as found", "leave both out, they are measured as they are")


def _check_compression(protocol: Protocol) -> None:
    """The checks where the protocol compresses."""
    # ``stamped`` adds the version, and stored results have it.
    if protocol.encoder != ENCODER and not str(protocol.encoder).startswith(f"{ENCODER} "):
        _refuse(protocol, f"encoder {protocol.encoder!r}", f"give {ENCODER!r}: no other makes JPEGs here")
    if (protocol.channel == "rgb") == (protocol.sampling == "gray"):
        found = f"channel {protocol.channel!r} with sampling {protocol.sampling!r}"
        _refuse(protocol, found, "give 'rgb' with '4:2:0' or '4:4:4', 'studio-y' or 'full-y' with 'gray'")
    cases = protocol.qualities
    if not (isinstance(cases, tuple) and cases and all(_is_case(case) for case in cases)):
        allowed = "give tuples of whole numbers of 1 to 100: ((10,), (10, 30)) for quality 10, and for 10 and then 30"
        _refuse(protocol, f"qualities {cases!r}", allowed)


def _is_case(case: object) -> bool:
    return isinstance(case, tuple) and bool(case) and all(type(each) is int and 1 <= each <= 100 for each in case)


def _refuse(protocol: Protocol, found: str, allowed: str) -> None:
    raise InvalidOption(f"protocol {protocol.name}: {found}; {allowed}")
