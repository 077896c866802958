"""Connections of the server, of which one is closed that brings no request: each takes a file descriptor."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_PATIENCE = 30.0
"""Seconds for the head of the first request; of a later one, between once and twice as many."""


class Connection(H11Protocol):
    """Uvicorn's connection, which by itself waits for ever for the rest of a request's head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._look = self.loop.call_later(_PATIENCE, self._close_idle, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._look.cancel()
        super().connection_lost(exc)

    def _close_idle(self, last: Any) -> None:
        """Close it if no request came after the ``last``, and none is being answered."""
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is last:
            self.transport.close()
        else:
            self._look = self.loop.call_later(_PATIENCE, self._close_idle, self.cycle)
