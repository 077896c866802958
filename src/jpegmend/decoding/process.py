"""Handle of one worker process: starts it on demand, sends requests, and replaces it when it hangs or dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jpegmend.errors import DamagedJpeg, DecoderStopped, JpegmendError

_WORKER = Path(__file__).with_name("worker.py")
_LOG_LIMIT = 1 << 16
_NO_MORE = "the system lets no process or thread be started for the decoder: raise its limit (ulimit -u), or end others"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment variables with which numpy has one thread. Its matrix products here are small: threads of its own wait
for work in a loop, and take the processor from those of the network."""
_CPU_TIME_OVER = -getattr(signal, "SIGXCPU", 0) or None
_WALL_TIME_OVER = -getattr(signal, "SIGALRM", 0) or None


@dataclass(frozen=True)
class Answer:
    """Answer of the worker to one request."""

    content: dict[str, Any]
    log: str
    """Standard error of the C libraries during the request."""


class Worker:
    """A worker process, started on demand and reused for the next file. Not thread-safe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None if no process runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process if it does not run; does not wait until it is ready."""
        self._running()

    def ask(self, request: dict[str, Any], seconds: float) -> Answer:
        """Send one request and wait for its answer, at most ``seconds`` of wall time.

        Raises ``DamagedJpeg`` if the process crashes during the request or exceeds a time limit, ``DecoderStopped`` if
        another process ends it; the next request starts a new one.
        """
        line = json.dumps(request).encode() + b"\n"
        try:
            reply = self._try(line, seconds)
            if reply is None:
                # The system or the idle limit may have ended the process before this request. Only if a new process
                # dies too is the file the cause.
                self.stop()
                reply = self._try(line, seconds)
            if reply is None:
                status = self._process.wait() if self._process is not None else None
                raise _death(request["format"], status)
            return Answer(json.loads(reply), self._take_log())
        except BaseException:
            self.stop()  # it is dead, or its late answer would be read as that of the next request
            raise

    def stop(self) -> None:
        """End the process; a later request starts another."""
        process, log = self._process, self._log
        self._process = self._log = None
        if process is not None:
            process.kill()  # it has no unsaved data
            with contextlib.suppress(OSError):
                process.communicate()
        if log is not None:
            log.close()

    def _try(self, line: bytes, seconds: float) -> bytes | None:
        """The worker's answer; None if it died. Raises ``DamagedJpeg`` if it exceeded a time limit."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            raise DecoderStopped(_NO_MORE) from error
        reply = b""
        try:
            with contextlib.suppress(OSError):  # a broken pipe: it is dead
                process.stdin.write(line)
                process.stdin.flush()
                reply = process.stdout.readline()
        finally:
            timer.cancel()
            timer.join()
        if expired.is_set():
            raise DamagedJpeg(_too_slow(f"{seconds:.3g} s"))
        if reply.endswith(b"\n"):
            return reply
        status = process.wait()
        if status in (_CPU_TIME_OVER, _WALL_TIME_OVER) and status is not None:
            over = status == _CPU_TIME_OVER
            raise DamagedJpeg(_too_slow("all the processor time it may have" if over else f"{seconds:.3g} s"))
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
        try:
            self._process = subprocess.Popen(
                # -P keeps the script's folder out of the import path: its modules would hide others of the same name.
                [sys.executable, "-P", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=_environment(),
            )
        except BlockingIOError as error:
            raise DecoderStopped(_NO_MORE) from error
        return self._process

    def _take_log(self) -> str:
        # The worker shares this file's position, so it writes from 0 again too.
        assert self._log is not None
        self._log.seek(0)
        text = self._log.read(_LOG_LIMIT)
        if text:
            self._log.seek(0)
            self._log.truncate(0)
        return text.decode("utf-8", "replace")


def _death(format: str, status: int | None) -> JpegmendError:
    """The error for a decoder that ended without an answer, by its exit status; negative is the number of a signal."""
    ended_from_outside = [getattr(signal, name, None) for name in ("SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT")]
    if status is not None and -status in ended_from_outside:
        return DecoderStopped(
            f"the {format} decoder was ended twice from outside ({signal.Signals(-status).name}), as systems do where "
            "memory is short; the file may be sound: try it again, with fewer jobs at a time"
        )
    return DamagedJpeg(f"the {format} decoder crashed on this file (exit status {status}); it is damaged")


def _too_slow(spent: str) -> str:
    return (
        f"decoding was stopped after {spent}; a sound file of the size its header claims needs less "
        "(give a longer timeout if the machine is slow)"
    )


def _environment() -> dict[str, str]:
    """Environment variables of the worker: the import path of this process, and one thread."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path}
