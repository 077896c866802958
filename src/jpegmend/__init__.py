"""Restoration of JPEG pictures by neural networks: blocking, ringing and colour artifacts are removed.

>>> import jpegmend
>>> jpegmend.restore  # doctest: +ELLIPSIS
<function restore at ...>
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpegmend.batch.many import restore_many as restore_many
    from jpegmend.batch.restorer import Restorer as Restorer
    from jpegmend.errors import DamagedJpeg as DamagedJpeg
    from jpegmend.errors import DecoderStopped as DecoderStopped
    from jpegmend.errors import InputError as InputError
    from jpegmend.errors import InvalidOption as InvalidOption
    from jpegmend.errors import JpegmendError as JpegmendError
    from jpegmend.errors import MissingExtra as MissingExtra
    from jpegmend.errors import ModelError as ModelError
    from jpegmend.errors import NotAnImage as NotAnImage
    from jpegmend.errors import OutputError as OutputError
    from jpegmend.errors import OverBudget as OverBudget
    from jpegmend.errors import TooLarge as TooLarge
    from jpegmend.errors import UnsupportedJpeg as UnsupportedJpeg
    from jpegmend.explanation.explanation import Explanation as Explanation
    from jpegmend.explanation.explanation import explain as explain
    from jpegmend.restoration.inspection import inspect as inspect
    from jpegmend.restoration.options import Options as Options
    from jpegmend.restoration.pipeline import restore as restore
    from jpegmend.restoration.restored import Restored as Restored
    from jpegmend.restoration.upscaling import upscale as upscale
    from jpegmend.runtimes import load as load
    from jpegmend.weights import MODELS as MODELS

__version__ = "0.1.0"

# Each public name and its module, which is imported when the name is first used: so the package imports quickly.
_PUBLIC = {
    "restore": "jpegmend.restoration.pipeline",
    "restore_many": "jpegmend.batch.many",
    "Restorer": "jpegmend.batch.restorer",
    "upscale": "jpegmend.restoration.upscaling",
    "explain": "jpegmend.explanation.explanation",
    "Explanation": "jpegmend.explanation.explanation",
    "inspect": "jpegmend.restoration.inspection",
    "load": "jpegmend.runtimes",
    "MODELS": "jpegmend.weights",
    "Options": "jpegmend.restoration.options",
    "Restored": "jpegmend.restoration.restored",
    "JpegmendError": "jpegmend.errors",
    "InputError": "jpegmend.errors",
    "NotAnImage": "jpegmend.errors",
    "UnsupportedJpeg": "jpegmend.errors",
    "DamagedJpeg": "jpegmend.errors",
    "TooLarge": "jpegmend.errors",
    "DecoderStopped": "jpegmend.errors",
    "OutputError": "jpegmend.errors",
    "OverBudget": "jpegmend.errors",
    "InvalidOption": "jpegmend.errors",
    "ModelError": "jpegmend.errors",
    "MissingExtra": "jpegmend.errors",
}

__all__ = [*sorted(_PUBLIC), "__version__", "close"]


def close() -> None:
    """Drop all loaded networks and end the decoding workers. Later calls load and start them again.

    As a context manager: ``with contextlib.closing(jpegmend): ...``.
    """
    # Subpackages that were never imported hold nothing.
    for room in ("jpegmend.runtimes", "jpegmend.decoding"):
        if room in sys.modules:
            sys.modules[room].close()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'jpegmend' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
