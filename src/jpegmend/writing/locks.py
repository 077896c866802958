"""Locks of files, by which one process alone writes into a folder; the system releases those of a process that ends."""

from __future__ import annotations

from typing import IO, Any


def lock(stream: IO[Any] | int) -> bool:
    """Lock an open file, or the file or folder of a descriptor; False if another has locked it.

    The lock lasts until it is closed, here and in the processes that inherit it. On Windows nothing is locked.
    Raises ``OSError`` where the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
