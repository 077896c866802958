"""Calls for workers that take as long, and as much memory, as a test wants, or fail as it wants."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from jpegmend.batch import messages
from jpegmend.decoding.worker import limit_processor_time


def tell_for(seconds: float) -> str:
    """Send a message every 20 ms."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        messages.send("still here")
        time.sleep(0.02)
    return "done"


def sleep(seconds: float) -> str:
    """Never tell anything."""
    time.sleep(seconds)
    return "slept"


def die(marks: str, times: int) -> str:
    """Be killed the first so many times."""
    mark = Path(marks)
    seen = len(mark.read_text()) if mark.exists() else 0
    if seen < times:
        mark.write_text("x" * (seen + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def crash() -> None:
    """Be ended by a fault, as of a C library."""
    os.kill(os.getpid(), signal.SIGSEGV)


def compute() -> None:
    """Use up all the processor time that is allowed."""
    limit_processor_time(0)
    while True:
        pass


def hold(count: int, seconds: float) -> int:
    """Hold so many bytes."""
    held = bytearray(os.urandom(1)) * count
    time.sleep(seconds)
    return len(held)


def fill() -> None:
    """Write where no space is left."""
    with open("/dev/full", "wb", buffering=0) as full:
        full.write(b"x")


def restore_at_the_second_try(order: Any) -> dict[str, Any]:
    """In place of a restoration: the first process is killed in the middle."""
    from jpegmend.web.work import restore_picture

    die(str(order.folder / "marks"), 1)
    return restore_picture(order)


def restore_slowly(order: object) -> None:
    """In place of a restoration."""
    time.sleep(60)


def inspect_slowly(path: Path, max_bytes: int, max_pixels: int) -> None:
    """In place of an inspection."""
    time.sleep(60)


def inspect_when_told(path: Path, max_bytes: int, max_pixels: int) -> dict[str, Any]:
    """In place of an inspection: wait for a file ``go`` beside the input."""
    while not path.with_name("go").exists():
        time.sleep(0.01)
    return {}


def nothing() -> None:
    """Return at once."""
