"""What each option of ``jpegmend.restore`` does, in words for the command's help and the service's description.

>>> option_texts()["threads"]
'CPU threads of the network; without it all this process may use.'
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from pathlib import Path


@functools.cache
def docstrings(file: str = "options.py") -> dict[str, str]:
    """The docstring of each field of the dataclasses in a file of ``restoration``, ``Options`` by default, on one line.

    Read from the source: importing it would load numpy, and ``--help`` would take half a second.
    """
    source = Path(__file__).parent / "restoration" / file
    classes = (node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.ClassDef))
    return {
        field.target.id: " ".join(text.value.value.split())
        for options in classes
        for field, text in itertools.pairwise(options.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def option_texts() -> dict[str, str]:
    """The same without markup and without ``None``, which only Python has: an option is left out instead."""
    return {name: _without_none(text.replace("``", "")) for name, text in docstrings().items()}


def _without_none(text: str) -> str:
    text = re.sub(r"(^|\. )None( for)?(:?) ", r"\1Without it\3 ", text)
    return re.sub(r"\bNone( for)?(:?) ", r"without it\2 ", text)
