"""Progress line on standard error for a whole run: done, left, failed, speed, time left."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jpegmend.cli.streams import printable

_EVERY = 0.1
"""Least seconds between two updates of the line."""
_LEAST_TILES = 3
"""Number of tiles from which a single picture gets a progress line."""


class Bar:
    """Progress line that counts pictures, or the tiles of a single one; drawn only on a terminal."""

    def __init__(self, pictures: int, *, shown: bool) -> None:
        self._pictures = pictures
        self._shown = shown and sys.stderr.isatty()
        self._done = self._failed = 0
        self._megapixels = 0.0
        self._started = time.monotonic()
        self._drawn = 0.0
        self._visible = False

    def add(self, *, pictures: int = 1, megapixels: float = 0.0, failed: int = 0) -> None:
        """Count pictures as done, or ``failed`` of them as failed."""
        self._done += pictures
        self._failed += failed
        self._megapixels += megapixels
        if self._pictures > 1:
            self._draw(self._text())

    def tiles(self, source: Path) -> Callable[[int, int], None]:
        """A callback for ``restore``, which takes the number of tiles done and of all tiles."""

        def advance(done: int, total: int) -> None:
            if total >= _LEAST_TILES:
                self._draw(f": {done} of {total} tiles{self._left(done, total)}", printable(source))

        return advance

    def clear(self) -> None:
        """Remove the line, so that something else can be written."""
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._visible, self._drawn = False, 0.0

    close = clear

    def _text(self) -> str:
        passed = max(time.monotonic() - self._started, 1e-3)
        failed = f", {self._failed} failed" if self._failed else ""
        speed = f"{self._done / passed:.1f} files/s, {self._megapixels / passed:.2f} MP/s"
        return f"{self._done} of {self._pictures}{failed}, {speed}{self._left(self._done, self._pictures)}"

    def _left(self, done: int, total: int) -> str:
        if not done:
            return ""
        seconds = round((time.monotonic() - self._started) * (total - done) / done)
        return f", {seconds // 60}:{seconds % 60:02} left"

    def _draw(self, text: str, path: str = "") -> None:
        """Draw the line: the text, behind a path of which only the end is shown where the terminal is narrow."""
        now = time.monotonic()
        if self._shown and now - self._drawn >= _EVERY:
            most = shutil.get_terminal_size().columns - 1  # a longer line would be wrapped, and not be replaced
            room = max(most - len(text), 0)
            path = path if len(path) <= room else f"...{path[len(path) - room + 3 :]}"
            sys.stderr.write(f"\r{(path + text)[:most]}\x1b[K")
            sys.stderr.flush()
            self._visible, self._drawn = True, now
