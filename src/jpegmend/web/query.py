"""Options of a request: the query of the address, with the names of the command's options."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import QueryParams

from jpegmend.batch.settings import Output
from jpegmend.errors import MissingExtra
from jpegmend.formats import WRITTEN
from jpegmend.option_texts import option_texts
from jpegmend.restoration import Options
from jpegmend.runtimes import FLIPS
from jpegmend.web.models import available, names
from jpegmend.web.problems import Problem
from jpegmend.weights import DEFAULT
from jpegmend.writing import check_encoder
from jpegmend.writing.stripping import STRIPS


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One option in a query."""

    schema: Mapping[str, Any]
    """JSON Schema of its values, for the OpenAPI document."""
    text: str
    """What it does."""


def _flag(text: str, default: bool | None = False) -> Parameter:
    return Parameter(schema={"type": "boolean"} | ({} if default is None else {"default": default}), text=text)


_TEXTS = option_texts()
_QUALITY = {"type": "integer", "minimum": 1, "maximum": 100}
_PAGES, _NAME = 9999, 255
"""Greatest number of a page, and of characters of a name."""


def formats() -> tuple[str, ...]:
    """Names of the formats whose encoder is installed."""

    def is_written(name: str) -> bool:
        with contextlib.suppress(MissingExtra):
            check_encoder(name)
            return True
        return False

    return tuple(filter(is_written, WRITTEN))


def describe_formats() -> list[dict[str, Any]]:
    """Every output format as plain values."""
    return [
        {
            "name": name,
            "available": name in formats(),
            "suffixes": list(kind.suffixes),
            "largest": kind.largest,
            "bits": [8, 16] if kind.deep else [8],
            "lossy": kind.lossy,
        }
        for name, kind in WRITTEN.items()
    ]


RESTORATION: Mapping[str, Parameter] = {
    "model": Parameter(schema={"type": "string"}, text="Network by name; `/v1/models` lists them."),
    "strength": Parameter(
        schema={"type": "number", "minimum": 0, "maximum": 1, "default": 1},
        text=_TEXTS["strength"],
    ),
    "consistent": _flag(_TEXTS["consistent"], None),
    "assume-quality": Parameter(schema=_QUALITY, text=_TEXTS["quality"]),
    "bits": Parameter(
        schema={"type": "integer", "enum": [8, 16]},
        text="Bits a sample of PNG and TIFF; without it those of the input.",
    ),
    "pages": Parameter(
        schema={"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1, "maximum": _PAGES}]},
        text="Of a file with several pages (TIFF, GIF): `all` into one TIFF, or one by number; without it the first.",
    ),
    "thorough": Parameter(
        schema={"type": "integer", "enum": list(FLIPS), "default": 1},
        text=_TEXTS["thorough"],
    ),
    "earlier": _flag(_TEXTS["earlier"], True),
    "keep-orientation": _flag("Leave the EXIF orientation to the viewer; else it is applied."),
    "strict": _flag(_TEXTS["strict"]),
}
"""Options that decide what is restored."""

FORM: Mapping[str, Parameter] = {
    "format": Parameter(
        schema={"type": "string", "enum": list(formats())},
        text="Output format; without it PNG, with `pages=all` TIFF. Of a job's result: without it the job's own, and "
        "options that are not given are then those of the job.",
    ),
    "quality": Parameter(schema=_QUALITY, text="Quality of lossy formats, 95 without it; JPEG is written 4:4:4."),
    "compression": Parameter(
        schema={"type": "integer", "minimum": 0, "maximum": 9},
        text="zlib's level, for PNG alone; without it the fastest for photos.",
    ),
    "strip": Parameter(
        schema={"type": "string", "enum": list(STRIPS)},
        text="Drop `notes` (EXIF, XMP, density, comments), `gps` (the position alone) or `all`.",
    ),
    "srgb": _flag("Convert to sRGB by the file's colour profile, and drop it."),
    "mark": _flag("State in the XMP that an algorithm altered the picture."),
}
"""Options that decide how the result is written."""

JOB: Mapping[str, Parameter] = {
    "name": Parameter(
        schema={"type": "string", "maxLength": _NAME},
        text="Name of the file, from which the name of the result follows: photo.jpg gives photo.restored.png.",
    ),
    "compare": _flag("Jobs only: also make the decoded picture and a map of the change."),
}
"""Options of the request itself."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of a request, read and checked."""

    options: Mapping[str, Any]
    """Arguments for ``jpegmend.restore``."""
    output: Output
    name: str = ""
    compare: bool = False


def read_restoration(query: QueryParams) -> Request:
    """The options of a request to restore.

    Raises:
        Problem: an unknown option, one given twice, or a value that is not allowed.
        InvalidOption: a value outside its range.
        MissingExtra: the encoder of the format is not installed.
    """
    values = _Values(query, {**RESTORATION, **FORM, **JOB})
    model = values.text("model") or DEFAULT
    if model not in names():
        raise Problem("unknown-model", f"no model {model!r}; there are: {', '.join(available())}")
    if model not in available():
        raise Problem("weights-missing", f"{model!r} cannot run here; those that can: {', '.join(available())}")
    bits, all_pages = values.choice("bits", int, (8, 16)), values.text("pages") == "all"
    options = {
        "model": model,
        "strength": values.number("strength", float, 0, 1, 1.0),
        "consistent": values.flag("consistent", None),
        "bits": bits,
        "quality": values.number("assume-quality", int, 1, 100, None),
        "page": 1 if all_pages else values.number("pages", int, 1, _PAGES, None, or_else="all"),
        "thorough": values.choice("thorough", int, tuple(FLIPS)) or 1,
        "earlier": values.flag("earlier", True),
        "orientation": "keep" if values.flag("keep-orientation") else "apply",
        "strict": values.flag("strict"),
    }
    Options(**options)  # checks ranges
    output = _read_form(values, Output(bits=bits, all_pages=all_pages))
    name = values.text("name") or ""
    if len(name) > _NAME:
        raise Problem("invalid-option", f"a name of {len(name)} characters; at most {_NAME} are allowed")
    return Request(options=options, output=output, name=name, compare=bool(values.flag("compare")))


def form_for(query: QueryParams, own: Output) -> Output:
    """The form in which a job's result is asked for: without ``format`` its own, but for the options that are given.

    With ``format`` it is that of the options alone, with the job's bits and pages where the format holds them (else 8
    bits, one page).

    Raises:
        Problem: as :func:`read_restoration`.
        MissingExtra: the encoder is not installed.
    """
    values = _Values(query, FORM)
    if values.text("format") is None:
        return _read_form(values, own) if query else own
    asked = _read_form(values, Output())
    bits = own.bits if WRITTEN[asked.format or "png"].deep else None
    return replace(asked, bits=bits, all_pages=own.all_pages and asked.format == "tiff")


def _read_form(values: _Values, own: Output) -> Output:
    """The form that a query asks for; where it says nothing, that of ``own``."""
    bits, all_pages = own.bits, own.all_pages
    format = values.choice("format", str, tuple(WRITTEN)) or own.format or ("tiff" if all_pages else "png")
    check_encoder(format)
    if bits == 16 and not WRITTEN[format].deep:
        raise Problem("invalid-option", f"bits=16: {format} holds 8 bits; choose png or tiff")
    if all_pages and format != "tiff":
        raise Problem("invalid-option", f"pages=all: {format} holds one page; choose tiff, or pages=N")
    if (quality := values.text("quality")) is not None and not WRITTEN[format].lossy:
        lossy = ", ".join(name for name, kind in WRITTEN.items() if kind.lossy)
        detail = f"quality={quality!r}: {format} is without loss; choose one of {lossy} by format, or leave it out"
        raise Problem("invalid-option", f"{detail}; assume-quality is that of the input")
    if (compression := values.text("compression")) is not None and format != "png":
        raise Problem("invalid-option", f"compression={compression!r}: of png alone, not of {format}; leave it out")
    return Output(
        format=format,
        bits=bits,
        quality=values.number("quality", int, 1, 100, own.quality),
        compression=values.number("compression", int, 0, 9, own.compression),
        strip=values.choice("strip", str, tuple(STRIPS)) or own.strip,
        srgb=bool(values.flag("srgb", own.srgb)),
        mark=bool(values.flag("mark", own.mark)),
        all_pages=all_pages,
    )


class _Values:
    """Values of a query, each given at most once."""

    def __init__(self, query: QueryParams, known: Mapping[str, Parameter]) -> None:
        self._query = query
        for name in query:
            if not known:
                raise Problem("invalid-option", f"no option {name!r}; there is none here")
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f", did you mean {near[0]}?" if near else ""
                raise Problem("invalid-option", f"no option {name!r}{hint}; there are: {', '.join(known)}")
            if len(query.getlist(name)) > 1:
                raise Problem("invalid-option", f"{name} is given {len(query.getlist(name))} times; give it once")

    def text(self, name: str) -> str | None:
        return self._query.get(name)

    def flag(self, name: str, default: bool | None = False) -> bool | None:
        value = self._query.get(name)
        if value is None:
            return default
        if value not in ("true", "false"):
            raise Problem("invalid-option", f"{name}={value!r}; allowed: true, false")
        return value == "true"

    def number(
        self, name: str, kind: Callable[[str], Any], least: float, most: float, default: Any, *, or_else: str = ""
    ) -> Any:
        text = self._query.get(name)
        if text is None:
            return default
        try:
            value = kind(text) if text.isascii() and "_" not in text and text == text.strip() else None
        except ValueError:
            value = None
        # "not (... <= ...)" so that NaN is refused too.
        if value is None or not least <= value <= most:
            what = "a whole number" if kind is int else "a number"
            other = or_else and f", or {or_else}"
            raise Problem("invalid-option", f"{name}={text!r}; give {what} from {least:g} to {most:g}{other}")
        return value

    def choice(self, name: str, kind: Callable[[str], Any], allowed: tuple[Any, ...]) -> Any:
        text = self._query.get(name)
        if text is None:
            return None
        for value in allowed:
            if text == str(value):
                return value
        raise Problem("invalid-option", f"{name}={text!r}; allowed: {', '.join(map(str, allowed))}")


def check_none(query: QueryParams) -> None:
    """Raise ``Problem`` for a query where none is read."""
    _Values(query, {})
