"""Server-sent events of a job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jpegmend.web.job import Event, Job
from jpegmend.web.problems import Problem
from jpegmend.web.service import Service, service_of

_QUIET = 15.0
"""Seconds without an event after which a comment is sent, so that proxies keep the connection."""


async def events(request: Request) -> Response:
    """``GET /v1/jobs/{id}/events``: what happens to a job, as server-sent events, until it ends.

    With the header ``Last-Event-ID`` only the events after that one; 204 if there will be none, so that clients stop
    reconnecting.
    """
    service = service_of(request)
    job = service.jobs.find(request.path_params["id"])
    last = request.headers.get("last-event-id", "0")
    if not last.isascii() or not last.isdigit() or len(last) > 9:
        raise Problem("invalid-option", f"Last-Event-ID {last[:20]!r}; give the id of an event of this job")
    after = int(last)
    if job.ended and after >= job.count:
        return Response(status_code=204)
    return StreamingResponse(_stream(service, job, after), media_type="text/event-stream")


async def _stream(service: Service, job: Job, after: int) -> AsyncIterator[bytes]:
    """The stream; ends with the job, or when the service is stopped."""
    yield b"retry: 1000\n\n"
    source = service.jobs.events(job, after).__aiter__()
    stopping = asyncio.ensure_future(service.stopping.wait())
    following = asyncio.ensure_future(anext(source, None))
    try:
        while True:
            await asyncio.wait({following, stopping}, timeout=_QUIET, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                event = following.result()
                if event is None:
                    return
                yield encode(event)
                following = asyncio.ensure_future(anext(source, None))
            elif stopping.done() and job.state != "running":
                return
            elif stopping.done():
                await asyncio.wait({following})
            else:
                yield b": still here\n\n"
    finally:
        stopping.cancel()
        following.cancel()


def encode(event: Event) -> bytes:
    """An event as text of the stream.

    >>> encode(Event(3, "done", {"id": "a"}))
    b'id: 3\\nevent: done\\ndata: {"id": "a"}\\n\\n'
    """
    return f"id: {event.number}\nevent: {event.kind}\ndata: {json.dumps(event.data)}\n\n".encode()
