"""A progress bar on standard error: for several files, or one large enough to wait for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

_PATIENCE = 3
"""Tiles from which a single file gets a bar."""


class Bar:
    """Counts files, and within a file tiles. Draws nothing unless a person looks on."""

    def __init__(self, files: int, *, shown: bool) -> None:
        self._files = files
        self._shown = shown and sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None
        self._done = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def tiles(self, name: str) -> Callable[[int, int], None]:
        """A callback for ``restore``: told the tiles done and the tiles there are."""

        def advance(done: int, total: int) -> None:
            if self._shown and (self._files > 1 or total >= _PATIENCE):
                self._draw(name, self._done + done / max(total, 1))

        return advance

    def file_done(self) -> None:
        """One file more is finished, or has failed."""
        self._done += 1

    def _draw(self, name: str, position: float) -> None:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task(name, total=self._files)
        self._progress.update(self._task, completed=position, description=name)
