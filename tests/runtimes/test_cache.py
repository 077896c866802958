"""The cache of opened networks: the least recently used goes first, failures are not kept."""

import pytest

from jpegmend.runtimes.cache import LastUsed


def test_the_least_recently_used_goes_first():
    cache, made = LastUsed(2), []

    def ask(key):
        return cache.get(key, lambda: made.append(key) or key.upper())

    assert [ask(key) for key in "abacab"] == list("ABACAB")
    assert made == list("abcb")
    assert len(cache) == 2
    cache.clear()
    ask("a")
    assert made == list("abcba")


def test_failures_are_not_kept():
    cache = LastUsed(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("x", lambda: 1 / 0)
    assert cache.get("x", lambda: 3) == 3
