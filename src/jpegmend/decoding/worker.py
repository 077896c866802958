"""Worker process that runs the C decoders on untrusted input.

Run as a script by ``process.py``. It reads one JSON request a line from standard input, answers one JSON line on
standard output, and ends when its input closes or no request has come for a minute. It imports only what a request
needs, so that it starts fast.

Request: ``format`` ("jpeg" or a format of ``pictures.py``), ``source`` (path of the file), ``target`` (path to write
decoded arrays to), ``page`` (from 1), ``limits`` (the fields of ``limits.Limits``) and ``folders`` (those of both
files, which the worker removes where its parent was killed before it could).
Answer: ``arrays`` (data type and shape of each array; ``target`` then holds them one after the other, in C order) and
``facts`` (what else the decoder found), or ``error`` (a message), ``reason`` ("pixels", "memory", "unsupported",
"page", "damaged", "installation": a library cannot be imported, or "room": the target could not grow, and ``error`` is
the system's number of that) and ``pages`` (pictures in the file, as far as they were counted). There is no answer where
a limit of time ended the process. What the C libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import signal
import sys
import time
from typing import IO, Any

_BAND_BYTES = 1 << 20
_IDLE_SECONDS = 60
_ALARM = hasattr(signal, "setitimer")
_WINDOWS = os.name == "nt"
_LEFT_OPEN: dict[str, Any] = {}
"""The animation of the last request by its path, if that was for a later frame and there are more."""


def main() -> None:
    """Answer requests until standard input closes or the worker has been idle for a minute."""
    # Ctrl-C is sent to the whole process group; the parent ends the worker itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    remove_limits()  # those of the parent hold for its picture alone (batch/limited.py)
    # Answers are written to a duplicate of standard output, so that C code that prints there cannot mix with them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folders: list[str] = []
    try:
        while line := _next_line():
            request = json.loads(line)
            folders = request["folders"]
            answers.write(json.dumps(_answer(request)) + "\n")
            answers.flush()
    except BrokenPipeError:
        pass
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _next_line() -> bytes:
    """The next request; ends the process without an error after the idle time."""
    if _ALARM:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, _IDLE_SECONDS)
    line = sys.stdin.buffer.readline()
    if _ALARM:
        signal.setitimer(signal.ITIMER_REAL, 0)
        # From here on the alarm is the limit of wall time and ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return line


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["source"] not in _LEFT_OPEN:
        _LEFT_OPEN.clear()
    decode = _decode_jpeg if request["format"] == "jpeg" else _decode_picture
    limits = Limiter(request["limits"])
    try:
        with open(request["target"], "r+b") as out:
            return decode(request["format"], request["source"], out, limits, request["page"])
    except MemoryError as problem:
        return {"error": "out of memory", "reason": "memory", "pages": getattr(problem, "pages", 1)}
    except Exception as problem:  # the libraries share no base class of their errors; each becomes an answer
        text = str(problem) or type(problem).__name__
        if type(problem).__name__ == "UnidentifiedImageError":  # Pillow's message has the path of a temporary file
            text = "its header cannot be read"
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return {"error": str(problem.errno), "reason": "room"}
        reason = getattr(problem, "reason", None) or _reason(problem, text.lower(), request["format"])
        return {"error": text, "reason": reason, "pages": getattr(problem, "pages", 1)}
    finally:
        limits.stop_clock()


def _reason(problem: Exception, text: str, format: str) -> str:
    """The ``reason`` of a library's error, from its kind and its message."""
    if isinstance(problem, ImportError):
        return "installation"
    if "memory" in text or "bad_alloc" in text:
        return "memory"
    # Pillow begins so for a sound file of a kind it does not read; libjpeg also for marker bytes of a damaged one.
    unsupported = "arithmetic cod" in text or (format != "jpeg" and text.startswith("unsupported"))
    return "unsupported" if unsupported else "damaged"


def _decode_jpeg(format: str, source: str, out: IO[bytes], limits: Limiter, page: int) -> dict[str, Any]:
    """Quantised DCT coefficients of every component: int16 ``[block rows, block columns, 8, 8]``."""
    load_jpegio()  # before the memory is limited
    limits.apply(pixels=0)  # jpeg_limits already includes the size of the picture
    image = read_jpeg(source)
    return {"arrays": [["int16", _write_blocks(array, out)] for array in image.coef_arrays], "facts": {}}


def load_jpegio() -> Any:
    """The library that reads DCT coefficients; raises ``ImportError`` where it cannot be loaded."""
    try:
        import jpegio
    except ValueError as error:  # it was built for another numpy
        raise ImportError(str(error)) from error
    return jpegio


def read_jpeg(path: str) -> Any:
    """A JPEG file as the library decodes it; raises its errors, which have no base class.

    The library hands the path to C in UTF-8, which Windows takes for text of the system's code page: in the temporary
    folder of a user whose name is not ASCII no file would be found. Names inside that folder are ASCII.
    """
    jpegio = load_jpegio()
    if not _WINDOWS:
        return jpegio.read(path)
    with contextlib.chdir(os.path.dirname(path)):
        return jpegio.read(os.path.basename(path))


def _decode_picture(format: str, source: str, out: IO[bytes], limits: Limiter, page: int) -> dict[str, Any]:
    """Samples ``[H, W]`` or ``[H, W, C]`` (uint8 or uint16) of a picture that Pillow decodes, or levels of a TIFF."""
    from jpegmend.decoding import pictures

    return pictures.decode(format, source, out, limits.apply, page, _LEFT_OPEN)


def _write_blocks(array: Any, out: IO[bytes]) -> tuple[int, int, int, int]:
    """Write an int32 ``[8 R, 8 K]`` array as int16 blocks ``[R, K, 8, 8]``, some rows at a time."""
    import numpy as np

    rows, columns = array.shape[0] // 8, array.shape[1] // 8
    step = max(1, _BAND_BYTES // (columns * 128))
    for first in range(0, rows, step):
        band = array[8 * first : 8 * (first + step)].reshape(-1, 8, columns, 8)
        blocks = np.empty((band.shape[0], columns, 8, 8), np.int16)
        np.copyto(blocks, band.transpose(0, 2, 1, 3), casting="unsafe")  # libjpeg's levels are 16 bits wide
        out.write(blocks.data)
    return rows, columns, 8, 8


class LimitError(Exception):
    """The picture exceeds a limit; ``reason`` is that of the answer."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Limiter:
    """Applies the limits of one request to this process."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self._limits = limits

    def apply(self, *, pixels: int, width: int = 0, height: int = 0, frames: int = 1) -> None:
        """Set the process limits for a picture of so many pixels; raises ``LimitError`` if they exceed the maximum.

        For several ``frames`` of an animation there is more time, at most that of the largest picture allowed.
        """
        limits = self._limits
        if pixels > limits["pixels"]:
            raise LimitError(
                f"the header claims {width}x{height} = {pixels:,} pixels, allowed are {limits['pixels']:,}; "
                "raise max_pixels if the file can be trusted",
                "pixels",
            )
        if pixels > limits["plausible"]:
            raise LimitError(
                f"the header claims {width}x{height} = {pixels:,} pixels, of which a file of its size can hold "
                f"{limits['plausible']:,} at most",
                "pixels",
            )
        memory = limits["memory"] + limits["memory_per_pixel"] * pixels
        if limits["machine"] and memory > limits["machine"]:
            raise LimitError(
                f"decoding takes {memory / 2**30:.1f} GiB of memory; a decoder may use half of this machine's, "
                f"{limits['machine'] / 2**30:.1f} GiB",
                "memory",
            )
        seconds = limits["seconds"] + limits["seconds_per_pixel"] * min(frames * pixels, limits["pixels"])
        limit_processor_time(seconds)
        limit_memory(int(memory), "RLIMIT_AS")
        if _ALARM:
            signal.setitimer(signal.ITIMER_REAL, limits["timeout"] or 30 + 4 * seconds)

    def stop_clock(self) -> None:
        """Remove the limit of wall time."""
        if _ALARM:
            signal.setitimer(signal.ITIMER_REAL, 0)


def limit_processor_time(extra: float) -> None:
    """Limit processor time to ``extra`` seconds from now on; the system then ends the process by SIGXCPU."""
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + extra))


_STATM = {"RLIMIT_AS": 0, "RLIMIT_DATA": 5}
"""Fields of /proc/self/statm that the limits refer to: all pages, and private writable ones."""


def limit_memory(extra: int, kind: str) -> None:
    """Limit growth of this process to ``extra`` bytes from now on, if the system reports its size.

    ``kind``: ``RLIMIT_AS``, the address space; ``RLIMIT_DATA``, without mapped files and what libraries only reserve.
    """
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            held = int(statm.read().split()[_STATM[kind]]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    _lower(getattr(resource, kind), held + extra)


def remove_limits() -> None:
    """Set the limits of processor time and of private memory to what the system allows at most."""
    try:
        import resource
    except ImportError:
        return
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_DATA):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (hard, hard))


def _lower(kind: int, limit: int) -> None:
    """Set a soft limit, at most the hard limit."""
    import resource

    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # the request tells of it
        load_jpegio()  # at once, not at the first request: the parent may still be busy elsewhere
    main()
