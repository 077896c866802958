"""Settings of the service: address, token, limits, and the folder for files."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from jpegmend.errors import InvalidOption

PORT = 8017
"""Default port."""
_LEAST_TOKEN = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one service.

    Raises:
        InvalidOption: a value is out of range, or an address that others reach has no token.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = PORT
    """Port to listen on; 0 for any free one."""
    token: str | None = None
    """Secret that every request for work needs, at least 16 characters; None: none, on this machine's own addresses."""
    hosts: tuple[str, ...] = ()
    """Names, beside IP addresses and ``localhost``, under which the service may be addressed."""
    folder: Path | None = None
    """Folder for the files of jobs; it is emptied at start. None: one of the user's cache folder that is not in use."""
    jobs: int | None = None
    """Number of worker processes; None: by CPUs and memory."""
    threads: int | None = None
    """CPU threads of all workers together; None: all."""
    memory: int | None = None
    """Bytes the process of one job should stay under; tiles are chosen by it, without it as by the command."""
    most_memory: int = 4_000_000_000
    """Bytes of a worker process above which its job is ended."""
    max_pixels: int = 100_000_000
    """Pixels a picture may have."""
    max_bytes: int = 200_000_000
    """Bytes a request's body may have."""
    seconds: float = 600.0
    """Seconds one job may take in its worker, after which it is ended."""
    queue: int = 32
    """Number of jobs that may wait; above it requests are refused with 429."""
    keep_seconds: float = 900.0
    """Seconds for which results of jobs are kept after the job, or after they were last read."""
    keep_bytes: int = 2_000_000_000
    """Bytes of all kept files; above it the oldest results are removed, and then the oldest jobs."""

    def __post_init__(self) -> None:
        allowed = (
            (self.host != "", "an empty address to listen on; a variable of the shell may be empty"),
            (0 <= self.port <= 65535, f"port {self.port}; it goes from 0 to 65535"),
            (
                self.token is not None or self.loopback,
                f"{self.host} is reached from other machines; give a token of at least {_LEAST_TOKEN} characters",
            ),
            (
                self.token is None or len(self.token) >= _LEAST_TOKEN,
                f"a token of {len(self.token or '')} characters; give at least {_LEAST_TOKEN}",
            ),
            (
                self.token is None or (self.token.isascii() and self.token.isprintable() and " " not in self.token),
                "a token with spaces or special characters; use ASCII letters, digits and punctuation",
            ),
            (self.queue >= 1, f"queue {self.queue}; at least 1"),
            (self.seconds > 0, f"seconds {self.seconds}; give seconds above 0"),
            (self.max_bytes > 0, f"max_bytes {self.max_bytes}; give bytes above 0"),
            (self.max_pixels > 0, f"max_pixels {self.max_pixels}; it must be at least 1"),
            (self.most_memory > 0, f"memory {self.most_memory}; give bytes above 0"),
        )
        for holds, message in allowed:
            if not holds:
                raise InvalidOption(message)

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
