"""The source and the network of a restoration or enlargement, opened as the shared options say."""

from __future__ import annotations

from jpegmend import reading
from jpegmend.reading import Opened, Source
from jpegmend.restoration.options import SharedOptions
from jpegmend.runtimes import Runtime, open_runtime
from jpegmend.weights import Card


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
