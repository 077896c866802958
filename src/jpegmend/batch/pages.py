"""The pages of a file, each restored or enlarged when it is asked for; of several, unreadable ones are left out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jpegmend.errors import InputError, JpegmendError

if TYPE_CHECKING:
    from jpegmend.reading import Opened
    from jpegmend.restoration import Restored

_NAMED = 5
"""Pages of which a message says why they are left out."""


class Pages(Sequence["Restored"]):
    """The pages of a file after :attr:`first`, for ``Restored.save(append=...)``, which takes each once and in order.

    Args:
        make: ``restore`` or ``upscale``.
        data: bytes of the file.
        options: arguments for ``make``.
        every: whether all pages are taken; else the one that the options select.
        progress: as that of ``make``, for the first page alone.

    Raises:
        JpegmendError: that of the first page where none can be read; with the option ``strict`` that of any page.
    """

    def __init__(
        self,
        make: Callable[..., Restored],
        data: bytes,
        options: Mapping[str, Any],
        *,
        every: bool,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._make, self._data, self._options = make, data, options
        self._page, self._count = 0, 1  # the last page that was tried, and the number of pages that is known
        self._failures: list[tuple[int, InputError]] = []
        more = {} if progress is None else {"progress": progress}
        self._warnings: list[str] = []
        if not every:
            self.first, self._page = make(data, **options, **more), 1
            self._warnings += self.first.report.warnings
            return
        first = self._next(**more)
        if first is None:
            (_, error), *others = self._failures
            raise type(error)(f"none of its {self._count} pages can be read; page 1: {error}") if others else error
        self.first = first
        """The first page, or the first one that can be read."""

    def __len__(self) -> int:
        """Number of the pages after the first one, with those that turn out to be unreadable."""
        return max(0, self._count - 1)

    def __getitem__(self, number: Any) -> Any:
        page = self._next()
        if page is None:
            raise IndexError(number)
        return page

    @property
    def warnings(self) -> list[str]:
        """Warnings of the pages made so far, each with the number of its page where there are several."""
        return list(self._warnings)

    @property
    def problem(self) -> InputError | None:
        """An error that names the pages that are left out so far; None if none is."""
        if not self._failures:
            return None
        named = "; ".join(f"page {page}: {error}" for page, error in self._failures[:_NAMED])
        more = f"; and {len(self._failures) - _NAMED} more" if len(self._failures) > _NAMED else ""
        verb = "is" if len(self._failures) == 1 else "are"
        told = f"{len(self._failures)} of {self._count} pages {verb} left out of the result: {named}{more}"
        return type(self._failures[0][1])(told)

    def stored(self) -> contextlib.AbstractContextManager[None]:
        """In this block the file is written for the decoder once, not for each page."""
        from jpegmend import decoding

        return decoding.stored(self._data) if len(self) else contextlib.nullcontext()

    def _next(self, **more: Any) -> Restored | None:
        """The next page that can be read; None after the last one."""
        from jpegmend.restoration.opening import before_work

        while self._page < self._count:
            self._page += 1
            try:
                with before_work(self._count_pages):
                    restored = self._make(self._data, **{**self._options, "page": self._page}, **more)
            except InputError as error:
                self._count = max(self._count, error.pages)
                if self._options.get("strict"):
                    raise self._naming(error) from error.__cause__
                self._failures.append((self._page, error))
            except JpegmendError as error:
                raise self._naming(error, "; page=N restores one page alone") from error.__cause__
            else:
                page = f"page {self._page}: " if self._count > 1 else ""
                self._warnings += [f"{page}{warning}" for warning in restored.report.warnings]
                return restored
        return None

    def _count_pages(self, opened: Opened, *_: object) -> None:
        """Before the work on a page, which may fail."""
        self._count = max(self._count, opened.pages)

    def _naming(self, error: JpegmendError, advice: str = "") -> JpegmendError:
        """The error with the number of its page and advice, where there are several."""
        return type(error)(f"page {self._page}: {error}{advice}") if self._count > 1 else error
