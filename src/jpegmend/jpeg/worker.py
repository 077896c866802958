"""The process in which C code meets bytes nobody vouches for.

Run as a script by ``process.py``; imports nothing of this package, so that it starts fast. It reads one JSON
request a line from standard input, answers one JSON line on standard output, and ends when its input closes.

Request: ``source`` (path of the JPEG), ``target`` (path to write levels to), ``memory`` and ``seconds``
(bytes and processor time it may take on top of what it has). Answer: ``shapes`` ([block rows, block columns]
of each component; ``target`` then holds their int16 blocks, one component after the other), or ``error``; no
answer where a limit ended the process. What libjpeg has to say goes to standard error.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from typing import IO, Any

_BAND_BYTES = 1 << 20


def main() -> None:
    """Answer requests until standard input closes."""
    # Ctrl-C is meant for the parent, which closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nothing but answers may go out on the answer pipe, whatever the C code prints.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        try:
            answer: dict[str, Any] = {"shapes": _decode(**json.loads(line))}
        except MemoryError:
            answer = {"error": "out of memory"}
        except Exception as problem:  # the C library raises RuntimeError, file trouble OSError: all are answers
            answer = {"error": str(problem)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _decode(source: str, target: str, memory: int, seconds: float) -> list[tuple[int, int]]:
    import jpegio

    _limit_time(seconds)
    _limit_memory(memory)
    image = jpegio.read(source)
    with open(target, "r+b") as out:
        return [_write_blocks(array, out) for array in image.coef_arrays]


def _write_blocks(array: Any, out: IO[bytes]) -> tuple[int, int]:
    """Write an int32 [8 R, 8 K] array as int16 blocks [R, K, 8, 8], some rows at a time."""
    import numpy as np

    rows, columns = array.shape[0] // 8, array.shape[1] // 8
    step = max(1, _BAND_BYTES // (columns * 128))
    for first in range(0, rows, step):
        band = array[8 * first : 8 * (first + step)].reshape(-1, 8, columns, 8)
        blocks = np.empty((band.shape[0], columns, 8, 8), np.int16)
        np.copyto(blocks, band.transpose(0, 2, 1, 3), casting="unsafe")  # libjpeg's levels are 16 bits wide
        out.write(blocks.data)
    return rows, columns


def _limit_time(extra: float) -> None:
    """Let the processor time grow by ``extra`` seconds from here; the system then ends the process."""
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + extra))


def _limit_memory(extra: int) -> None:
    """Let the address space grow by ``extra`` bytes from here; no limit where the system tells no size."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            held = int(statm.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    _lower(resource.RLIMIT_AS, held + extra)


def _lower(kind: int, limit: int) -> None:
    """Set a soft limit, unless the hard one is stricter."""
    import resource

    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    import jpegio  # noqa: F401  at once, not at the first request: the parent may still be busy elsewhere

    main()
