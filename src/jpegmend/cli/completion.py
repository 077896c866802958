"""``jpegmend completion``: a script with which the shell completes verbs, options and files."""

from __future__ import annotations

import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

from jpegmend.cli import DONE, VERBS
from jpegmend.cli.parser import Parser

SHELLS = ("bash", "zsh", "tcsh")
_FILES = ("FILE", "PATH", "FOLDER", "RUN")
"""Names of arguments that are files."""


def add(parser: Parser) -> None:
    """The options of ``jpegmend completion``."""
    parser.add_argument("shell", choices=SHELLS, help='as in: eval "$(jpegmend completion bash)"')


def run(given: Namespace) -> int:
    """Print the completion script of a shell."""
    import shtab

    script = str(shtab.complete(whole_parser(shtab.FILE), given.shell))
    # The verb may be left out: where no verb fits, bash completes files.
    sys.stdout.write(script.replace("complete -o bashdefault", "complete -o bashdefault -o default") + "\n")
    return DONE


def whole_parser(files: object) -> Parser:
    """One parser of all verbs for shtab; arguments that are files are marked with ``files``."""
    parser = Parser(prog="jpegmend")
    parser.add_argument("--version", action="store_true", help="the version")
    verbs = parser.add_subparsers()
    for name, (module, sentence) in VERBS.items():
        verb = verbs.add_parser(name, help=sentence)
        import_module(module).add(verb)
        for action in verb.arguments:
            if action.type is Path or action.metavar in _FILES:
                vars(action)["complete"] = files  # shtab reads this attribute
    return parser
