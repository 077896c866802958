"""Bodies of requests: written to a file as they arrive, under limits of size and time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from jpegmend.errors import NotAnImage
from jpegmend.web.problems import Problem, code_of

_STALL = 30.0
"""Seconds between two parts of a body."""
_SLOWEST = 10_000
"""Bytes a second that a whole body must reach on average, after the first half minute."""
_DRAINED, _DRAIN_SECONDS = 64_000_000, 5.0
"""Bytes and seconds of a refused body that are read and dropped, so that the client reads the answer."""
_FORM = (
    "the body is a form (multipart/form-data); it must be the file itself: curl --data-binary @photo.jpg, or "
    "-T photo.jpg, not -F"
)


async def receive(request: Request, path: Path, max_bytes: int) -> int:
    """Write the body of a request to a new file; returns its size in bytes.

    Raises:
        Problem: it is a form, empty, too large or too slow.
        ClientDisconnect: the client left.
    """
    if request.headers.get("content-type", "").strip().lower().startswith("multipart/"):
        raise Problem(code_of(NotAnImage), _FORM)
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    total, started = 0, asyncio.get_running_loop().time()
    parts = request.stream().__aiter__()
    with path.open("xb") as stream:
        while True:
            try:
                part = await asyncio.wait_for(anext(parts, None), _STALL)
            except TimeoutError:
                raise Problem("slow-upload") from None
            if part is None:
                break
            total += len(part)
            if total > max_bytes:
                raise _too_large(max_bytes)
            seconds = asyncio.get_running_loop().time() - started
            if seconds > _STALL and total < seconds * _SLOWEST:
                raise Problem("slow-upload")
            stream.write(part)
    if not total:
        raise Problem("empty-body", "send the bytes of the picture as the body of the request")
    return total


async def drain(request: Request) -> None:
    """Read and drop the rest of a body, up to a limit."""
    total = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for part in request.stream():
                total += len(part)
                if total > _DRAINED:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return


def _too_large(max_bytes: int) -> Problem:
    return Problem("body-too-large", f"allowed are {max_bytes:,} bytes")
