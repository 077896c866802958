"""Options that take several values: ``--model a b c`` means ``--model a --model b --model c``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def spread(words: Sequence[str], options: Iterable[str]) -> list[str]:
    """The words with the option's name before each of its values; what follows ``--`` is left alone.

    >>> spread(["--model", "a", "b", "--out", "x"], ["--model"])
    ['--model', 'a', '--model', 'b', '--out', 'x']
    """
    found: list[str] = []
    names, current = set(options), ""
    for number, word in enumerate(words):
        if word == "--":
            return found + list(words[number:])
        if word.startswith("-") and not _is_number(word):
            current = word if word in names else ""
            if not current:
                found.append(word)
        elif current:
            found += [current, word]
        else:
            found.append(word)
    return found


def _is_number(word: str) -> bool:
    return word.lstrip("-").replace(".", "", 1).isdigit()
