"""The folder of the service: one folder for each job, under a random name, all removed at start and at the end."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import IO

from jpegmend.errors import InvalidOption
from jpegmend.writing.locks import lock

_MARK = ".jpegmend-serve"
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


class FolderInUse(InvalidOption):
    """Another service uses the folder."""


def open_spool(folder: Path | None, port: int) -> Spool:
    """The folder of a service: the given one, or the first for its port in the user's cache folder that is free.

    Raises:
        InvalidOption: it cannot be used; see :class:`Spool`.
    """
    if folder is not None:
        return Spool(folder)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    base = f"serve-{port}"
    for name in itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2))):
        with contextlib.suppress(FolderInUse):
            return Spool(Path(cache, "jpegmend", name))
    raise AssertionError  # names do not end


class Spool:
    """Folders of jobs. The folder itself is locked, so that two services never share one.

    Args:
        folder: made if it does not exist, readable by this user alone. It must be empty, or one of an earlier service.

    Raises:
        InvalidOption: it holds other files, is in use, or cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._lock = self._open()
        except OSError as error:
            raise InvalidOption(f"the folder {folder} cannot be used: {error.strerror or error}") from error
        self.empty()

    def _open(self) -> IO[bytes]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = self.folder / _MARK
        if not mark.exists() and any(self.folder.iterdir()):
            raise InvalidOption(
                f"the folder {self.folder} holds other files, and it is emptied at start; give an empty one"
            )
        return _lock(mark)

    def empty(self) -> None:
        """Remove the folders of all jobs; other files stay."""
        for entry in self.folder.iterdir() if self.folder.exists() else ():
            if _NAME.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)

    def make(self) -> tuple[str, Path]:
        """A new job's random id, 128 bits, and its empty folder."""
        name = secrets.token_urlsafe(16)
        place = self.folder / name
        try:
            place.mkdir(mode=0o700)
        except FileNotFoundError:  # somebody has emptied the user's cache
            self._lock.close()
            self._lock = self._open()
            place.mkdir(mode=0o700)
        return name, place

    def close(self) -> None:
        """Remove the files of all jobs and unlock the folder."""
        self.empty()
        self._lock.close()


def bytes_in(folder: Path) -> int:
    """Bytes of the files in a folder; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    return 0


def remove_all_but(folder: Path, name: str) -> None:
    """Remove the files of a job except the one of this name."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name != name:
                os.unlink(entry)


def remove(folder: Path) -> None:
    """Remove a job's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _lock(mark: Path) -> IO[bytes]:
    stream = mark.open("ab")
    try:
        if lock(stream):
            return stream
        raise FolderInUse(f"the folder {mark.parent} is in use by another service; give another folder")
    except BaseException:  # also where the file system has no locks
        stream.close()
        raise
