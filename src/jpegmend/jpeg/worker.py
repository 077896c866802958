"""The process in which C code meets bytes nobody vouches for.

Run as a script by ``process.py``; imports nothing of this package, so that it starts fast. It reads one JSON
request a line from standard input, answers one JSON line on standard output, and ends when its input closes.

Request: ``source`` (path of the JPEG), ``target`` (path to write levels to), ``memory`` (bytes it may take on top
of what it holds). Answer: ``shapes`` ([block rows, block columns] of each component; ``target`` then holds their
int16 blocks, one component after the other), or ``error``. What libjpeg has to say goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import IO, Any

_BAND_BYTES = 1 << 22


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


def _decode(source: str, target: str, memory: int) -> list[tuple[int, int]]:
    import jpegio

    _limit_memory(memory)
    image = jpegio.read(source)
    with open(target, "r+b") as out:
        return [_write_blocks(array, out) for array in image.coef_arrays]


def _write_blocks(array: Any, out: IO[bytes]) -> tuple[int, int]:
    """Write an [8 R, 8 K] array as int16 blocks [R, K, 8, 8], some rows at a time."""
    rows, columns = array.shape[0] // 8, array.shape[1] // 8
    step = max(1, _BAND_BYTES // (columns * 128))
    for first in range(0, rows, step):
        band = array[8 * first : 8 * (first + step)].astype("int16")
        blocks = band.reshape(-1, 8, columns, 8).transpose(0, 2, 1, 3)
        out.write(blocks.tobytes())
    return rows, columns


def _limit_memory(extra: int) -> None:
    """Let the address space grow by ``extra`` bytes from here; no limit where the system tells no size."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            held = int(statm.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = held + extra
    if hard == resource.RLIM_INFINITY or limit <= hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    import jpegio  # noqa: F401  at once, not at the first request: the parent may still be busy elsewhere

    main()
