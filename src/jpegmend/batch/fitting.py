"""Refusal, before the network runs, of a picture that the format of its result cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jpegmend.reading import Opened
    from jpegmend.restoration.options import SharedOptions
    from jpegmend.runtimes import Runtime
    from jpegmend.weights import Card


@contextmanager
def fitting(name: str) -> Iterator[None]:
    """In the block refuse each picture whose result a format cannot hold, for its size or transparency.

    Raises:
        OutputError: as writing the result would.
    """
    from jpegmend.restoration.opening import applied_orientation, before_work  # here: the command starts without numpy
    from jpegmend.writing import check_picture

    def check(opened: Opened, card: Card, network: Runtime | None, options: SharedOptions) -> None:
        sides = (opened.width, opened.height)
        width, height = sides if applied_orientation(opened, options) < 5 else reversed(sides)
        check_picture(name, width=width * card.scale, height=height * card.scale, alpha=opened.alpha)

    with before_work(check):
        yield
