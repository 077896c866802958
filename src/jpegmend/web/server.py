"""The server: uvicorn with the application, the line that says where it is, an orderly end."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from tempfile import gettempdir
from types import FrameType
from urllib.parse import quote

import uvicorn

from jpegmend.errors import InvalidOption, ModelError
from jpegmend.web.app import make_app
from jpegmend.web.connections import Connection
from jpegmend.web.settings import Settings
from jpegmend.weights import DEFAULT

_GRACE = 30
"""Seconds for which running requests are finished when the service is stopped."""

_LONGEST_HEAD = 1 << 17
"""Bytes of a request before its body: the address of an archive names up to 2,000 jobs, 27 bytes each."""


class Server(uvicorn.Server):
    """Uvicorn, which refuses new work as soon as it is asked to stop.

    Args:
        settings: of the service.
        started: called with the port when it listens.
    """

    def __init__(self, settings: Settings, started: Callable[[int], None] = lambda port: None) -> None:
        self._app = make_app(settings)
        self._started = started
        config = uvicorn.Config(
            self._app,
            host=settings.host,
            port=settings.port,
            http=Connection,
            ws="none",
            lifespan="on",
            access_log=False,  # it would hold names of files, and the token
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and self.servers:
            self._started(self.servers[0].sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Whether to end now: also where no worker could load the network.

        A service that never becomes ready gets no requests, and while it answers ``/healthz`` nobody starts it again;
        systemd, Docker and Kubernetes do so, after longer and longer pauses, with one that has ended by an error.
        """
        return await super().on_tick(counter) or self.failed

    @property
    def failed(self) -> bool:
        """Whether no worker could load the default network."""
        failed: bool = self._app.state.service.scheduler.failed
        return failed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Refuse new work, finish what runs."""
        self._app.state.service.refuse()
        super().handle_exit(sig, frame)


def serve(settings: Settings, *, open_page: bool = True, print_token: bool = True) -> None:
    """Run the service until it is stopped by SIGINT or SIGTERM.

    Args:
        settings: of the service.
        open_page: whether the page is opened in a browser.
        print_token: whether the address is printed with the token, not without it as that of ``$JPEGMEND_TOKEN``.

    Raises:
        InvalidOption: the address cannot be used, settings contradict each other, or no temporary folder is writable.
        ModelError: no worker could load the default network.
    """
    try:
        gettempdir()
    except OSError as error:
        raise InvalidOption(
            "there is no folder for temporary files that can be written; set TMPDIR to one that can"
        ) from error
    logging.basicConfig(level=logging.WARNING, format="jpegmend: %(message)s")
    with contextlib.closing(_bind(settings)) as listening:
        server = Server(settings, lambda port: _announce(settings, port, open_page, print_token))
        server.run(sockets=[listening])
        if not server.started:
            raise InvalidOption("the service could not start; the lines above say why")
        if server.failed:
            raise ModelError(f"the service ends: no worker could load {DEFAULT}; the lines above say why")


def _bind(settings: Settings) -> socket.socket:
    """A socket on the address; bound here, so that a port in use is told before anything is started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        advice = "another port, or 0" if port else "an address of this machine, or leave --host out"
        why = error.strerror or error
        raise InvalidOption(f"port {settings.port} of {settings.host}: {why}; give {advice}") from error
    return listening


def address(settings: Settings, port: int) -> str:
    """The address of the page, with its token."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"?token={quote(settings.token, safe='')}" if settings.token else "")


def _announce(settings: Settings, port: int, open_page: bool, print_token: bool) -> None:
    place = address(settings, port)
    told = f"jpegmend is at {place}\n"
    if settings.token and not print_token:
        bare = place.partition("?")[0]
        told = f"jpegmend is at {bare}\nIts token is that of $JPEGMEND_TOKEN; the page opens at {bare}?token=TOKEN\n"
    sys.stdout.write(f"{told}Ctrl-C stops it.\n")
    sys.stdout.flush()
    if open_page:
        # In a thread: some browsers, such as those in a terminal, end before it returns, and wait for the page first.
        threading.Thread(target=webbrowser.open, args=(place,), daemon=True).start()
