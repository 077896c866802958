"""Checks plain values, as TOML and JSON have them, by the types that a class declares."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from jpegmend.errors import InvalidRecipe

_MOST = 5
"""Greatest number of wrong values that a message names: a table of quantisation has 64."""
_TYPES = {
    "tuple_type": "give a list",
    "list_type": "give a list",
    "dict_type": "give a table",
    "mapping_type": "give a table",
    "model_type": "give a table",
    "dataclass_type": "give a table",
}
"""Messages in the words of TOML, in place of pydantic's, by its types of errors."""


def build_from(kind: type[Any], given: Mapping[str, Any]) -> Any:
    """A ``kind``, a pydantic model or a dataclass, from plain values; lists stand for tuples.

    Raises :class:`~jpegmend.errors.InvalidRecipe`, which names every key that is wrong, what is allowed there and what
    was found.
    """
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        wrong = [": ".join(filter(None, (_dotted(each["loc"]), _said(each, kind)))) for each in error.errors()]
        raise InvalidRecipe("; ".join(wrong[:_MOST])) from error


def _dotted(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place))


def _said(error: Mapping[str, Any], kind: Any) -> str:
    """The message of one of pydantic's errors; for an unknown key it names those that there are."""
    if error["type"] == "missing":
        return "it is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{_TYPES.get(error['type'], error['msg'])}; found {reprlib.repr(error['input'])}"
    for name in [part for part in error["loc"][:-1] if isinstance(part, str)]:
        kind = kind.model_fields[name].annotation
        kind = next(iter(get_args(kind)), kind)
    known = kind.model_fields if issubclass(kind, BaseModel) else [field.name for field in fields(kind)]
    return f"no such key; there are: {', '.join(known)}"
