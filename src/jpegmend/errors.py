"""The whole error family.

JpegmendError
├── InputError                 something is wrong with what was given to read
│   ├── NotAnImage             the bytes are no picture this package knows
│   ├── UnsupportedJpeg        a valid picture of a kind that is not read (12-bit, lossless, JPEG XL, HEIC, ...)
│   ├── DamagedJpeg            too broken to show anything, or broken at all with ``strict``
│   └── TooLarge               the header claims more pixels than allowed
├── OutputError                the result cannot be written there, or not in that form
├── InvalidOption              an argument is outside its range (also a ``ValueError``)
├── ModelError
│   ├── UnknownModel           no network or weights of that name
│   ├── WeightsMissing         the network is known, its weights are not released yet
│   ├── WeightsDamaged         a weights file does not match its card
│   └── NotExportable          this network cannot be written as ONNX or compiled
├── MissingExtra               an optional dependency is needed and not installed
├── InvalidRecipe              a training recipe that does not validate
├── MissingData                a data set is not where it should be
├── NotComparable              results of different protocols were put side by side
└── NotReproducible            a result for the documentation comes from code that no commit holds

Every message says what was found, what is allowed and what to do.
"""


class JpegmendError(Exception):
    """Everything this package raises on purpose."""


class InputError(JpegmendError):
    """Something is wrong with what was given to read."""


class NotAnImage(InputError):
    """The bytes are no picture this package knows."""


class UnsupportedJpeg(InputError):
    """A valid picture of a kind that is not read; the message names the kind."""


class DamagedJpeg(InputError):
    """Too broken to show anything, or broken at all where ``strict`` was asked for."""


class TooLarge(InputError):
    """The header claims more pixels than ``max_pixels`` allows."""


class OutputError(JpegmendError):
    """The result cannot be written there, or not in that form."""


class InvalidOption(JpegmendError, ValueError):
    """An argument is outside its range."""


class ModelError(JpegmendError):
    """Something is wrong with a network or its weights."""


class UnknownModel(ModelError):
    """No network or weights of that name; the message lists the names."""


class WeightsMissing(ModelError):
    """The network is known, but its weights are not released yet."""


class WeightsDamaged(ModelError):
    """A weights file does not match the checksum or the shape its card states."""


class NotExportable(ModelError):
    """This network cannot be written as ONNX, or cannot be compiled."""


class MissingExtra(JpegmendError):
    """An optional dependency is needed and not installed; the message names the extra."""


class InvalidRecipe(JpegmendError):
    """A training recipe that does not validate; the message names the key."""


class MissingData(JpegmendError):
    """A data set is not where it should be; the message says how to get it."""


class NotComparable(JpegmendError):
    """Results measured under different protocols were put side by side."""


class NotReproducible(JpegmendError):
    """A result for the documentation was made by code that no commit holds; the message names the results."""
