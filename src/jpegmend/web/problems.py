"""Problem details (RFC 9457): the JSON body of every error, one code for each class of ``jpegmend.errors``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from jpegmend import errors

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error as it is told to a client.

    Args:
        code: a key of :data:`CODES`.
        detail: what was found, what is allowed, what to do; None for the title alone.
        headers: of the response.
    """

    def __init__(self, code: str, detail: str | None = None, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return CODES[self.code][0]

    def as_dict(self) -> dict[str, Any]:
        """The members of the JSON body."""
        status, title = CODES[self.code]
        members = {"type": f"urn:jpegmend:problem:{self.code}", "code": self.code, "title": title, "status": status}
        return members | ({"detail": self.detail} if self.detail else {})

    def response(self) -> Response:
        """The response that tells it."""
        return Response(json.dumps(self.as_dict()), self.status, self.headers, MEDIA_TYPE)


_OF_CLASSES: Mapping[type[errors.JpegmendError], tuple[int, str]] = {
    errors.JpegmendError: (500, "The picture could not be restored"),
    errors.InputError: (422, "The file cannot be read as a picture"),
    errors.NotAnImage: (415, "The file is in no known picture format"),
    errors.UnsupportedJpeg: (415, "A picture of a kind that is not supported"),
    errors.DamagedJpeg: (422, "The file is damaged"),
    errors.TooLarge: (413, "The picture is too large"),
    errors.DecoderStopped: (503, "The decoder was ended, could not be started, or had no room for its files"),
    errors.OverBudget: (413, "The picture takes more memory or time than one of its size may"),
    errors.OutputError: (422, "The result cannot be written in that format"),
    errors.InvalidOption: (400, "An option has a value that is not allowed"),
    errors.ModelError: (500, "The network failed"),
    errors.UnknownModel: (400, "No network has that name"),
    errors.WeightsMissing: (409, "The weights of that network are not released"),
    errors.WeightsDamaged: (500, "The weights of that network are damaged"),
    errors.ModelRefused: (500, "That model file is not opened"),
    errors.NotExportable: (500, "That network cannot be run in this form"),
    errors.MissingExtra: (501, "A package is needed that is not installed here"),
    errors.InvalidRecipe: (500, "A training recipe is invalid"),
    errors.MissingData: (500, "A data set is missing"),
    errors.NoRoom: (507, "The service has no space left for its files"),
    errors.StorageError: (500, "An object store does not answer"),
    errors.JobError: (500, "A job of the cluster is not as asked for"),
    errors.NotComparable: (500, "Results cannot be compared"),
    errors.NotReproducible: (500, "A result cannot be reproduced"),
}


def code_of(kind: type[errors.JpegmendError]) -> str:
    """The code of an error class: its name in lower case with hyphens; of a derived class, that of its nearest base.

    >>> code_of(errors.DamagedJpeg)
    'damaged-jpeg'
    """
    known = next(base for base in kind.__mro__ if base in _OF_CLASSES)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", known.__name__).lower()


CODES: Mapping[str, tuple[int, str]] = {
    **{code_of(kind): value for kind, value in _OF_CLASSES.items()},
    "body-too-large": (413, "The request's body is too large"),
    "empty-body": (400, "The request has no body"),
    "slow-upload": (408, "The request's body did not arrive in time"),
    "time-limit": (422, "The job took longer than is allowed"),
    "memory-limit": (422, "The job took more memory than is allowed"),
    "queue-full": (429, "Too many jobs are waiting"),
    "shutting-down": (503, "The service is being stopped"),
    "worker-died": (500, "The worker process ended"),
    "internal": (500, "An error of the service itself"),
    "cancelled": (409, "The job was cancelled"),
    "not-ready": (409, "The job is not done yet"),
    "no-such-job": (404, "No such job"),
    "not-found": (404, "Nothing has that address"),
    "method-not-allowed": (405, "That method is not allowed here"),
    "unauthorized": (401, "A token is needed"),
    "cross-site": (403, "Requests from other web sites are refused"),
    "wrong-host": (421, "The service is not addressed by that name"),
}
"""HTTP status and title of every code."""

_PRIVATE = (
    "weights-damaged",
    "model-error",
    "model-refused",
    "not-exportable",
    "jpegmend-error",
    "storage-error",
    "decoder-stopped",
)
"""Codes of errors whose text may name files of this machine; it goes to the log only."""

_WORDS = (
    (re.compile(r"^.*[/\\](?:result-\S*|decoded\.png) (?=cannot be written)"), "the result "),
    (re.compile(r"\bquality="), "assume-quality="),
    (re.compile(r"\bpage="), "pages="),
    (re.compile(r"\b([a-z_]+)=(True|False)\b"), lambda found: f"{found[1]}={found[2].lower()}"),
    (re.compile(r"\bthe memory allowed is\b"), "the memory allowed by this service is"),
    (re.compile(r" \(give a longer timeout .*?\)"), ""),
    (
        re.compile(r"; (?:raise max_(?:pixels|bytes)|give (?:or allow|another (?:name|path)|a smaller)|free some).*$"),
        "",
    ),
)


def shutting_down() -> Problem:
    """The problem of what is asked for, or not done yet, while the service is being stopped."""
    return Problem("shutting-down", headers={"Retry-After": "30"})


def from_error(error: errors.JpegmendError) -> Problem:
    """The problem of an error of the package."""
    code = code_of(type(error))
    if code in _PRIVATE:
        return Problem(code)
    return Problem(code, in_words(str(error)))


def in_words(text: str) -> str:
    """A message of the package in the words of the service's options.

    >>> in_words("the picture is left as it is; give quality= to restore it")
    'the picture is left as it is; give assume-quality= to restore it'
    """
    for pattern, word in _WORDS:
        text = pattern.sub(word, text)
    return text


def from_other_error(error: Exception) -> Problem:
    """The problem of an error that is none of the package: that no space is left is told, others are internal."""
    no_room = isinstance(error, OSError) and errors.says_no_room(error)
    return Problem(code_of(errors.NoRoom) if no_room else "internal")
