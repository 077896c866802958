"""Worker process: reads pickled calls from standard input and writes pickled answers to standard output.

``python -m jpegmend.batch.worker FOLDER``, with a folder for its temporary files, beside those of other workers.
``multiprocessing`` is not used, because its processes import the caller's main module again, which fails in scripts
without a guard, and because a process that dies breaks its whole pool.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import shutil
import signal
import sys
import threading
from typing import Any, BinaryIO, NoReturn

from jpegmend.batch import messages

Call = tuple[Any, tuple[Any, ...]]
"""A function of a module and its arguments."""

_GRACE = 10.0
"""Seconds a worker may take to stop after its parent has ended."""


def main() -> None:
    """Answer calls until the parent ends."""
    folder = sys.argv[1]
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Output of libraries goes to standard error, so that it cannot mix with the answers.
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    signal.signal(signal.SIGTERM, _stop)
    messages.connect(answers)
    waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(calls, waiting), daemon=True).start()
    try:
        while (call := waiting.get()) is not None:
            messages.note_begun()
            answers.write(_answer(call, folder))
            answers.flush()
    except BrokenPipeError:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # The parent removes all folders too, unless it was killed; then the last worker finds none beside its own.
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(folder))


def _answer(call: Call, folder: str) -> bytes:
    """Whether the call succeeded, and its result or exception, pickled."""
    function, arguments = call
    try:
        # Each time: systems remove what was not used in /tmp for some days, and a service may wait longer.
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return pickle.dumps((True, function(*arguments)), protocol=5)
    except Exception as error:
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)
        except Exception:
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _receive(calls: BinaryIO, waiting: queue.SimpleQueue[Call | None]) -> None:
    """Read calls in a thread of its own, so that the end of the parent is noticed during a picture."""
    try:
        while True:
            call = _unpickle(messages.read(calls))
            if messages.note_received(call):
                waiting.put(call)
    except (EOFError, OSError):
        waiting.put(None)
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE)
    os._exit(1)


def _unpickle(message: bytes) -> Any:
    """A call; one that raises why where it cannot be unpickled, as with an object of a class of the caller's script."""
    try:
        return pickle.loads(message)
    except Exception as error:
        return _raise, (error,)


def _raise(error: Exception) -> NoReturn:
    raise error


def _stop(number: int, frame: Any) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the cleanup
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
