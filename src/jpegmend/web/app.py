"""The ASGI application: routes, guard, errors as problem details."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jpegmend.errors import JpegmendError, describe, says_no_room
from jpegmend.web import archive, events, handlers, pages
from jpegmend.web.bodies import drain
from jpegmend.web.guard import Guard, add_headers
from jpegmend.web.metrics import Counting
from jpegmend.web.problems import Problem, from_error, from_other_error
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
            Middleware(Guard, settings=settings),
        ],
        exception_handlers={
            Problem: _tell_problem,
            JpegmendError: _tell_error,
            OSError: _tell_os_error,
            HTTPException: _tell_http,
            Exception: _tell_unexpected,
        },
    )
    app.state.service = service
    return app


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


async def _tell_unexpected(request: Request, error: Exception) -> Response:
    response = Problem("internal").response()
    add_headers(response.headers)  # this handler is called outside of the guard
    return response
