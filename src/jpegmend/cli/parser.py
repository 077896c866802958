"""The argument parser of every verb: argparse, with suggestions for mistyped options and values of options."""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
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
        words = self._without_dashes(words)
        self._refuse_unknown(words)
        known, unknown = self.parse_known_intermixed_args(self._without_stray_values(words))
        if unknown:
            raise InvalidOption(f"{self._unknown(unknown[0])}; `{self.prog} --help` lists the options")
        return known

    @staticmethod
    def _without_dashes(words: Sequence[str]) -> list[str]:
        """The words without ``--``: what follows are files, and one whose name begins with a dash gets ``./``."""
        if "--" not in words:
            return list(words)
        place = list(words).index("--")
        files = [f"./{word}" if word.startswith("-") and word != "-" else word for word in words[place + 1 :]]
        return [*words[:place], *files]

    def _refuse_unknown(self, words: Sequence[str]) -> None:
        """Before argparse, which complains of missing files first."""
        for word in words:
            name = word.split("=")[0] if word.startswith("--") else word[:2]
            # A word with a space is a file to argparse, and one with a digit a number.
            if re.fullmatch(r"-[^\d.]\S*", word) and name not in self._option_string_actions:
                raise InvalidOption(f"{self._unknown(word)}; `{self.prog} --help` lists the options")

    def _without_stray_values(self, words: Sequence[str]) -> list[str]:
        """The words with ``--strip FILE`` as ``--strip=CONST FILE``: only a choice is a value of such an option."""
        read, options = list(words), self._option_string_actions
        for place, (word, following) in enumerate(itertools.pairwise([*words, ""])):
            action = options.get(word)
            if action and action.nargs == "?" and action.choices and following not in action.choices:
                known = list(map(str, action.choices))
                near = suggest(following, known, 0.6)
                if following.isdigit() and all(map(str.isdigit, known)):
                    near = f"; choose from {', '.join(known)}"
                if near and not os.path.lexists(following):
                    raise InvalidOption(f"{word} {following}: no such choice and no such file{near}")
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
        file = f"; for the file of that name write ./{word}" if os.path.lexists(word) else ""
        return f"no option {name}{suggest(name, [*self._option_string_actions, '--version'])}{file}"


def suggest(word: str, known: Sequence[str] | dict[str, Any], least: float = 0.7) -> str:
    """``, did you mean X?`` where a known word is near, else nothing.

    >>> suggest("insepct", ["restore", "inspect"])
    ', did you mean inspect?'
    """
    near = difflib.get_close_matches(word, list(known), 1, least)
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
        # "not (... <= ...)" so that NaN is refused too; the greatest number below infinity stands for no limit.
        if value is None or not least <= value <= (sys.float_info.max if most is None else most):
            raise argparse.ArgumentTypeError(f"{text!r}; give {reach}")
        return value

    return read


def refuse_file(folder: Path) -> None:
    """Refuse a file as the folder of ``--out``."""
    if folder.is_file():
        raise InvalidOption(f"--out {folder} is a file; give a folder, which is made where there is none")
