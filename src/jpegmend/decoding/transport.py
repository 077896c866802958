"""Transfer of files to a worker and of decoded arrays back, by temporary files."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegmend.decoding.limits import MEBI, Limits
from jpegmend.decoding.pool import POOL
from jpegmend.errors import (
    DamagedJpeg,
    DecoderStopped,
    InputError,
    InvalidOption,
    JpegmendError,
    TooLarge,
    UnsupportedJpeg,
    describe,
    says_no_room,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_IN_MEMORY = 32 * MEBI
"""Arrays up to this many bytes in total are read into memory, larger ones are memory-mapped."""
_ERRORS: dict[str, type[JpegmendError]] = {
    "pixels": TooLarge,
    "memory": TooLarge,
    "unsupported": UnsupportedJpeg,
    "page": InvalidOption,
    "installation": DecoderStopped,
}


_STORED: ContextVar[tuple[bytes, Path] | None] = ContextVar("_STORED", default=None)
"""The file that is stored for several requests, and where."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Output of a decoder."""

    arrays: tuple[NDArray[Any], ...]
    """Read-only; a memory-mapped file where they are large."""
    facts: dict[str, Any]
    log: str
    """Warnings that the C library printed."""


@contextlib.contextmanager
def stored(data: bytes) -> Iterator[None]:
    """Write a file for the workers once, instead of for each of its pages that is decoded in the block.

    It holds for this very object. Where it cannot be written, each request tries anew, as without this.
    """
    with contextlib.ExitStack() as kept:
        with contextlib.suppress(OSError):
            folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="jpegmend-", dir=_scratch(len(data))))
            source = Path(folder, "source")
            source.write_bytes(data)
            kept.callback(_STORED.reset, _STORED.set((data, source)))
        yield


def decode(
    format: str, pieces: Sequence[bytes | memoryview], limits: Limits, *, result_bytes: int = 0, page: int = 1
) -> Decoded:
    """Decode one file in a worker process, within limits.

    ``pieces`` are its bytes; ``result_bytes`` is the expected size of the result, for the choice of the folder;
    ``page`` selects a picture, from 1, of a file with several.

    Raises:
        TooLarge: more pixels or memory than allowed.
        UnsupportedJpeg: a picture of an unsupported kind.
        InvalidOption: it has no such page.
        DamagedJpeg: it cannot be decoded, the decoder died of it, or exceeded a time limit.
        DecoderStopped: the decoder was ended from outside, cannot be started or loaded, or has no room for its
            temporary files.
    """
    full: OSError | None = None
    # Pictures may be larger than expected, or others fill the memory meanwhile: then the disk is tried.
    for scratch in dict.fromkeys((_scratch(sum(map(len, pieces)) + result_bytes), None)):
        try:
            return _decode_in(scratch, format, pieces, limits, page)
        except OSError as error:
            if not says_no_room(error):
                told = f"the decoder cannot be started: {describe(error)}; the file may be sound"
                raise DecoderStopped(told) from error
            full = error
    assert full is not None
    raise DecoderStopped(
        f"the decoded picture does not fit into the folder of temporary files, {tempfile.gettempdir()}: "
        f"{describe(full)} (the variable TMPDIR names another)"
    ) from full


def _decode_in(
    scratch: str | None, format: str, pieces: Sequence[bytes | memoryview], limits: Limits, page: int
) -> Decoded:
    # The folder is deleted at once: a mapped file stays readable without a name, and leaves nothing on the disk.
    with tempfile.TemporaryDirectory(prefix="jpegmend-", dir=scratch) as folder:
        source, target = _find_stored(pieces), Path(folder, "arrays")
        if source is None:
            source = Path(folder, "source")
            with source.open("wb") as file:
                file.writelines(pieces)
        target.touch()
        request = {
            "format": format,
            "source": str(source),
            "target": str(target),
            "folders": list({folder, str(source.parent)}),
            "page": page,
            "limits": asdict(limits),
        }
        answer = POOL.ask(request, limits.wall())
        if "error" in answer.content:
            _raise_for(format, **answer.content)
        return Decoded(_load(target, answer.content["arrays"]), answer.content["facts"], answer.log)


def _find_stored(pieces: Sequence[bytes | memoryview]) -> Path | None:
    """Where a file is stored already; None if it is not."""
    kept = _STORED.get()
    return kept[1] if kept and len(pieces) == 1 and pieces[0] is kept[0] else None


def _scratch(size: int) -> str | None:
    """Folder for temporary files of ``size`` bytes; None is the default of the system.

    Small files go to /dev/shm. Large ones go to the disk, because the system can drop cached pages of a file on disk
    when memory is short, but not pages of /dev/shm.
    """
    memory = "/dev/shm"
    if size > 2 * _IN_MEMORY or not os.access(memory, os.W_OK | os.X_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 2 * size else None


def _raise_for(format: str, error: str, reason: str, pages: int = 1) -> None:
    if reason == "room":
        raise OSError(int(error), "")
    problem = _problem(format, error, reason)
    if isinstance(problem, InputError):
        problem.pages = pages
    raise problem


def _problem(format: str, error: str, reason: str) -> JpegmendError:
    text = error.removeprefix("[JSTRUCT] ")
    if reason == "memory" and "allowed" not in text and "may use" not in text:
        text = f"decoding the {format} ran out of memory: {text}"
    if reason == "installation":
        text = f"the {format} decoder cannot be loaded: {text}; the file may be sound: install jpegmend again"
    if reason in _ERRORS:
        return _ERRORS[reason](text)
    return DamagedJpeg(f"the {format} decoder gave up: {text}")


def _load(path: Path, described: list[tuple[str, list[int]]]) -> tuple[NDArray[Any], ...]:
    import numpy as np  # here: the command line reads the limits, and its help should not wait for numpy

    sizes = [math.prod(shape) * np.dtype(kind).itemsize for kind, shape in described]
    # Windows cannot remove a file that is mapped.
    if sum(sizes) <= _IN_MEMORY or os.name == "nt":
        whole: NDArray[np.uint8] = np.fromfile(path, np.uint8)
        whole.setflags(write=False)
    else:
        whole = np.asarray(np.memmap(path, np.uint8, mode="r"))
    parts = np.split(whole, np.cumsum(sizes)[:-1])
    return tuple(part.view(kind).reshape(shape) for part, (kind, shape) in zip(parts, described, strict=True))
