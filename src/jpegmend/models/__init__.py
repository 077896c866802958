"""The networks in PyTorch: a common interface (``contract``), one file per paper, and the table ``NETWORKS``."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from jpegmend.errors import UnknownModel
from jpegmend.models import arcnn, cqr, dcsc, dncnn, dual, mdu, mend, qgcn, rnan
from jpegmend.models.contract import Estimate, Observation, Spec

NETWORKS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        mend.SPEC,
        dcsc.SPEC,
        cqr.SPEC,
        qgcn.SPEC,
        mdu.SPEC,
        dual.SPEC,
        arcnn.SPEC,
        dncnn.SPEC,
        rnan.SPEC,
    )
}
"""Every network by name: our own, those of the five papers, and their baselines; ``add`` adds another."""

__all__ = ["NETWORKS", "Estimate", "Observation", "Spec", "add", "find"]


def find(name: str) -> Spec:
    """The network of that name; raises :class:`~jpegmend.errors.UnknownModel`, which lists the names."""
    if name not in NETWORKS:
        raise UnknownModel(
            f"no network {name!r}; there are: {', '.join(NETWORKS)}; one of your own is added by --network FILE.py of "
            "`jpegmend train` and `release`, and by jpegmend.models.add(FILE) in Python"
        )
    return NETWORKS[name]


def add(file: Path) -> Spec:
    """Add the network of a Python file (its variable ``SPEC``) to :data:`NETWORKS` for this process.

    The file is run as a module: add only code that you trust. A network of the same name is replaced.
    Raises :class:`~jpegmend.errors.UnknownModel` where there is no such file, it fails, or there is no ``SPEC`` in it.
    """
    found = importlib.util.spec_from_file_location(f"jpegmend_network_{file.stem}", file)
    if found is None or found.loader is None or not file.is_file():
        raise UnknownModel(f"{file} is no Python file; give one that defines SPEC, a jpegmend.models.Spec")
    module = importlib.util.module_from_spec(found)
    # Dataclasses and PyTorch's exporter look modules up by name.
    sys.modules[found.name] = module
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's program raises
        what = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        raise UnknownModel(f"{file}{_line(error, module.__file__)}: {what}; give a file that Python can run") from error
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, Spec):
        raise UnknownModel(f"{file} defines no SPEC; docs/adding-a-model.md shows one")
    NETWORKS[spec.name] = spec
    return spec


def _line(error: BaseException, file: str | None) -> str:
    """The line of ``file`` in which it failed, in words; empty where it is not known."""
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1] if frames else None
    return "" if line is None else f", line {line}"
