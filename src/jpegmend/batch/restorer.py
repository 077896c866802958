"""``Restorer``: restoration of many pictures with the same options by a network that stays loaded."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from jpegmend import weights
from jpegmend.errors import InvalidOption
from jpegmend.restoration import Options, Restored, restore
from jpegmend.restoration.opening import open_network
from jpegmend.runtimes import Runtime


class Restorer:
    """Restores one picture after another with the same options; the network is loaded once, when it is made.

    A context manager. Results are those of ``jpegmend.restore`` with the same options.

    Args:
        options: those of ``jpegmend.restore``.

    Raises:
        InvalidOption, ModelError, MissingExtra: as ``jpegmend.restore`` does, but before the first picture.
    """

    def __init__(self, **options: Any) -> None:
        self.options = Options(**options)
        self._given = options
        self._runtime: Runtime | None = None
        self._open = True
        if self.options.strength > 0:
            self._runtime = open_network(weights.find(self.options.model), self.options)

    def restore(self, source: Any, *, progress: Callable[[int, int], None] | None = None) -> Restored:
        """Restore a picture; see ``jpegmend.restore``. ``progress`` takes the place of that of the options.

        Raises:
            InvalidOption: the restorer is closed; else as ``jpegmend.restore``.
        """
        if not self._open:
            raise InvalidOption("this Restorer is closed; make another")
        return restore(source, **(self._given if progress is None else {**self._given, "progress": progress}))

    def close(self) -> None:
        """Release the network; later calls of ``restore`` raise ``InvalidOption``."""
        self._open, self._runtime = False, None

    def __enter__(self) -> Restorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        name = weights.find(self.options.model).name
        how = self._runtime.name if self._runtime else "no network" if self._open else "closed"
        return f"<Restorer {name}, {how}, strength {self.options.strength:g}>"
