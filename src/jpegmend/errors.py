"""Exceptions that this package raises, all derived from ``JpegmendError``.

JpegmendError
├── InputError                 the input cannot be read
│   ├── NotAnImage             the bytes are in no known picture format
│   ├── UnsupportedJpeg        a valid picture of an unsupported kind (12-bit, lossless, JPEG 2000, ...)
│   ├── DamagedJpeg            nothing can be decoded, or with ``strict``: anything in the file is damaged
│   └── TooLarge               the header states more pixels than allowed
├── DecoderStopped             the decoder was ended from outside, or could not work here; the input may be sound
├── OverBudget                 restoring or writing took more memory or time than a picture of its size may
├── OutputError                the result cannot be written to that place or in that format
│   └── NoRoom                 no space is left there, a quota is used up, or it is larger than a file may be
├── StorageError               an object store does not answer, or refuses access
├── JobError                   there is no job of `jpegmend cluster`, or it differs from what is asked or installed
├── InvalidOption              an argument is outside its range (also a ``ValueError``)
├── ModelError
│   ├── UnknownModel           no network has that name
│   ├── WeightsMissing         the network exists, its weights are not released yet
│   ├── WeightsDamaged         a weights file does not match its card
│   ├── ModelRefused           a model file of others is of a kind that is not opened, or no restoration network
│   └── NotExportable          this network cannot be written as ONNX or compiled
├── MissingExtra               an optional dependency is needed and not installed
├── InvalidRecipe              a training recipe has an unknown key or a value outside its range (also a ``ValueError``)
├── MissingData                a data set is not in the data folder
├── NotComparable              results of different protocols in one table
└── NotReproducible            a result for the documentation was measured with uncommitted code

Every message says what was found, what is allowed and what to do.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

OPTIONAL_PACKAGES = {
    "matplotlib": "matplotlib",
    "obstore": "obstore",
    "onnx": "onnx",
    "onnxscript": "onnxscript",
    "prometheus_client": "prometheus-client",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "pytorch_optimizer": "pytorch-optimizer",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "starlette": "starlette",
    "tensorboard": "tensorboard",
    "torch": "torch",
    "uvicorn": "uvicorn",
}
"""Packages of the extras in ``pyproject.toml``, by the module that is imported."""

_NO_ROOM = {
    errno.ENOSPC: "no space is left there; free some, or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or choose another place",
    errno.EFBIG: "it is larger than a file may be: see `ulimit -f`, and the limit of the file system",
}


class JpegmendError(Exception):
    """Base class of all exceptions of this package."""


class InputError(JpegmendError):
    """The input cannot be read as a picture."""

    pages = 1
    """Pictures in the file, where they were counted before the error."""


class NotAnImage(InputError):
    """The bytes are in no known picture format."""


class UnsupportedJpeg(InputError):
    """A valid picture of an unsupported kind; the message names the kind."""


class DamagedJpeg(InputError):
    """Nothing of the file can be decoded, or ``strict`` is set and a part of it is damaged."""


class TooLarge(InputError):
    """The header states more pixels than ``max_pixels`` allows."""


class DecoderStopped(JpegmendError):
    """The decoder was ended from outside, could not be started or loaded, or lacked room; the input may be sound."""


class OverBudget(JpegmendError):
    """Restoring or writing a picture took more memory or processor time than one of its size may."""


class OutputError(JpegmendError):
    """The result cannot be written to that place or in that format."""


class NoRoom(OutputError):
    """A file cannot grow: no space is left, a quota is used up, or it is larger than a file may be."""


class StorageError(JpegmendError):
    """An object store does not answer, or refuses access."""


class JobError(JpegmendError):
    """There is no job of ``jpegmend cluster`` at that place, or it differs from what is asked or installed."""


class InvalidOption(JpegmendError, ValueError):
    """An argument is outside its range."""


class ModelError(JpegmendError):
    """A network cannot be found, loaded or run."""


class UnknownModel(ModelError):
    """No network has that name; the message lists the names."""


class WeightsMissing(ModelError):
    """The network is known, but its weights are not released yet."""


class WeightsDamaged(ModelError):
    """A weights file does not match the checksum or the shapes that its card states."""


class ModelRefused(ModelError):
    """A model file of others is of a kind that is not opened, or its network does not restore pictures."""


class NotExportable(ModelError):
    """This network cannot be written as ONNX, or cannot be compiled."""


class MissingExtra(JpegmendError):
    """An optional dependency is needed and not installed; the message names the extra."""


class InvalidRecipe(JpegmendError, ValueError):
    """A training recipe has an unknown key or a value outside its range; the message names the key."""


class MissingData(JpegmendError):
    """A data set is not in the data folder; the message says how to get it."""


class NotComparable(JpegmendError):
    """Results that were measured under different protocols cannot stand in one table."""


class NotReproducible(JpegmendError):
    """A result for the documentation was measured with uncommitted code; the message names the results."""


def says_no_room(error: OSError) -> bool:
    """Whether an error of the system says that a file could not grow."""
    return error.errno in _NO_ROOM


def describe(error: OSError) -> str:
    """An error of the system, with what to do where a file could not grow."""
    return _NO_ROOM.get(error.errno or 0) or error.strerror or str(error)


@contextmanager
def extra_needed(purpose: str, extra: str) -> Iterator[None]:
    """Raise ``MissingExtra`` if an import in the block fails because an optional package is not installed.

    The message is ``PURPOSE needs PACKAGE; pip install "jpegmend[EXTRA]"``. Every other ImportError, such as that of a
    module of jpegmend, is a bug and passes unchanged.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = OPTIONAL_PACKAGES.get((error.name or "").partition(".")[0])
        if package is None:
            raise
        raise MissingExtra(f'{purpose} needs {package}; pip install "jpegmend[{extra}]"') from error
