"""Atomic writing of files: under a temporary name in the same folder, renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from jpegmend.errors import NoRoom, OutputError, describe, says_no_room

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL}
"""Errors of linking on file systems without hard links; EINVAL is that of Windows for FAT and exFAT."""


def check_target(target: Path, *, overwrite: bool) -> None:
    """Check before any work that ``target`` can be created; raises ``OutputError`` as ``open_target`` would."""
    if not os.path.isdir(target.parent):
        raise OutputError(f"{target}: the folder {target.parent} does not exist; make it first")
    check_name(target)
    if _is_device(target):
        return
    if os.path.islink(target) and os.readlink(target).startswith("/proc/"):
        # As /dev/stdout does where the shell sends it to a file; the system's link would be replaced.
        raise OutputError(f"{target} leads to a file that is open already; give the path of that file")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{target} cannot be written: {os.strerror(errno.EACCES)}; give another path")
    if not overwrite and os.path.lexists(target):
        raise OutputError(f"{target} exists already; give another name, or overwrite=True")


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, where there is none; raises ``OutputError`` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_made(folder, error.strerror or str(error)) from error


def check_new_folder(folder: Path) -> None:
    """Check before any work that a folder can be made; raises ``OutputError`` as :func:`make_folder` would."""
    above = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not os.path.isdir(above):
        raise _cannot_be_made(folder, f"{above} is a file")
    if not os.access(above, os.W_OK | os.X_OK):
        raise _cannot_be_made(folder, os.strerror(errno.EACCES))


def _cannot_be_made(folder: Path, why: str) -> OutputError:
    return OutputError(f"the folder {folder} cannot be made: {why}; give another path")


def check_name(target: Path) -> None:
    """Raise ``OutputError`` where the folder, which exists, can have no file of that name."""
    if os.path.isdir(target):
        raise OutputError(f"{target} is a folder; give the name of a file in it")
    longest = _longest_name(target.parent)
    if longest and len(os.fsencode(target.name)) > longest:
        raise OutputError(
            f"{target}: the name has more than {longest} bytes, which this folder allows; give a shorter one"
        )


@contextlib.contextmanager
def open_target(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A binary stream that becomes the file ``target`` when the block ends; an exception in the block deletes it.

    Raises ``OutputError`` where the file exists (unless ``overwrite``) or cannot be written. Devices and pipes
    (/dev/stdout, /dev/null) are written to directly.
    """
    check_target(target, overwrite=overwrite)
    try:
        if _is_device(target):
            with target.open("wb") as stream:
                yield stream
            return
        # After a power failure the name shows what the file was; the suffix hides it from viewers and globs.
        part = target.with_name(f".{_begin(target)}.{secrets.token_hex(6)}.part")
        try:
            # "x" follows no link and overwrites no file.
            with part.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            _give_name(part, target, overwrite)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        kind = NoRoom if says_no_room(error) else OutputError
        raise kind(f"{target} cannot be written: {describe(error)}") from error


def write_bytes(target: Path, content: bytes) -> None:
    """Write or replace a file atomically: another process reads the old file or the new one, never a part."""
    with open_target(target, overwrite=True) as stream:
        stream.write(content)


def remove_parts(target: Path) -> None:
    """Remove the temporary files that killed processes left beside a target; no process may be writing it."""
    for part in target.parent.glob(f".{glob.escape(_begin(target))}.{'[0-9a-f]' * 12}.part"):
        part.unlink(missing_ok=True)


def remove_all_parts(folder: Path, names: Collection[str]) -> None:
    """:func:`remove_parts` for many files of one folder, which is read only once."""
    begun = {_begin(folder / name) for name in names}
    for part in folder.glob(f".*.{'[0-9a-f]' * 12}.part"):
        if part.name[1:].rsplit(".", 2)[0] in begun:
            part.unlink(missing_ok=True)


def _begin(target: Path) -> str:
    """What the names of a target's parts begin with: its own name, or the beginning of a long one and a hash of it.

    With what follows it has at most as many bytes as the folder allows, 255 where that is unknown.
    """
    name, room = target.name, (_longest_name(target.parent) or 255) - len(f"..{'0' * 12}.part")
    if len(os.fsencode(name)) <= room:
        return name
    mark = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
    while len(os.fsencode(name)) > room - len(mark):
        name = name[:-1]
    return name + mark


def _give_name(part: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        os.replace(part, target)
        return
    # Linking fails if the name exists, atomically: a file that appeared meanwhile is not overwritten.
    try:
        os.link(part, target)
    except FileExistsError:
        raise OutputError(f"{target} has appeared meanwhile and is left as it is; the result is not kept") from None
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _take_name(part, target)


def _take_name(part: Path, target: Path) -> None:
    """For file systems without hard links: create an empty file of that name, then move the complete one over it."""
    try:
        target.open("xb").close()
    except FileExistsError:
        raise OutputError(f"{target} has appeared meanwhile and is left as it is; the result is not kept") from None
    try:
        os.replace(part, target)
    except OSError:
        target.unlink(missing_ok=True)  # else the next run would take the empty file for a result
        raise


def _longest_name(folder: Path) -> int:
    """Bytes that the system allows for a file name there; 0 if it does not say."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return 0


def _is_device(target: Path) -> bool:
    """Whether it exists and is neither a file nor a folder."""
    try:
        return not stat.S_ISREG(mode := target.stat().st_mode) and not stat.S_ISDIR(mode)
    except OSError:
        return False
