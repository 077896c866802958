"""Known data sets: download (resumable, with checksums), unpacking, drawing, and counting of pictures."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image, UnidentifiedImageError

from jpegmend.data import patterns
from jpegmend.data.sets import Archive, PictureSet, how_to_get, picture_files
from jpegmend.errors import MissingData
from jpegmend.formats import SUFFIXES
from jpegmend.writing.atomic import make_folder, write_bytes

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes received, and its size, or None if that is unknown."""

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    UnidentifiedImageError,
)
"""Errors that say that a file is no archive or picture, or a damaged one."""
_BLOCK = 1 << 20
_TIMEOUT = 60.0


def _silent(name: str, done: int, total: int | None) -> None:
    """No progress."""


def prepare(known: PictureSet, root: Path, *, progress: Progress = _silent) -> Path:
    """Download and unpack, or draw, what is missing of a set, count its pictures, and return its folder.

    Raises :class:`~jpegmend.errors.MissingData` where no source answers, a checksum or a count is wrong, or the set
    is one that has to be asked for, and :class:`~jpegmend.errors.OutputError` where ``root`` cannot be written to.
    """
    folder = root / known.name
    if not wrong_counts(known, folder):
        return folder
    if known.drawn:
        patterns.write(folder, known.counts[""])
    elif not known.archives:
        raise MissingData(f"{known.name} cannot be downloaded by a program; {how_to_get(known)}")
    for archive in known.archives:
        file = root / "downloads" / archive.file
        download(archive, file, progress=progress)
        unpack(archive, file, folder)
    if wrong := wrong_counts(known, folder):
        downloaded = f", its files in {root / 'downloads'} and their .sha256," if known.archives else ""
        raise MissingData(f"{folder}: {'; '.join(wrong)}; delete the folder{downloaded} and prepare it again")
    return folder


def download(archive: Archive, file: Path, *, progress: Progress = _silent) -> None:
    """Fetch one file from the first source that delivers it completely; a partial download is resumed.

    If no checksum is known, that of the file is stored in ``FILE.sha256`` beside it and checked from then on.
    """
    make_folder(file.parent)
    noted = _noted(file)
    expected = archive.sha256 or (noted.read_text().strip() if noted.exists() else None)
    if file.exists() and expected and _sha256(file) == expected:
        return
    # No temporary file of writing.atomic: this one stays when the program is stopped, so that it can be resumed.
    partial, failures = file.with_name(file.name + ".partial"), []
    for url in archive.urls:
        try:
            _fetch(url, partial, lambda done, total: progress(archive.file, done, total))
        except (OSError, ValueError, http.client.HTTPException) as error:
            failures.append(f"{url}: {error}")
            continue
        found = _sha256(partial)
        if expected and found != expected:
            partial.unlink()
            why = "" if archive.sha256 else f", that of the first download; delete {noted} if that was the wrong one"
            failures.append(f"{url}: sha256 {found}, expected {expected}{why}")
            continue
        partial.replace(file)
        write_bytes(noted, f"{found}\n".encode())
        return
    raise MissingData(f"{archive.file} could not be downloaded: {'; '.join(failures)}; run the command again to go on")


def _fetch(url: str, partial: Path, progress: Callable[[int, int | None], None]) -> None:
    """Append the missing bytes to ``partial``; ConnectionError if fewer bytes arrive than the server stated."""
    there = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and there:  # the server has no more bytes; the checksum decides
            return
        raise
    with response, partial.open("ab" if response.status == 206 else "wb") as stream:
        there = there if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else None
        while block := response.read(_BLOCK):
            stream.write(block)
            there += len(block)
            progress(there, total)
    if total is not None and there < total:
        raise ConnectionError(f"{there} of {total} bytes came")


def unpack(archive: Archive, file: Path, folder: Path) -> None:
    """Write the pictures of the wanted folders of a tar or zip file, or the file itself, into the set's folder.

    Raises :class:`~jpegmend.errors.MissingData` for a file of another kind, such as an error page of the server, or a
    damaged one; it is deleted with its checksum, which would refuse the right one.
    """
    try:
        if not archive.inside:
            Image.open(file).close()
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / file.name, file.read_bytes())
            return
        for name, stream in _members(file):
            if target := _target(archive, name):
                place = folder / target
                place.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(place, stream.read())
    except _DAMAGED as error:
        file.unlink()
        _noted(file).unlink(missing_ok=True)
        # tarfile says in a line each that it is not of this or that compression.
        why = str(error).splitlines()[0].rstrip(":") if str(error) else type(error).__name__
        raise MissingData(f"{file} cannot be unpacked: {why}; it was deleted, prepare the set again") from error
    except OSError as error:
        raise MissingData(f"{file} cannot be unpacked: {error}; correct this and prepare the set again") from error


def _noted(file: Path) -> Path:
    """The file that holds the checksum of the first download."""
    return file.with_name(file.name + ".sha256")


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as opened:
            for name in opened.namelist():
                if not name.endswith("/"):
                    with opened.open(name) as stream:
                        yield name, stream
        return
    with tarfile.open(file) as tar:
        for member in tar:
            if member.isfile() and (extracted := tar.extractfile(member)):
                yield member.name, extracted


def _target(archive: Archive, name: str) -> PurePosixPath | None:
    """Path of a member relative to the set; None for members that are not wanted."""
    path = PurePosixPath(name)
    # Only the last part of a name is used, so that no archive can write outside the set's folder.
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return None
    target = archive.inside.get(str(path.parent).removeprefix("./"))
    return None if target is None else PurePosixPath(target) / path.name


def wrong_counts(known: PictureSet, folder: Path) -> list[str]:
    """Sentences on folders of a set with a wrong number of pictures; empty if it is complete."""
    if not known.counts:
        return [] if picture_files(folder) else ["no pictures"]
    found = {part: len(picture_files(folder / part)) for part in known.counts}
    return [
        f"{found[part]} pictures in {part or 'the set'}, {count} expected"
        for part, count in known.counts.items()
        if found[part] != count
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
