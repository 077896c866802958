"""The page, the page of the HTTP interface, and what a supervisor asks."""

from __future__ import annotations

import hmac
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from jpegmend.web import openapi
from jpegmend.web.guard import cookie_name, has_token
from jpegmend.web.service import service_of

STATIC = Path(__file__).parent / "static"
"""Folder of the files of the page."""


async def index(request: Request) -> Response:
    """``GET /``: the page. ``?token=`` puts the token into a cookie and leads to the address without it."""
    settings = service_of(request).settings
    given = request.query_params.get("token")
    if (
        given is not None
        and settings.token is not None
        and hmac.compare_digest(given.encode(), settings.token.encode())
    ):
        response: Response = RedirectResponse("./", 303)
        response.set_cookie(cookie_name(request.scope), settings.token, httponly=True, samesite="strict", path="/")
        return response
    if not has_token(request.headers, settings, request.scope):
        return FileResponse(STATIC / "locked.html", 401)
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def docs(request: Request) -> Response:
    """``GET /docs``: the HTTP interface as a page."""
    return FileResponse(STATIC / "docs.html", headers={"Cache-Control": "no-cache"})


async def document(request: Request) -> Response:
    """``GET /openapi.json``: the HTTP interface as an OpenAPI document."""
    return JSONResponse(openapi.document(service_of(request).settings))


async def health(request: Request) -> Response:
    """``GET /healthz``: 200 while the process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """``GET /readyz``: 200 from when a worker has its network until the service is stopped; else 503.

    A full queue does not count: an orchestrator sends no request to a service that is not ready, and clients would lose
    the jobs that they wait for. What the queue has no place for is answered by 429 with ``Retry-After``.
    """
    scheduler = service_of(request).scheduler
    if scheduler.stopping:
        return PlainTextResponse("is being stopped\n", 503)
    return PlainTextResponse("ready\n") if scheduler.ready else PlainTextResponse("starting\n", 503)


async def metrics(request: Request) -> Response:
    """``GET /metrics``: metrics for Prometheus."""
    text = service_of(request).metrics.as_text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
