"""Recipe files as plain values: TOML, ``extends``, and changes by dotted keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jpegmend.errors import InvalidRecipe


def load(path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a recipe: the recipe it extends, its own keys over it, then ``overrides`` by dotted keys."""
    content = _read(path)
    for dotted, value in overrides.items():
        for place, key in _places(content, dotted):
            place[key] = value
    _keep_one_budget(content, overrides)
    return content


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The content of a file, merged over that of the recipe it extends."""
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))  # editors of Windows begin a text with a mark
    except FileNotFoundError as error:
        there = "recipes lie in the folder recipes of jpegmend's repository, not in the installed package"
        raise InvalidRecipe(f"{path}: no such file; {there}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRecipe(f"{path}: {getattr(error, 'strerror', None) or error}; a recipe is a TOML file") from error
    if "extends" not in content:
        return content
    extended = content.pop("extends")
    if not isinstance(extended, str):
        raise InvalidRecipe(
            f"{path}: extends: {extended!r}; give the path of a recipe as text, from this file's folder"
        )
    below = (path.parent / extended).resolve()
    if below in seen:
        raise InvalidRecipe(f"{path}: extends {below.name}, which extends it")
    base = _read(below, (*seen, path.resolve()))
    _keep_one_budget(base, content)
    return _merged(base, content)


def _keep_one_budget(content: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Drop the minutes of ``content`` where ``above`` gives steps, and the other way round."""
    for given, other in (("minutes", "steps"), ("steps", "minutes")):
        if given in above and other not in above:
            content.pop(other, None)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict) and key not in _WHOLE
        out[key] = _merged(out[key], value) if both else value
    return out


_WHOLE = ("losses", "sampling", "data")
"""Tables that are replaced as a whole: their keys are choices, not settings."""


def _places(content: Any, dotted: str) -> list[tuple[Any, Any]]:
    """Every container and key to which a dotted name refers; ``*`` is every element of a list."""
    *parents, last = dotted.split(".")
    places = [content]
    for parent in parents:
        places = [inner for place in places for inner in _inside(place, parent, dotted)]
    return [(place, key) for place in places for key in _keys(place, last, dotted)]


def _inside(place: Any, name: str, dotted: str) -> list[Any]:
    """What lies in a table or list under a name; a table that is missing is made."""
    keys = _keys(place, name, dotted)
    if isinstance(place, list):
        return [place[key] for key in keys]
    return [place.setdefault(key, [] if key == "stages" else {}) for key in keys]


def _keys(place: Any, name: str, dotted: str) -> list[Any]:
    """The keys of a table, or the places in a list, that a part of a dotted name stands for."""
    if isinstance(place, list):
        if name == "*":
            return list(range(len(place)))
        if name.isdecimal() and int(name) < len(place):
            return [int(name)]
        raise InvalidRecipe(f"{dotted}: {name!r} is no element of a list of {len(place)}; give a number or *")
    if not isinstance(place, dict):
        raise InvalidRecipe(f"{dotted}: nothing lies below {place!r}")
    return [name]
