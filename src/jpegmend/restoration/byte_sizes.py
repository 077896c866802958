"""Parsing of memory sizes such as ``2G``."""

from __future__ import annotations

import re

from jpegmend.errors import InvalidOption

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_bytes(text: str) -> int:
    """``2G``, ``800M``, ``1.5 GB`` (thousands), ``3GiB`` (1024s) or plain bytes, as a number of bytes.

    Raises:
        InvalidOption: anything else.

    >>> parse_bytes("1.5G"), parse_bytes("1 KiB")
    (1500000000, 1024)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if match is None or (match[3] and not match[2]):
        raise InvalidOption(f"memory {text!r}; write a size such as 800M, 2G or 2GiB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2]])
