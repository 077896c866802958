"""Options of the command that correspond to the arguments of ``jpegmend.restore``."""

from __future__ import annotations

import re
from typing import Any

from jpegmend.cli.parser import real, whole
from jpegmend.errors import InvalidOption
from jpegmend.option_texts import option_texts

OPTIONS = {
    "model": "--model",
    "strength": "--strength",
    "consistent": "--consistent",
    "bits": "--bits",
    "orientation": "--keep-orientation",
    "quality": "--assume-quality",
    "earlier": "--earlier",
    "thorough": "--thorough",
    "runtime": "--runtime",
    "provider": "--provider",
    "threads": "--threads",
    "memory": "--memory",
    "page": "--pages",
    "strict": "--strict",
    "max_pixels": "--max-pixels",
    "max_bytes": "--max-bytes",
    "timeout": "--timeout",
    "jobs": "--jobs",
    "overwrite": "--overwrite",
}
"""The option for each argument: ``quality`` of the API is ``--assume-quality``, ``--quality`` is the result's."""

RUNTIMES = ("auto", "onnx", "torch")
PROVIDERS = ("auto", "cpu", "cuda", "directml", "coreml", "openvino", "mps")
MAX_PIXELS = 500_000_000
MOST_PARALLEL = 1024
"""Those of ``runtimes`` and ``decoding``, stated again because importing them would load numpy for ``--help``."""

BITS: dict[str, Any] = {
    "type": int,
    "choices": (8, 16),
    "help": "bits a sample of a png or tiff; 16 keeps the precision of the network; without it those of the input",
}
"""For ``add_argument``: an option of several verbs."""

PARALLEL: dict[str, Any] = {"type": whole(1, MOST_PARALLEL), "metavar": "N"}
"""Likewise, of numbers of threads and processes; the help of each verb is its own."""

_GIVEN = re.compile(rf"\b({'|'.join(OPTIONS)})=('[^']*'|[\w.]*)")
_WORDS = (
    (re.compile(r"\braise max_(pixels|bytes)\b"), r"raise --max-\1"),
    (re.compile(r"\bmax_(pixels|bytes)\b"), r"--max-\1"),
    (re.compile(r"\b(?:give|allow) a longer timeout\b"), "give a longer --timeout"),
    (re.compile(r"give another name, or --overwrite"), "give another -o, or --overwrite"),
    (re.compile(r"give another path$"), "give another -o"),
    (re.compile(r"give it as the reference"), "give it by --reference"),
    (re.compile(r"give a token of at least"), "give --token or $JPEGMEND_TOKEN a secret of at least"),
    (re.compile(r"^(page \d+: )?the memory allowed is"), r"\1--memory is"),
    (re.compile(r"^(timeout|memory|provider) (?=[\d'])"), r"--\1 "),
    (
        re.compile(r"is (restored|enlarged); --pages selects another"),
        r"is \1; --pages N selects another, --pages all takes all",
    ),
    (re.compile(r"\bor name a format\b"), "or give --format"),
)


def add_limits(group: Any, *, pixels: str = "") -> None:
    """The options ``--max-pixels``, ``--max-bytes`` and ``--timeout``; ``pixels`` adds to the help of the first."""
    said = documented()
    help = f"{said['max_pixels']}{pixels} (500 million)"
    group.add_argument("--max-pixels", type=whole(1), default=MAX_PIXELS, metavar="N", help=help)
    group.add_argument(
        "--max-bytes", default="4G", metavar="SIZE", help="refuse files, and standard input, that hold more (4G)"
    )
    group.add_argument("--timeout", type=real(0), metavar="S", help=said["timeout"])


def documented() -> dict[str, str]:
    """What each option of ``jpegmend.restore`` does, for the command's help; percent signs are escaped for argparse."""
    return {name: _as_help(text) for name, text in option_texts().items()}


def _as_help(text: str) -> str:
    text = text.replace("jpegmend.MODELS", "`jpegmend models`").replace("%", "%%").rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def translate(message: str, *paths: object) -> str:
    """A message of the package in the words of the command; ``paths`` in it, which may look like options, stay.

    >>> translate("give quality= to restore it"), translate("use runtime='torch'")
    ('give --assume-quality to restore it', 'use --runtime torch')
    >>> translate("quality=80.png exists already", "quality=80.png")
    'quality=80.png exists already'
    """
    kept = sorted({text for text in map(str, paths) if text and _in_words(text) != text}, key=len, reverse=True)
    for number, text in enumerate(kept):
        message = message.replace(text, f"\0{number}\0")
    message = _in_words(message)
    for number, text in enumerate(kept):
        message = message.replace(f"\0{number}\0", text)
    return message


def _in_words(message: str) -> str:
    message = _GIVEN.sub(_option, message)
    for words, said in _WORDS:
        message = words.sub(said, message)
    return message


def parse_size(option: str, text: str) -> int:
    """The number of bytes that an option states, such as ``2G``.

    Raises:
        InvalidOption: no size; the message names the option.
    """
    from jpegmend.restoration.byte_sizes import parse_bytes

    try:
        return parse_bytes(text)
    except InvalidOption as error:
        raise InvalidOption(str(error).replace("memory", option, 1)) from error


def _option(given: re.Match[str]) -> str:
    name, value = OPTIONS[given[1]], given[2].strip("'")
    if value == "True" or not value:
        return name
    return name.replace("--", "--no-", 1) if value == "False" else f"{name} {value}"
