"""Connections of the server, of which one is closed that brings no request, or takes no answer.

Each takes a file descriptor, and no token is needed to connect.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_PATIENCE = 30.0
"""Seconds between two looks at a connection; the first is as long after its beginning."""


class Connection(H11Protocol):
    """Uvicorn's connection, which by itself waits for ever for a request's head, and for its client to read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._look = self.loop.call_later(_PATIENCE, self._close_idle, None, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._look.cancel()
        super().connection_lost(exc)

    def _close_idle(self, last: Any, unsent: int) -> None:
        """Close it if no request came after the ``last``, and none is being answered.

        It is broken off if of ``unsent`` bytes, those of the look before, none was taken.
        """
        left = self.transport.get_write_buffer_size()
        if left and left == unsent:
            self.transport.abort()
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is last:
            self.transport.close()  # when all is sent
        self._look = self.loop.call_later(_PATIENCE, self._close_idle, self.cycle, left)
