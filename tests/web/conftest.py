"""One running service for all tests of this folder, with one worker, and clients for it."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jpegmend.web.server import Server
from jpegmend.web.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "a-token-for-tests-only"


@dataclass
class Running:
    """A service on a free port."""

    server: Server
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self) -> Any:
        return self.server.config.app.state.service

    def client(self, **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=120, trust_env=False, **more)


@contextlib.contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Running]:
    """A service in a thread of this process; it is ready when the block begins."""
    chosen = {"port": 0, "token": TOKEN, "folder": folder, "jobs": 1, "threads": 1, **settings}
    ports: list[int] = []
    server = Server(Settings(**chosen), ports.append)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not ports and thread.is_alive():
            time.sleep(0.02)
        running = Running(server, ports[0], folder)
        while not running.service.scheduler.ready:
            time.sleep(0.05)
        yield running
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("service") / "jobs", max_pixels=2_000_000, max_bytes=1_000_000) as service:
        yield service


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with running.client() as made:
        yield made


def by_command(folder: Path, *arguments: str) -> Path:
    """The file that the command makes of ``edge.jpg``, with as many threads as the worker of these tests.

    Sums of numpy's matrix products depend on the number of threads in the last bit of 16.
    """
    source = folder / "edge.jpg"
    source.write_bytes((EXAMPLES / "edge.jpg").read_bytes())
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "jpegmend", str(source), "-q", *arguments]
    subprocess.run(command, check=True, env={**os.environ, **one})
    (made,) = folder.glob("edge.restored.*")
    return made


@pytest.fixture(scope="session")
def command_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``edge.restored.png`` as the command makes it without options."""
    return by_command(tmp_path_factory.mktemp("command"))


@pytest.fixture(scope="session")
def photo() -> bytes:
    """The smallest of the examples."""
    return (EXAMPLES / "edge.jpg").read_bytes()
