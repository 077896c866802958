"""``jpegmend serve``: a local web page and an HTTP service."""

from __future__ import annotations

import contextlib
import os
import secrets
from argparse import Namespace
from pathlib import Path

from jpegmend.cli import DONE
from jpegmend.cli.options import PARALLEL, parse_size
from jpegmend.cli.parser import Parser, real, whole
from jpegmend.cli.streams import Terminated
from jpegmend.errors import extra_needed


def add(parser: Parser) -> None:
    """The options of ``jpegmend serve``."""
    group = parser.add_argument_group("address")
    group.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    group.add_argument("--port", type=whole(0, 65535), default=8017, metavar="N", help="0 for any free one (8017)")
    group.add_argument(
        "--token",
        metavar="SECRET",
        help="what every request must carry, 16 characters or more; none: no token, on this machine's own address; "
        "without it $JPEGMEND_TOKEN, which is not printed, else a new random one",
    )
    group.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name under which it may be addressed"
    )
    group.add_argument("--no-open", action="store_true", help="do not open the page in a browser")
    _add_limits(parser.add_argument_group("limits"))


def _add_limits(group: object) -> None:
    add = group.add_argument  # type: ignore[attr-defined]
    add("--jobs", **PARALLEL, help="worker processes; without it by CPUs and memory")
    add("--threads", **PARALLEL, help="CPU threads of all workers together; without it all CPUs")
    add("--memory", metavar="SIZE", help="of one job; tiles are chosen by it, and above it a job is ended (4G)")
    add("--max-pixels", type=whole(1), default=100_000_000, metavar="N", help="of a picture (100 million)")
    add("--max-bytes", default="200M", metavar="SIZE", help="of a request's body (200M)")
    add("--timeout", type=real(1), default=600.0, metavar="S", help="seconds for one job (600)")
    add("--queue", type=whole(1), default=32, metavar="N", help="jobs that may wait; others are refused (32)")
    add("--keep", type=real(0.1), default=15.0, metavar="MINUTES", help="for which results are kept (15)")
    add("--keep-bytes", default="2G", metavar="SIZE", help="of all results that are kept (2G)")
    add("--folder", metavar="PATH", help="for files of jobs, emptied at start; without it in the user's cache")


def run(given: Namespace) -> int:
    """Serve a web page and an HTTP interface on this machine."""
    with extra_needed("the service", "web"):
        from jpegmend.web.guard import host_name
        from jpegmend.web.server import serve
        from jpegmend.web.settings import Settings

    memory = None if given.memory is None else parse_size("--memory", given.memory)
    settings = Settings(
        host=given.host,
        port=given.port,
        token=_token(given),
        hosts=tuple(map(host_name, given.allow_host)),
        folder=Path(given.folder) if given.folder else None,
        jobs=given.jobs,
        threads=given.threads,
        memory=memory,
        most_memory=memory or 4_000_000_000,
        max_pixels=given.max_pixels,
        max_bytes=parse_size("--max-bytes", given.max_bytes),
        seconds=given.timeout,
        queue=given.queue,
        keep_seconds=given.keep * 60,
        keep_bytes=parse_size("--keep-bytes", given.keep_bytes),
    )
    # What is printed goes into logs, as those of containers; who set the variable knows the token.
    print_token = bool(given.token) or not os.environ.get("JPEGMEND_TOKEN")
    # Uvicorn raises the signal that stopped it once more; to be stopped is how a service ends well.
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        serve(settings, open_page=not given.no_open, print_token=print_token)
    return DONE


def _token(given: Namespace) -> str | None:
    """The token; a random one only where nobody else is to know the address."""
    from jpegmend.web.settings import is_loopback

    token: str | None = given.token or os.environ.get("JPEGMEND_TOKEN") or None
    if token == "none":
        return None
    if token is None and is_loopback(given.host):
        return secrets.token_urlsafe(24)
    return token
