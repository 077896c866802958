"""The commit, machine and versions that a result was made with. Reads the system, changes nothing."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jpegmend
from jpegmend.evaluation.measure.protocols import encoder
from jpegmend.runtimes.processor import available_threads, processor_name

LIBRARIES = ("numpy", "pillow", "onnxruntime", "torch", "pyjpegio")


def environment(**more: Any) -> dict[str, Any]:
    """Commit, machine, versions and time of this run; ``more`` is added to them."""
    return {
        "jpegmend": jpegmend.__version__,
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "encoder": encoder(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }


def commit() -> str:
    """The commit this code runs from, ``-dirty`` if its sources were changed; "installed" outside a repository."""
    root = _repository()
    if root is None:
        return "installed"
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "src")
    return f"{head}-dirty" if head and changed else head or "unknown"


def code() -> str:
    """Version, commit, and a checksum of what was changed in the sources since: equal for equal code."""
    root = _repository()
    changes = _git(root, "diff", "HEAD", "--", "src") if root else ""
    checksum = hashlib.sha256(changes.encode(errors="surrogateescape")).hexdigest()[:12] if changes else ""
    return " ".join(filter(None, (jpegmend.__version__, commit(), checksum)))


def _repository() -> Path | None:
    """The repository this code runs from; None where it is installed."""
    package = Path(jpegmend.__file__).resolve().parent
    root = package.parent.parent
    # An installed package may lie inside some other repository's virtual environment: that commit says nothing.
    return root if package.parent.name == "src" and (root / ".git").exists() else None


def reproducible(made: str) -> bool:
    """Whether the text of ``commit`` names a commit that contains the code that ran."""
    return not made.endswith("-dirty") and made not in ("", "unknown")


def machine() -> str:
    """Processor, cores this process may use, system: "AMD EPYC 7B12, 2 cores, Linux"."""
    cores = available_threads()
    return f"{processor_name()}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    # A file that was changed may be in any encoding, and the system's need not be UTF-8.
    return done.stdout.decode("utf-8", "surrogateescape").strip()
