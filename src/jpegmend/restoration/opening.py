"""The source, the network and the output of a restoration or enlargement, as the shared options say."""

from __future__ import annotations

from collections.abc import Callable
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
BEFORE_WORK: ContextVar[BeforeWork | None] = ContextVar("BEFORE_WORK", default=None)
"""Called with each picture of this context that is about to be restored; the runtime is None where no network runs."""


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
