"""The argument parser of every verb: argparse, with suggestions for mistyped options and values of options."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jpegmend.errors import InvalidOption

SEVERAL: dict[str, Any] = {"nargs": "+", "action": "extend"}
"""For ``add_argument``: an option that takes several values in a row, and may be given again."""


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that raises :class:`InvalidOption` instead of leaving the process.

    Options may stand between files, take several values in a row, and are never abbreviated.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **settings})

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words of a command line.

        Raises:
            InvalidOption: an unknown option (with the nearest known one), a missing or wrong value.
        """
        known, unknown = self.parse_known_intermixed_args(self._without_stray_values(words))
        if unknown:
            raise InvalidOption(f"{self._unknown(unknown[0])}; `{self.prog} --help` lists the options")
        return known

    def _without_stray_values(self, words: Sequence[str]) -> list[str]:
        """The words with ``--strip FILE`` as ``--strip=CONST FILE``: only a choice is a value of such an option."""
        read, options = list(words), self._option_string_actions
        for place, (word, following) in enumerate(itertools.pairwise([*words, ""])):
            action = options.get(word)
            if word == "--":
                break
            if action and action.nargs == "?" and action.choices and following not in action.choices:
                read[place] = f"{word}={action.const}"
        return read

    def error(self, message: str) -> NoReturn:
        """Raise argparse's error as :class:`InvalidOption`."""
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong:
            message += suggest(wrong[1], re.findall(r"[\w-]+", wrong[2]))
        raise InvalidOption(f"{message}; `{self.prog} --help` lists the options")

    @property
    def options(self) -> list[set[str]]:
        """The names of each option, in the order in which they were added."""
        return [set(action.option_strings) for action in self._actions if action.option_strings]

    @property
    def arguments(self) -> list[argparse.Action]:
        """Options and positional arguments, in the order in which they were added."""
        return list(self._actions)

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one argument too many"
        name = word.split("=")[0]
        return f"no option {name}{suggest(name, self._option_string_actions)}"


def suggest(word: str, known: Sequence[str] | dict[str, Any]) -> str:
    """``, did you mean X?`` where a known word is near, else nothing.

    >>> suggest("insepct", ["restore", "inspect"])
    ', did you mean inspect?'
    """
    near = difflib.get_close_matches(word, list(known), 1, 0.7)
    return f", did you mean {near[0]}?" if near else ""


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` to ``most``, for ``add_argument(type=...)``."""
    return _number(int, "a whole number", least, most)


def real(least: float, most: float | None = None) -> Callable[[str], float]:
    """A reader of numbers from ``least`` to ``most``, for ``add_argument(type=...)``."""
    return _number(float, "a number", least, most)


def _number(kind: Callable[[str], Any], name: str, least: float, most: float | None) -> Callable[[str], Any]:
    reach = f"{name} of at least {least}" if most is None else f"{name} from {least} to {most}"

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        # "not (... <= ...)" so that NaN is refused too.
        if value is None or not least <= value <= (float("inf") if most is None else most):
            raise argparse.ArgumentTypeError(f"{text!r}; give {reach}")
        return value

    return read
