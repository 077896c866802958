"""Sizes as people write them."""

from __future__ import annotations

import re

from jpegmend.errors import InvalidOption

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_bytes(text: str) -> int:
    """``2G``, ``800M``, ``1.5 GB`` or plain bytes, as a number of bytes (thousands, not 1024).

    Raises :class:`~jpegmend.errors.InvalidOption` for anything else.

    >>> parse_bytes("1.5G")
    1500000000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if match is None:
        raise InvalidOption(f"memory {text!r}; write a size such as 800M or 2G")
    return int(float(match[1]) * _UNITS[match[2]])
