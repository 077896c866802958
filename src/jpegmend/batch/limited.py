"""Limits of memory and processor time for restoring and writing a picture, enforced by the system on this process.

The decoders have their own (``decoding/limits.py``, which has all the figures). Here are those of everything after:
metadata, colour profiles, estimates, the network, the projection, the encoders of results.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from jpegmend.decoding.limits import restoration_limits
from jpegmend.decoding.worker import limit_memory, limit_processor_time, remove_limits
from jpegmend.errors import ModelError, OverBudget

if TYPE_CHECKING:
    from jpegmend.reading import Opened
    from jpegmend.restoration.options import SharedOptions
    from jpegmend.runtimes import Runtime
    from jpegmend.weights import Card

TIME_IS_UP = -getattr(signal, "SIGXCPU", 0) or None
"""Exit status of a process that the system ended for its processor time."""
TOO_SLOW = "restoring and writing took all the processor time that a picture of its size may have"


@contextmanager
def limited() -> Iterator[None]:
    """Limit each picture that is restored in the block, by its pixels, from when it is opened until the block ends.

    The limits hold for the whole process, which should do nothing else; outside the main thread there are none. A
    process that exceeds its time is ended by the system (SIGXCPU). Limits of memory are set on Linux, for networks on
    the CPU.

    Raises:
        OverBudget: the memory is used up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    from jpegmend.restoration.opening import before_work  # here: the command starts without numpy

    sizes: list[str] = []

    def limit(opened: Opened, card: Card, network: Runtime | None, options: SharedOptions) -> None:
        sizes[:] = [_set_limits(opened, card, network, options)]

    try:
        with before_work(limit):
            yield
    except (MemoryError, ModelError) as error:
        if isinstance(error.__cause__, OverBudget):  # of time, raised inside the network's run
            raise error.__cause__ from None
        if not sizes or not (isinstance(error, MemoryError) or "alloc" in str(error).lower()):
            raise
        raise OverBudget(f"{sizes[0]}, which does not suffice ({str(error) or 'out of memory'})") from error
    finally:
        remove_limits()


@contextmanager
def time_raises() -> Iterator[None]:
    """Raise ``OverBudget`` in the block where the processor time is used up, instead of ending the process."""
    if TIME_IS_UP is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGXCPU, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGXCPU, before)


def _set_limits(opened: Opened, card: Card, network: Runtime | None, options: SharedOptions) -> str:
    """Set the limits for a picture; returns what they allow, for a message."""
    from jpegmend.restoration.tile_sizes import TILE_BYTES
    from jpegmend.runtimes.providers import stays_on_cpu

    side, cost, held = card.window, card.multiply_adds or None, 0.0
    if network is not None:
        side = side or 2 * card.halo + 64
        held = max(TILE_BYTES, card.bytes_per_pixel * side**2)
    passes = getattr(options, "thorough", 1)
    memory, seconds = restoration_limits(
        opened.height * opened.width * card.scale**2,  # of an enlargement, which takes the most, the result
        network_bytes=held,
        multiply_adds=0.0 if network is None else None if cost is None else cost * passes,
    )
    memory = max(memory, options.memory_bytes or 0)
    limit_processor_time(seconds)
    # GPU libraries map much that they do not use.
    if network is None or stays_on_cpu(network.name, options.provider):
        limit_memory(int(memory), "RLIMIT_DATA")
    return f"restoring {opened.width}x{opened.height} pixels and writing them may take {memory / 1e9:.2g} GB of memory"


def _stop(number: int, frame: Any) -> NoReturn:
    raise OverBudget(TOO_SLOW)
