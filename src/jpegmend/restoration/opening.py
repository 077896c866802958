"""The source, the network and the output of a restoration or enlargement, as the shared options say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from numpy.typing import NDArray

from jpegmend import reading
from jpegmend.reading import Opened, Source
from jpegmend.restoration.options import SharedOptions
from jpegmend.restoration.output_array import OutputArray
from jpegmend.restoration.scene import Scene
from jpegmend.runtimes import Runtime, open_runtime
from jpegmend.weights import Card

BeforeWork = Callable[[Opened, Card, "Runtime | None", SharedOptions], None]
"""Called with a picture that was opened, the card, the runtime (None where no network runs) and the options."""
_BEFORE_WORK: ContextVar[tuple[BeforeWork, ...]] = ContextVar("_BEFORE_WORK", default=())


@contextmanager
def before_work(call: BeforeWork) -> Iterator[None]:
    """In the block call a function with each picture that is about to be restored or enlarged; it may refuse it."""
    before = _BEFORE_WORK.set((*_BEFORE_WORK.get(), call))
    try:
        yield
    finally:
        _BEFORE_WORK.reset(before)


def announce(opened: Opened, card: Card, network: Runtime | None, options: SharedOptions) -> None:
    """Call the functions of :func:`before_work`."""
    for call in _BEFORE_WORK.get():
        call(opened, card, network, options)


def open_picture(source: Source, options: SharedOptions) -> Opened:
    """Read a source; page 1 where none is given. Raises the errors of :func:`jpegmend.reading.open_source`."""
    return reading.open_source(
        source,
        max_pixels=options.max_pixels,
        timeout=options.timeout,
        strict=options.strict,
        page=options.page or 1,
    )


def open_network(card: Card, options: SharedOptions) -> Runtime:
    """Load the network of a card. Raises the errors of :func:`jpegmend.runtimes.open_runtime`."""
    return open_runtime(card, runtime=options.runtime, threads=options.threads, provider=options.provider)


def applied_orientation(opened: Opened, options: SharedOptions) -> int:
    """The EXIF orientation that is applied to the pixels; 1 is none."""
    return opened.metadata.orientation if options.orientation == "apply" else 1


def make_output(
    opened: Opened, scene: Scene, options: SharedOptions, alpha: NDArray[Any] | None, scale: int = 1
) -> OutputArray:
    """An array for the picture enlarged by ``scale``; ``alpha`` [s H, s W], if there is one, is in it already."""
    output = OutputArray(
        opened.height * scale,
        opened.width * scale,
        4 if alpha is not None else 1 if scene.colour == "gray" else 3,
        bits=options.bits or opened.bits,
        orientation=applied_orientation(opened, options),
    )
    if alpha is not None:
        output.write_alpha(alpha)
    return output
