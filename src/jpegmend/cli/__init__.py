"""The command ``jpegmend``: parses arguments, calls the API, prints the results.

Each verb is one module with two functions: ``add`` adds its options to a parser, ``run`` does the work and returns
the exit code. The module is loaded when the verb is used, so that ``jpegmend --help`` loads neither a runtime nor
a framework.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path

VERBS: Mapping[str, tuple[str, str]] = {
    "restore": ("jpegmend.cli.restore", "remove compression artifacts (the verb may be left out)"),
    "upscale": ("jpegmend.cli.upscale", "enlarge pictures to three times their size by a super-resolution network"),
    "cluster": ("jpegmend.cli.cluster", "millions of pictures by many processes or machines: plan, run, status, retry"),
    "inspect": ("jpegmend.cli.inspect", "say what a file is: coding, sampling, tables, quality, metadata"),
    "explain": (
        "jpegmend.cli.explain",
        "a report of figures: what was changed in a picture, and how the network works",
    ),
    "models": ("jpegmend.cli.models", "list the networks, with weights or without, and those you adopted"),
    "adopt": ("jpegmend.cli.adopt", "keep a network of others under a name of yours: an ONNX or safetensors file"),
    "serve": ("jpegmend.cli.serve", "a local web page and an HTTP service (needs jpegmend[web])"),
    "evaluate": (
        "jpegmend.cli.evaluate",
        "measure networks on clear pictures, or show a paper's table beside our scores",
    ),
    "benchmark": ("jpegmend.cli.benchmark", "speed and memory on this machine, beside a fixed reference network"),
    "train": ("jpegmend.cli.train", "train a network by a recipe (a TOML file), or resume a training"),
    "release": (
        "jpegmend.cli.release",
        "write the files of a trained network: weights, their description, learning curve",
    ),
    "data": ("jpegmend.cli.data", "the known sets of pictures: where to get them; download, check, pack"),
    "doctor": ("jpegmend.cli.doctor", "check the installation: versions, weights, a self-test"),
    "completion": ("jpegmend.cli.completion", "a script for bash, zsh or tcsh that completes verbs, options, files"),
}
"""Name, module and help line of every verb."""

DONE, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""
_HELP = ("--help", "-h")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process: 0 all done, 1 some files failed, 2 wrong usage."""
    from jpegmend.cli import streams

    streams.prepare()
    # Before numpy is loaded; see jpegmend.decoding.process.ONE_THREAD.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = streams.BROKEN_PIPE
    except OSError as error:
        full = error.errno in streams.FULL
        if not full and error.filename is None:
            raise
        what = f"{error.filename or 'standard output'}{' cannot be written' if full else ''}: {error.strerror}"
        sys.stderr.write(f"jpegmend: {streams.printable(what)}\n")
        code = SOME_FAILED
    streams.silence()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    from jpegmend.cli import streams
    from jpegmend.cli.options import translate
    from jpegmend.errors import InvalidOption, JpegmendError, MissingExtra, UnknownModel

    given = list(arguments)
    if not given or given[0] in _HELP or (given[0] == "help" and (len(given) == 1 or given[1] in _HELP)):
        sys.stdout.write(_overview())
        return DONE if given else WRONG_USAGE
    if "--version" in takewhile(lambda word: word != "--", given):
        from jpegmend import __version__

        sys.stdout.write(f"jpegmend {__version__}\n")
        return DONE
    try:
        return _call(given)
    except (InvalidOption, MissingExtra, UnknownModel) as error:
        sys.stderr.write(f"jpegmend: {streams.printable(translate(str(error), *given))}\n")
        return WRONG_USAGE
    except JpegmendError as error:
        sys.stderr.write(f"jpegmend: {streams.printable(translate(str(error), *given))}\n")
        return SOME_FAILED
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "jpegmend":
            raise
        what = f"a package that it needs cannot be loaded: {error}; `jpegmend doctor` checks the installation"
        sys.stderr.write(f"jpegmend: {streams.printable(what)}\n")
        return WRONG_USAGE
    except KeyboardInterrupt:
        sys.stderr.write("jpegmend: interrupted; finished files are whole, no other was written\n")
        return INTERRUPTED


def _call(words: list[str]) -> int:
    """Parse the arguments of one verb and run it."""
    from jpegmend.cli.parser import Parser

    verb, words = _find_verb(words)
    module = import_module(VERBS[verb][0])
    # Without docstrings (PYTHONOPTIMIZE=2) by the line of the list of verbs.
    description = (module.run.__doc__ or VERBS[verb][1]).splitlines()[0]
    parser = Parser(prog=f"jpegmend {verb}", description=description)
    module.add(parser)
    try:
        given = parser.read(words)
    except SystemExit:  # --help
        return DONE
    return int(module.run(given))


def _find_verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb and its arguments; without a verb it is ``restore``, for a path, a pattern or an option.

    Raises:
        InvalidOption: the first word is none of these, and looks like a mistyped verb.
    """
    from jpegmend.cli.parser import suggest
    from jpegmend.errors import InvalidOption

    first = words[0]
    if first == "help" and not Path(first).exists():
        if words[1] not in VERBS:
            raise InvalidOption(f"no verb {words[1]!r}{suggest(words[1], list(VERBS))}; `jpegmend help` lists them")
        return words[1], ["--help"]
    if first in VERBS:
        return first, words[1:]
    near = suggest(first, [*VERBS, "help"])
    if near and not Path(first).exists() and not glob.has_magic(first):
        raise InvalidOption(f"no verb and no file {first!r}{near}")
    return "restore", words


def _overview() -> str:
    lines = "\n".join(f"  {name:<10} {text}" for name, (_, text) in VERBS.items())
    return f"""Usage: jpegmend FILE... [OPTIONS]        restore pictures that were compressed too hard
       jpegmend VERB [OPTIONS]

  jpegmend photo.jpg                 writes photo.restored.png
  jpegmend scans/ -r -o better/      a folder and all below it
  jpegmend - -o - < a.jpg > b.png    standard input and output

Verbs; each has its own --help:
{lines}

Exit codes: 0 all done; 1 files failed (they are listed, the rest are done); 2 wrong usage, or a package that is
needed is not installed: nothing was done.
"""
