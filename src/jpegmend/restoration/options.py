"""Options of a restoration: their definition, documentation and checks."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from jpegmend.decoding import MAX_PIXELS
from jpegmend.errors import InvalidOption
from jpegmend.restoration.byte_sizes import parse_bytes
from jpegmend.runtimes import FLIPS, NAMES, RUNTIMES
from jpegmend.runtimes.processor import thread_count
from jpegmend.weights import DEFAULT, Card

Progress = Callable[[int, int], None]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


_LONGEST = 1e6
"""Greatest ``timeout`` in seconds, eleven days; the system's clocks do not take every number."""


def _is_whole(value: object) -> bool:
    # True would be 1: the weakest ``thorough``, or the quality 1.
    return value is None or (isinstance(value, Integral) and not isinstance(value, bool))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _is_switch(value: object) -> bool:
    return value in (True, False)


_KINDS: Mapping[str, tuple[Callable[[object], bool], str, Callable[[Any], object]]] = {
    **dict.fromkeys(("bits", "threads", "page", "quality", "thorough"), (_is_whole, "give a whole number", int)),
    "max_pixels": (_is_number, "give a number", int),
    "memory": (lambda value: value is None or isinstance(value, str) or _is_number(value), "give a number", int),
    "strength": (_is_number, "give a number", float),
    "timeout": (lambda value: value is None or _is_number(value), "give a number", float),
    **dict.fromkeys(("strict", "earlier", "keep_planes"), (_is_switch, "allowed: True, False", bool)),
    "consistent": (lambda value: value is None or _is_switch(value), "allowed: True, False, None", bool),
}
"""For each option whether a value is of its kind, what is wanted, and the type of Python that the value is kept in:
numbers of NumPy are taken too, but cannot be written as JSON."""

Check = tuple[bool, str]
"""Whether an option is in its range, and the error message if it is not."""


@dataclass(frozen=True, kw_only=True)
class SharedOptions:
    """Options that ``restore`` and ``upscale`` have in common.

    Raises:
        InvalidOption: a value is outside its range.
    """

    model: str | Path | Card = DEFAULT
    """The network: a name of ``jpegmend.MODELS``, or the path of a network's card (``.json``) or of a network of others
    (``.onnx``, ``.safetensors``)."""
    bits: int | None = 16
    """8 or 16: bits a sample of the result; None: those of the input, 16 for floats. 16 keeps what the network computed
    between two levels of 8 bits."""
    orientation: str = "apply"
    """``apply``: the EXIF orientation is applied to the pixels and its tag set to 1; ``keep``: both stay."""
    runtime: str = "auto"
    """``onnx`` (ONNX Runtime), ``torch`` (PyTorch), or ``auto``: ONNX Runtime where the network has such a file."""
    provider: str = "auto"
    """``cpu``, ``cuda``, ``directml``, ``coreml`` or ``openvino`` of ONNX Runtime, ``cpu``, ``cuda`` or ``mps`` of
    PyTorch, where installed; ``auto``: the CPU, unless another is measured to be faster on the first tile."""
    threads: int | None = None
    """CPU threads of the network; None for all this process may use."""
    memory: int | str | None = None
    """Bytes the process should stay under, all in all, or a text such as ``2G`` or ``800MiB``; None: tiles of 640 MB,
    of less on small machines. It decides the size of tiles. Large pictures need more for themselves; a limit that
    cannot be met is an error."""
    page: int | None = None
    """The picture of a file with several (TIFF, GIF), from 1; None for the first, with a note of those left out."""
    strict: bool = False
    """Whether a damaged file is an error; else what can be decoded of it is restored."""
    max_pixels: int = MAX_PIXELS
    """Pixels a picture may have; larger ones are refused by their header."""
    timeout: float | None = None
    """Seconds after which decoding of a file is stopped; None: a limit that grows with the size of the picture."""
    progress: Progress | None = None
    """Called with the number of tiles done and the number of all tiles, before the first tile and after each."""

    @property
    def memory_bytes(self) -> int | None:
        """``memory`` as a number."""
        return parse_bytes(self.memory) if isinstance(self.memory, str) else self.memory

    def __post_init__(self) -> None:
        for name, (fits, wanted, kind) in _KINDS.items():
            if not hasattr(self, name):
                continue
            if not fits(value := getattr(self, name)):
                raise InvalidOption(f"{name} {value!r}; {wanted}")
            if value is not None and not isinstance(value, str):
                object.__setattr__(self, name, kind(value))
        thread_count(self.threads)
        for holds, message in self._checks():
            if not holds:
                raise InvalidOption(message)

    def _checks(self) -> tuple[Check, ...]:
        return (
            (self.bits in (None, 8, 16), f"{self.bits} bits; allowed: 8, 16"),
            (self.orientation in ("apply", "keep"), f"orientation {self.orientation!r}; allowed: apply, keep"),
            (
                self.provider in ("auto", *NAMES),
                f"provider {self.provider!r}; allowed: auto, {', '.join(NAMES)}",
            ),
            (self.runtime in RUNTIMES, f"runtime {self.runtime!r}; allowed: {', '.join(RUNTIMES)}"),
            (self.memory_bytes is None or self.memory_bytes > 0, f"memory {self.memory}; give bytes above 0"),
            (self.page is None or self.page >= 1, f"page {self.page}; pages count from 1"),
            (self.max_pixels >= 1, f"max_pixels {self.max_pixels}; it must be at least 1"),
            (
                self.timeout is None or 0 < self.timeout <= _LONGEST,
                f"timeout {self.timeout}; give seconds above 0, at most {_LONGEST:,.0f}",
            ),
            (
                self.progress is None or callable(self.progress),
                f"progress {self.progress!r}; give a function of two numbers",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Options(SharedOptions):
    """Options of ``restore``.

    Raises:
        InvalidOption: a value is outside its range.
    """

    strength: float = 1.0
    """0..1: 0 gives the decoded picture, 1 the network's answer, values between a blend of both."""
    consistent: bool | None = None
    """Whether the result is made to agree with the file: every DCT coefficient is moved into the interval that the
    file states (the projection). None: where the file is a JPEG that was compressed once. Only JPEG files can be
    projected."""
    quality: int | None = None
    """1..100: treat the picture as compressed with libjpeg's tables of that quality, whatever the file says."""
    earlier: bool = True
    """Whether traces of an earlier JPEG compression are searched for: a stronger one before a JPEG file's own, or one
    before any picture was scaled. Where one is found, that is what is removed: the picture is restored with its tables,
    on its block grid, at its scale."""
    thorough: int = 1
    """1, 2 or 4: passes of the network, over the picture and its mirror images, of which the mean is taken. 2 take
    about 1.8 times as long, 4 about 3 times."""
    keep_planes: bool = False
    """Whether the restored float planes are kept in ``Restored.planes``; takes up to 12 bytes a pixel."""
    traces: Collection[str] = ()
    """Names of intermediate results of the network to keep in ``Restored.traces``; ``memory`` does not count them."""

    def _checks(self) -> tuple[Check, ...]:
        return (
            *super()._checks(),
            (0 <= self.strength <= 1, f"strength {self.strength}; it goes from 0 to 1"),
            (self.quality is None or 1 <= self.quality <= 100, f"quality {self.quality}; it goes from 1 to 100"),
            (self.thorough in FLIPS, f"thorough {self.thorough}; allowed: {', '.join(map(str, FLIPS))}"),
            (
                isinstance(self.traces, Collection) and not isinstance(self.traces, str),
                f"traces {self.traces!r}; give several names, such as ({str(self.traces)!r},)",
            ),
        )


def check_names(function: str, make: Callable[..., object], given: Iterable[str]) -> None:
    """Raise ``TypeError``, in the words of ``function``, for a name that is no option of the dataclass ``make``.

    The dataclass itself would name its ``__init__``, which the caller of ``function`` does not know.
    """
    names = list(inspect.signature(make).parameters)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def options_as_keywords(
    make: Callable[P, T],
) -> Callable[[Callable[[S, T], R]], Callable[Concatenate[S, P], R]]:
    """Decorator that turns a function of a source and options into one with a keyword argument per option.

    ``make`` is the options' dataclass. Type checkers, editors and ``help`` see its fields as the function's parameters.
    """

    def decorate(function: Callable[[S, T], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(function)
        def call(source: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if args:
                raise TypeError(f"{function.__name__}() takes one source; give options by name, such as quality=20")
            check_names(function.__name__, make, kwargs)
            return function(source, make(*args, **kwargs))

        own = inspect.signature(function)
        first = next(iter(own.parameters.values())).replace(kind=inspect.Parameter.POSITIONAL_ONLY)
        options = inspect.signature(make).parameters.values()
        call.__signature__ = own.replace(parameters=[first, *options])  # type: ignore[attr-defined]
        return call

    return decorate
