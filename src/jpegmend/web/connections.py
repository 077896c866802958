"""Connections of the server, of which one is closed that brings no request, or takes no answer.

Each takes a file descriptor, and no token is needed to connect.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_PATIENCE = 30.0
"""Seconds between two looks at a connection; the first is as long after its beginning."""
_STALLED = 10
"""Looks, one after the other, at which nothing more of an answer was taken, until the connection is broken off. The
system has taken megabytes of it for a client before, at which a slow one reads for minutes."""


class Connection(H11Protocol):
    """Uvicorn's connection, which by itself waits for ever for a request's head, and for its client to read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._counted = _Counted(transport)
        super().connection_made(self._counted)  # type: ignore[arg-type]
        self._look = self.loop.call_later(_PATIENCE, self._close_idle, None, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._look.cancel()
        super().connection_lost(exc)

    def _close_idle(self, last: Any, taken: int, stalled: int) -> None:
        """Close it if no request came after the ``last``, and none is being answered.

        It is broken off where no more bytes were taken than the ``taken`` of the look before, for too many looks.
        """
        left = self.transport.get_write_buffer_size()
        now = self._counted.written - left
        stalled = stalled + 1 if left and now == taken else 0
        if stalled == _STALLED:
            self.transport.abort()
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is last:
            self.transport.close()  # when all is sent
        self._look = self.loop.call_later(_PATIENCE, self._close_idle, self.cycle, now, stalled)


class _Counted:
    """A transport that counts the bytes that it is given to send."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
