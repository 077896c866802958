"""Child process that restores one file, or runs the command, and prints its seconds and peak memory as JSON.

``python -m jpegmend.evaluation.benchmark.footprint restore FILE '{"threads": 2}'`` or ``... command -- FILE -o OUT``.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from jpegmend.errors import JpegmendError

_SAMPLE_SECONDS = 0.1
"""Seconds between two samples of the memory of the process tree."""


def peak_bytes() -> int:
    """Largest resident size of this process so far, in bytes; 0 on Windows, which does not tell it here.

    Linux keeps it for each program that is executed; ``getrusage`` would begin with the parent's size.
    """
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    except (OSError, StopIteration):
        try:
            import resource
        except ImportError:
            return 0
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else 1024 * largest


class Tree(threading.Thread):
    """Thread that samples the memory of this process and its descendants; Linux only.

    Of the descendants only private pages are counted. Processes that end between two samples are missed.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Sample until stopped, and keep the largest sum."""
        while not self._over.wait(_SAMPLE_SECONDS):
            own, *others = descendants(os.getpid())
            self.peak = max(self.peak, _resident(own) + sum(_resident(other, "Private_") for other in others))

    def stop(self) -> int:
        """End sampling; the largest sum in bytes, 0 where the system does not report memory."""
        self._over.set()
        self.join()
        return self.peak


def descendants(process: int) -> list[int]:
    """The process and all below it; itself alone where the system does not report them."""
    found = [process]
    for known in found:
        with contextlib.suppress(OSError):  # a process that has ended since
            for task in Path(f"/proc/{known}/task").iterdir():
                with contextlib.suppress(OSError):  # a thread that has
                    found += map(int, (task / "children").read_text("ascii").split())
    return found


def _resident(process: int, kind: str = "Rss") -> int:
    """Bytes of a process in memory of the kinds whose names begin with ``kind``; 0 where the system does not report."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(kind))
    return 0


def measure(mode: str, *words: str, timeout: float = 3600, tree: bool = False) -> dict[str, float]:
    """Time and memory of one restoration in a new process: ``seconds``, ``wall_seconds`` with start, ``peak_mb``.

    With ``tree`` also ``peak_tree_mb``, which includes the processes that it started; sampling takes a little time.

    Raises:
        JpegmendError: the child failed; its last line is the message.
    """
    start = perf_counter()
    child = [sys.executable, "-m", "jpegmend.evaluation.benchmark.footprint", *(["tree"] if tree else []), mode, *words]
    done = subprocess.run(child, capture_output=True, text=True, timeout=timeout, check=False)
    wall = perf_counter() - start
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise JpegmendError(f"{mode} {' '.join(words)} failed: {last}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "wall_seconds": wall}


def restore_file(path: Path, options: Mapping[str, Any]) -> float:
    """Seconds to restore a JPEG from memory to 8-bit pixels, after a tiny one as warm-up."""
    import numpy as np

    from jpegmend.evaluation.measure.degrade_and_score import encode
    from jpegmend.evaluation.measure.methods_under_test import Method, find

    chosen = dict(options)
    method = Method(find(chosen.pop("model", "jpeg")), consistent=True)
    # Imports and the session are needed once a process, whatever the size of the picture: they are not timed.
    method.restore(encode(np.full((16, 16, 3), 128, np.uint8), 50, "4:2:0"), **chosen)
    start = perf_counter()
    method.restore(path.read_bytes(), **chosen)
    return perf_counter() - start


def run_command(words: Sequence[str]) -> float:
    """Seconds to run the command line in this process.

    Raises:
        JpegmendError: it ended with another code than 0.
    """
    sys.argv = ["jpegmend", *words]
    start = perf_counter()
    try:
        # By name, as a shell would: evaluation may not import the command line.
        runpy.run_module("jpegmend", run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise JpegmendError(f"jpegmend {' '.join(words)} ended with {end.code}") from end
    return perf_counter() - start


def main(words: Sequence[str]) -> None:
    """The command: measure one restoration and print a line of JSON."""
    tree = Tree() if words[0] == "tree" else None
    mode, *rest = words[1:] if tree else words
    if tree:
        tree.start()
    seconds = run_command(rest) if mode == "command" else restore_file(Path(rest[0]), json.loads(rest[1]))
    found = {"seconds": seconds, "peak_mb": peak_bytes() / 1e6}
    if tree:
        found["peak_tree_mb"] = max(tree.stop() / 1e6, found["peak_mb"])
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
