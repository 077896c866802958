"""The journal of a folder of results: what was made from which input with which options, to go on from.

JSON lines, one before the work on a file (``"outcome": "began"``) and one after it (``"done"`` or ``"failed"``); the
last line of an output counts. A line that was cut off by the end of a process is passed over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from jpegmend.errors import OutputError

JOURNAL = "jpegmend-journal.jsonl"
"""Its name in the output folder."""

_PATIENCE = 20.0
"""Seconds to wait for the workers of a run that was killed: they finish or give up their file."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line."""

    output: str
    """The result's path, from the journal's folder."""
    outcome: str
    """``began``, ``done`` or ``failed``."""
    input: str
    """The input's absolute path."""
    size: int | None = None
    """Bytes of the input."""
    mtime_ns: int | None = None
    """When the input was last changed, nanoseconds since 1970."""
    sha256: str | None = None
    """Of the input's bytes."""
    options: str = ""
    """Hash of every option that changes the result."""
    weights: str = ""
    """Hash of the network's weights; empty where none is used."""
    written: int | None = None
    """Bytes of the result."""
    seconds: float | None = None
    time: str = ""
    """When the line was written, UTC."""
    replaces: bool = False
    """Whether the result that lay there before is one of this journal, and may be replaced."""
    message: str | None = None
    """Why it failed."""


_NAMES = {field.name for field in fields(Entry)}


class Journal:
    """The journal of one folder; while it is open for writing it is locked, so that two runs do not meet.

    Raises:
        OutputError: the folder or the journal cannot be written, or another run holds it.
    """

    def __init__(self, folder: Path, *, writing: bool) -> None:
        self.folder = folder
        self.file = folder / JOURNAL
        self._stream: BinaryIO | None = None
        if writing:
            self._stream = _open(self.file)
            _lock(self._stream, folder)
        self._entries = read(self.file)

    def find(self, target: Path) -> Entry | None:
        """The last entry of a result."""
        return self._entries.get(self.key(target))

    def key(self, target: Path) -> str:
        """The name of a result in this journal."""
        return os.path.relpath(target, self.folder)

    def add(self, entry: Entry) -> None:
        """Write one line; it is with the system when this returns."""
        facts = {key: value for key, value in asdict(entry).items() if value not in (None, "", False)}
        facts["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert self._stream is not None, "opened for reading only"
        self._stream.write(json.dumps(facts).encode() + b"\n")
        self._entries[entry.output] = entry

    def results(self) -> set[Path]:
        """Absolute paths of every result the journal knows."""
        return {Path(os.path.abspath(self.folder / output)) for output in self._entries}

    def fileno(self) -> int:
        """The descriptor that holds the lock; workers inherit it, so that the lock ends with the last of them."""
        assert self._stream is not None, "opened for reading only"
        return self._stream.fileno()

    def close(self) -> None:
        """Unlock it."""
        if self._stream is not None:
            self._stream.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(file: Path) -> BinaryIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+b", buffering=0)
        if not _ends_with_newline(stream):
            stream.write(b"\n")
        return stream
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror or error}") from error


def _lock(stream: BinaryIO, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows
        return
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > ends:
                stream.close()
                raise OutputError(
                    f"another run writes into {folder}; wait for its end, or choose another -o"
                ) from error
            time.sleep(0.1)
        except OSError:  # a file system without locks
            return


def read(file: Path) -> dict[str, Entry]:
    """The last entry of each result in a journal; empty where there is no file."""
    try:
        with file.open("rb") as stream:
            return {entry.output: entry for entry in _parse(stream)}
    except FileNotFoundError:
        return {}


def _parse(stream: BinaryIO) -> Iterator[Entry]:
    for line in stream:
        try:
            facts: Any = json.loads(line)
            yield Entry(**{key: value for key, value in facts.items() if key in _NAMES})
        except (ValueError, TypeError, AttributeError):
            continue


def _ends_with_newline(stream: BinaryIO) -> bool:
    if stream.seek(0, os.SEEK_END) == 0:
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"
