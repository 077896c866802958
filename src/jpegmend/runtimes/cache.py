"""Least-recently-used cache of loaded networks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class LastUsed(Generic[T]):
    """A thread-safe cache of at most ``size`` values by key; drops the least recently used first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The cached value of a key, made by ``make`` if it is missing. An exception of ``make`` is not cached."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            value = self._kept[key] = make()
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
            return value

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._kept.clear()
