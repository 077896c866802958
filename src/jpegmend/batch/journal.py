"""Journal of an output folder: input, options and outcome of each result, for resuming a run.

JSON lines, one before a file is restored (``"outcome": "began"``) and one afterwards (``"done"`` or ``"failed"``); the
last line of an output is valid. A truncated line, of a process that was killed, is ignored, as is one with a value of
another type.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, get_type_hints

from jpegmend.errors import OutputError
from jpegmend.writing.locks import lock

JOURNAL = "jpegmend-journal.jsonl"
"""File name of the journal in the output folder."""

_PATIENCE = 20.0
"""Seconds to wait for the workers of a killed run, which finish or abandon their file."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the journal."""

    output: str
    """The result's path, relative to the journal's folder."""
    outcome: str
    """``began``, ``done`` or ``failed``."""
    input: str
    """The input's absolute path."""
    size: int | None = None
    """Bytes of the input."""
    mtime_ns: int | None = None
    """Modification time of the input, nanoseconds since 1970."""
    sha256: str | None = None
    """SHA-256 of the input."""
    options: str = ""
    """Hash of every option that changes the result."""
    weights: str = ""
    """Hash of the network's weights; empty if none is used."""
    written: int | None = None
    """Bytes of the result."""
    seconds: float | int | None = None
    time: str = ""
    """Time of the line, UTC."""
    replaces: bool = False
    """Whether an existing file of that name is a result of this journal, and may be replaced."""
    message: str | None = None
    """Message of the error, if it failed."""


_TYPES = get_type_hints(Entry)


class Journal:
    """The journal of one folder; locked while open for writing, so that two runs cannot use a folder at once.

    Raises:
        OutputError: the folder or the journal cannot be written, or another run holds it.
    """

    def __init__(self, folder: Path, *, writing: bool) -> None:
        self.folder = folder
        self.file = folder / JOURNAL
        self._stream: BinaryIO | None = None
        self._cut = False
        """Whether the last line was cut short, for want of room."""
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
        """Write one line and flush it to the system; raises ``OutputError`` if it cannot be written."""
        facts = {key: value for key, value in asdict(entry).items() if value not in (None, "", False)}
        facts["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert self._stream is not None, "opened for reading only"
        try:
            # The file is not buffered: what is written is in it at once, and may be less than was given.
            line = b"\n" * self._cut + json.dumps(facts).encode() + b"\n"
            self._cut = self._stream.write(line) < len(line)
            if self._cut:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OutputError(f"the journal {self.file} cannot be written: {error.strerror or error}") from error
        self._entries[entry.output] = entry

    def results(self) -> set[Path]:
        """Absolute paths of every result the journal knows, without those of which no file was made."""
        made = [entry for entry in self._entries.values() if entry.outcome != "failed" or entry.replaces]
        return {Path(os.path.abspath(self.folder / entry.output)) for entry in made}

    def fileno(self) -> int:
        """The file descriptor that holds the lock; workers inherit it, so the lock lasts until the last one ends."""
        assert self._stream is not None, "opened for reading only"
        return self._stream.fileno()

    def close(self) -> None:
        """Close the file, which releases the lock."""
        if self._stream is not None:
            self._stream.close()


def _open(file: Path) -> BinaryIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+b", buffering=0)
        if not _ends_with_newline(stream):
            stream.write(b"\n")
        return stream
    except OSError as error:
        there = next((path for path in file.parents if os.path.lexists(path)), file.parent)
        if os.path.isfile(there):
            what = f"{there} is a file, not a folder"
        else:
            what = f"the journal {file} cannot be written: {error.strerror or error}"
        raise OutputError(f"{what}; -o names another folder for the results") from error


def _lock(stream: BinaryIO, folder: Path) -> None:
    ends = time.monotonic() + _PATIENCE
    with contextlib.suppress(OSError):  # a file system without locks
        while not lock(stream):
            if time.monotonic() > ends:
                stream.close()
                raise OutputError(f"another run writes into {folder}; wait for its end, or choose another -o")
            time.sleep(0.1)


def read(file: Path) -> dict[str, Entry]:
    """The last entry of each result in a journal; empty where there is no file, or a device, which may have no end."""
    if not file.is_file():
        return {}
    try:
        with file.open("rb") as stream:
            return {entry.output: entry for entry in _parse(stream)}
    except FileNotFoundError:
        return {}


def _parse(stream: BinaryIO) -> Iterator[Entry]:
    for line in stream:
        try:
            facts: Any = json.loads(line)
            known = {key: value for key, value in facts.items() if key in _TYPES}
            if all(isinstance(value, _TYPES[key]) for key, value in known.items()):
                yield Entry(**known)
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue


def _ends_with_newline(stream: BinaryIO) -> bool:
    if stream.seek(0, os.SEEK_END) == 0:
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"
