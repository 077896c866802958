"""The folder of a run: one process alone writes into it, as long as the run goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jpegmend.errors import InvalidOption, OutputError
from jpegmend.writing.atomic import make_folder
from jpegmend.writing.locks import lock

LOG = "log.jsonl"
"""File name of the log, which is locked."""


@dataclass(frozen=True)
class RunFolder:
    """A folder whose log this process has locked."""

    path: Path
    log: BinaryIO

    def check(self) -> None:
        """Raise ``OutputError`` where the folder was removed, and possibly made anew by another run, since."""
        if not _is_open(self.path / LOG, self.log):
            raise OutputError(
                f"{self.path} was removed or replaced while this run trained into it, so its last steps are not saved; "
                "begin it again, with --out for a folder of its own"
            )


@contextlib.contextmanager
def hold(path: Path) -> Iterator[RunFolder]:
    """Make the folder of a run and lock it for the block; it is removed again where nothing was written into it.

    Raises:
        InvalidOption: another process trains into it.
        OutputError: it cannot be made or written to.
    """
    make_folder(path)
    try:
        log = _lock_log(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written to: {error.strerror or error}; give another --out") from error
    with log:
        try:
            yield RunFolder(path, log)
        finally:
            if os.fstat(log.fileno()).st_size == 0 and _is_open(path / LOG, log):
                with contextlib.suppress(OSError):  # other files are in it, or the system is Windows
                    (path / LOG).unlink()
                    path.rmdir()


def _lock_log(path: Path) -> BinaryIO:
    while True:
        log = (path / LOG).open("ab")
        try:
            if not lock(log):
                log.close()
                raise InvalidOption(
                    f"another process trains into {path}; wait for its end, stop it, or give another --out"
                )
        except OSError:  # a file system without locks
            return log
        if _is_open(path / LOG, log):
            return log
        log.close()  # the run that had locked it has removed it meanwhile


def _is_open(path: Path, stream: BinaryIO) -> bool:
    """Whether an open file is the one of that path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except OSError:
        return False
