"""Folders and object stores (``s3://``, ``gs://``, ``az://``) by one interface; obstore does the work."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jpegmend.errors import InputError, InvalidOption, OutputError, StorageError, extra_needed
from jpegmend.writing import atomic

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES = ("s3", "gs", "az")
"""Object stores that an address may name; anything without ``://`` is a folder."""

_TIMEOUTS: Any = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(minutes=2)}
_RETRIES: Any = {
    "max_retries": 60,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(milliseconds=300), "max_backoff": timedelta(seconds=15), "base": 3},
}
"""For answers 429 and 5xx, and broken connections. By its defaults obstore gives up after 10 tries, within seconds."""

_NO_FOLDER = (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG)
"""Errors of the system where no folder can have a name."""


class Stored(NamedTuple):
    """An object of a storage."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """The storage's mark of this version of the object."""


class Storage:
    """A folder or a prefix of a bucket.

    Args:
        address: ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, ``az://CONTAINER/PREFIX``, or a folder.
            Credentials, Azure's account, region and endpoint are read from the environment, by the names that each
            provider uses.
        create: whether a folder is made that does not exist.

    Raises:
        InvalidOption: an address of another kind.
        InputError: the folder does not exist.
        StorageError: the store cannot be opened.
        MissingExtra: obstore is not installed.
    """

    def __init__(self, address: str, *, create: bool = False) -> None:
        scheme, mark, _ = address.partition("://")
        if mark and scheme not in SCHEMES:
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise InvalidOption(f"{address}: give a folder, or an address that begins with {known}")
        self.folder = None if mark else Path(os.path.abspath(address))
        """The folder; None for an object store."""
        self.address = address.rstrip("/") if mark else str(self.folder)
        if self.folder is not None and not create and not self.folder.is_dir():
            raise InputError(f"{address}: there is no such folder")
        self._store = _open(self.address, self.folder)
        self._last_read: str | None = None

    def read(self, key: str, *, etag: str = "", others: Callable[[], Iterable[str]] = lambda: ()) -> bytes:
        """The bytes of an object.

        Args:
            key: its key.
            etag: the etag that it must have.
            others: keys to try, beside that of the last object that was read, where a store refuses this one.

        Raises:
            InputError: it does not exist, has another etag than the given one, or is refused while another can be read.
            StorageError: the storage does not answer, or refuses.
        """
        from obstore import exceptions

        try:
            data = bytes(self._store.get(key, options={"if_match": etag} if etag else None).bytes())
        except FileNotFoundError as error:
            raise InputError(f"{self.name(key)} does not exist") from error
        except exceptions.PreconditionError as error:
            raise InputError(f"{self.name(key)} has changed since the job was planned") from error
        except (exceptions.BaseError, OSError) as error:
            if self._is_forbidden(key):
                raise InputError(f"{self.name(key)} cannot be read: {os.strerror(errno.EACCES)}") from error
            # Azure answers 409 for an archived object, which obstore takes for one that exists already.
            refused = isinstance(error, (exceptions.PermissionDeniedError, exceptions.AlreadyExistsError))
            if refused and self._reads_another(key, others):
                raise InputError(
                    f"{self.name(key)} cannot be read: the store refuses this object and gives others; see whether it "
                    "is still there, is archived, and who may read it"
                ) from error
            raise _storage_error(self.name(key), error) from error
        self._last_read = key
        return data

    def _reads_another(self, key: str, others: Callable[[], Iterable[str]]) -> bool:
        """Whether the store gives another object now: where it gives none, the credentials are wrong."""
        from obstore import exceptions

        last = self._last_read
        for other in itertools.chain([] if last is None else [last], others()):
            if other != key:
                with contextlib.suppress(exceptions.BaseError, OSError):
                    self._store.get(other)  # the content, which only bytes() would fetch, is not needed
                    self._last_read = other
                    return True
        return False

    def write(self, key: str, data: bytes) -> None:
        """Write or replace an object; readers see the old one or the new one, never a part.

        Raises:
            OutputError: a folder can have no file of that name.
            StorageError: the storage does not answer, or refuses.
        """
        from obstore import exceptions

        try:
            if self.folder is None:
                self._store.put(key, data)
            else:
                _write_file(self.folder / key, data)
        except (exceptions.BaseError, OSError) as error:
            raise _storage_error(self.name(key), error) from error

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """The objects below a prefix, which ends at a ``/``.

        Raises:
            InvalidOption: there is a key at which obstore ends the listing, such as one with an empty part.
            StorageError: the storage does not answer, or refuses.
        """
        from obstore import exceptions

        try:
            for chunk in self._store.list(prefix or None, chunk_size=1000):
                for found in chunk:
                    yield Stored(found["path"], found["size"], found["e_tag"] or "")
        except FileNotFoundError:
            return
        except exceptions.InvalidPathError as error:
            reason = "".join(c if c.isprintable() else "?" for c in str(error).partition("\n\nDebug source")[0])
            raise InvalidOption(
                f"{self.name(prefix)} cannot be listed: {reason}; rename that object (no part of a key may be "
                "empty, '.' or '..', and none has control characters), or give prefixes without it"
            ) from error
        except (exceptions.BaseError, OSError) as error:
            raise _storage_error(self.name(prefix), error) from error

    def find(self, key: str) -> Stored | None:
        """Size and etag of an object, without an etag if it is a file that may not be read; None if it does not exist.

        Raises:
            StorageError: the storage does not answer, or refuses.
        """
        from obstore import exceptions

        try:
            found = self._store.head(key)
        except FileNotFoundError:
            return None
        except (exceptions.BaseError, OSError) as error:
            if self.folder is not None and self._is_forbidden(key):
                return Stored(key, (self.folder / key).stat().st_size, "")
            raise _storage_error(self.name(key), error) from error
        return Stored(key, found["size"], found["e_tag"] or "")

    def _is_forbidden(self, key: str) -> bool:
        """Whether it is a file of a folder that this user may not read, which says nothing about the others."""
        return self.folder is not None and (self.folder / key).is_file() and not os.access(self.folder / key, os.R_OK)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that do not exist are passed over.

        Raises:
            StorageError: the storage does not answer, or refuses.
        """
        from obstore import exceptions

        try:
            if self.folder is None:
                self._delete_objects(keys)
                return
            for key in keys:
                (self.folder / key).unlink(missing_ok=True)
        except (exceptions.BaseError, OSError) as error:
            raise _storage_error(self.name(keys[0]), error) from error

    def _delete_objects(self, keys: Sequence[str]) -> None:
        try:
            self._store.delete(keys)
        except FileNotFoundError:  # GCS and Azure, unlike S3, tell that an object does not exist
            for key in keys:
                with contextlib.suppress(FileNotFoundError):
                    self._store.delete(key)

    def remove_parts(self, keys: Sequence[str]) -> None:
        """Remove temporary files that killed processes left beside these objects; object stores have none."""
        if self.folder is None:
            return
        names: dict[Path, set[str]] = {}
        for key in keys:
            target = self.folder / key
            names.setdefault(target.parent, set()).add(target.name)
        for folder, targets in names.items():
            atomic.remove_all_parts(folder, targets)

    def name(self, key: str) -> str:
        """Address of an object, for messages."""
        return f"{self.address}/{key}" if key else self.address

    def contains(self, other: Storage) -> bool:
        """Whether ``other`` is this storage or lies below it, also by links to folders."""
        # Not only by their addresses: an input is never replaced, by whichever path its folder was given.
        here, there = (
            f"{each.address}/" if each.folder is None else os.path.join(os.path.realpath(each.folder), "")
            for each in (self, other)
        )
        return there.startswith(here)


def _open(address: str, folder: Path | None) -> ObjectStore:
    with extra_needed("`jpegmend cluster`", "cluster"):
        from obstore import exceptions
        from obstore.store import LocalStore, from_url
    try:
        if folder is not None:
            return LocalStore(folder, mkdir=True)
        return from_url(address, client_options=_client_options(), retry_config=_RETRIES)
    except (exceptions.BaseError, OSError, ValueError) as error:
        raise _storage_error(address, error) from error


def _write_file(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
        raise OutputError(f"the folder {target.parent} cannot be made: {error.strerror}") from error
    atomic.check_name(target)
    try:
        atomic.write_bytes(target, data)
    except OutputError as error:
        raise _storage_error(str(target), error) from error


def _client_options() -> Any:
    # obstore reads this variable itself only where no other options of the client are given.
    plain = any(
        os.environ.get(f"{name}_ALLOW_HTTP", "").lower() in ("1", "true") for name in ("AWS", "AZURE", "GOOGLE")
    )
    return {**_TIMEOUTS, "allow_http": plain}


def _storage_error(name: str, error: Exception) -> StorageError:
    """The first line of a store's error, which goes on with pages of detail."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    if "Account must be specified" in said[0]:
        said[0] += "; set AZURE_STORAGE_ACCOUNT_NAME to that of the container"
    return StorageError(f"{name}: {said[0][:300]}")
