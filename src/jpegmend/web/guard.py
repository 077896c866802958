"""Guard: checks every request before any work (host, origin, token), and adds the headers of security to answers.

A web site that the user visits can send requests to this machine. Such requests carry a foreign ``Origin`` or
``Sec-Fetch-Site``; after DNS rebinding, a foreign ``Host``. All of these are refused.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jpegmend.web.bodies import drain
from jpegmend.web.problems import Problem
from jpegmend.web.settings import Settings, is_loopback

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer."""

_OPEN = ("/", "/docs", "/openapi.json", "/healthz", "/readyz")
"""Paths that need no token; ``/`` looks for it itself."""


class Guard:
    """ASGI middleware.

    Args:
        app: the application behind it.
        settings: of the service.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message))
            await send(message)

        try:
            self._check(scope)
        except Problem as problem:
            await drain(Request(scope, receive))
            await problem.response()(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._knows(host):
            raise Problem("wrong-host", "address it by 127.0.0.1 or localhost, or name the host when it is started")
        self._check_site(scope, headers, host)
        path = scope["path"]
        if path in _OPEN or path.startswith("/static/"):
            return
        if not has_token(headers, self._settings, scope):
            detail = "send Authorization: Bearer TOKEN, with the token of the service: printed at its start, or chosen"
            raise Problem("unauthorized", detail, {"WWW-Authenticate": "Bearer"})

    def _check_site(self, scope: Scope, headers: Headers, host: str) -> None:
        origin = headers.get("origin")
        if origin is not None and _place_of(origin) != host.lower():
            raise Problem("cross-site")
        site = headers.get("sec-fetch-site", "none")
        # A link on another site may lead to the page itself.
        visits = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if site not in ("same-origin", "none") and not visits:
            raise Problem("cross-site")

    def _knows(self, host: str) -> bool:
        """Whether the service may be addressed so: DNS rebinding needs a name, so addresses are safe."""
        name = host_name(host)
        if name in (*self._settings.hosts, self._settings.host.lower(), "localhost"):
            return True
        if self._settings.loopback:
            return is_loopback(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def add_headers(headers: MutableHeaders) -> None:
    """Add the headers of every answer."""
    headers.update(HEADERS)
    headers.setdefault("Cache-Control", "no-store")


def host_name(host: str) -> str:
    """The name or address in a Host header, without port and brackets, in lower case; empty if it has neither.

    >>> host_name("[::1]:8017"), host_name("LocalHost:1")
    ('::1', 'localhost')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _place_of(origin: str) -> str:
    """Host and port of an Origin header, in lower case; empty if it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def cookie_name(scope: Scope) -> str:
    """Name of the cookie with the token; cookies are shared by all ports of a host, so the port is in the name."""
    server = scope.get("server")
    return f"jpegmend-{server[1] if server else 0}"


def has_token(headers: Headers, settings: Settings, scope: Scope) -> bool:
    """Whether a request has the token, as bearer or in the page's cookie; true where none is needed."""
    if settings.token is None:
        return True
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = [bearer.strip()] if scheme.lower() == "bearer" else []
    given += Request({**scope, "type": "http"}).cookies.get(cookie_name(scope), "").split()
    return any(hmac.compare_digest(each.encode(), settings.token.encode()) for each in given)
