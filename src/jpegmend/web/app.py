"""The ASGI application: routes, guard, errors as problem details."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jpegmend.errors import JpegmendError, describe, says_no_room
from jpegmend.web import archive, events, handlers, pages
from jpegmend.web.bodies import drain
from jpegmend.web.guard import Guard, add_headers
from jpegmend.web.metrics import Counting
from jpegmend.web.problems import Problem, from_error, from_other_error, shutting_down
from jpegmend.web.service import Service
from jpegmend.web.settings import Settings

log = logging.getLogger("jpegmend.web")


def routes() -> list[Route | Mount]:
    """All routes."""
    return [
        Route("/", pages.index, methods=["GET"]),
        Route("/docs", pages.docs, methods=["GET"]),
        Route("/openapi.json", pages.document, methods=["GET"]),
        Route("/healthz", pages.health, methods=["GET"]),
        Route("/readyz", pages.ready, methods=["GET"]),
        Route("/metrics", pages.metrics, methods=["GET"]),
        Route("/v1/restore", handlers.restore, methods=["POST", "PUT"]),
        Route("/v1/inspect", handlers.inspect, methods=["POST", "PUT"]),
        Route("/v1/models", handlers.list_models, methods=["GET"]),
        Route("/v1/formats", handlers.list_formats, methods=["GET"]),
        Route("/v1/archive", archive.archive, methods=["GET"]),
        Route("/v1/jobs/{id}", handlers.job, methods=["GET", "DELETE"]),
        Route("/v1/jobs/{id}/events", events.events, methods=["GET"]),
        Route("/v1/jobs/{id}/result", handlers.result, methods=["GET"]),
        Route("/v1/jobs/{id}/decoded", handlers.decoded, methods=["GET"]),
        Route("/v1/jobs/{id}/change", handlers.change, methods=["GET"]),
        Mount("/static", StaticFiles(directory=pages.STATIC)),
    ]


def make_app(settings: Settings) -> Starlette:
    """The application of a new service.

    Raises:
        InvalidOption: the service cannot be made with these settings.
    """
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Starlette(
        routes=routes(),
        lifespan=lifespan,
        middleware=[
            Middleware(Counting, metrics=service.metrics),
            Middleware(_Ending),
            Middleware(Guard, settings=settings),
        ],
        exception_handlers={
            Problem: _tell_problem,
            JpegmendError: _tell_error,
            OSError: _tell_os_error,
            HTTPException: _tell_http,
            ClientDisconnect: _tell_nobody,
            Exception: _tell_unexpected,
        },
    )
    app.state.service = service
    return app


class _Ending:
    """ASGI middleware: answers requests that are cancelled at the end of the service; uvicorn would by a plain 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = scope["type"] != "http"

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except asyncio.CancelledError:
            if begun:
                raise
            await _with_headers(shutting_down().response())(scope, receive, send)


async def _tell_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    await drain(request)
    return error.response()


async def _tell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, JpegmendError)
    return await _tell_problem(request, from_error(error))


async def _tell_os_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    if not says_no_room(error):
        raise error
    log.error("a request was refused: %s", describe(error))
    return await _tell_problem(request, from_other_error(error))


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "internal")
    return await _tell_problem(request, Problem(code, headers=dict(error.headers or {})))


async def _tell_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # by which nginx counts clients that have left


async def _tell_unexpected(request: Request, error: Exception) -> Response:
    return _with_headers(Problem("internal").response())


def _with_headers(response: Response) -> Response:
    """An answer from outside of the guard, with its headers."""
    add_headers(response.headers)
    return response
