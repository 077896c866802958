"""One running service for all tests of this folder, with one worker, and clients for it."""

import asyncio
import contextlib
import io
import json
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
from PIL import Image
from tests.web import chromium

from jpegmend.web.problems import CODES
from jpegmend.web.server import Server
from jpegmend.web.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "a-token-for-tests-only"
ASYNC = {"Prefer": "respond-async"}
AS_TIFF = ["--format", "tiff", "--bits", "16", "--strength", "0.5", "--no-consistent", "--strip"]


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
    limits = {"max_pixels": 2_000_000, "max_bytes": 1_000_000}
    with serving(tmp_path_factory.mktemp("service") / "jobs", hosts=("photos.example",), **limits) as service:
        yield service


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with running.client() as made:
        yield made


@pytest.fixture(scope="session")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files that the command makes of ``edge.jpg``: ``png`` without options, ``tiff`` with those of ``AS_TIFF``.

    It has as many threads as the worker of these tests: sums of numpy's matrix products depend on their number in the
    last bit of 16. One process makes both, as its start takes most of the time.
    """
    made = {}
    calls = []
    for name, options in {"png": [], "tiff": AS_TIFF}.items():
        folder = tmp_path_factory.mktemp("command")
        source = folder / "edge.jpg"
        source.write_bytes((EXAMPLES / "edge.jpg").read_bytes())
        calls.append([str(source), "-q", *options])
        made[name] = folder
    script = "import json, sys; from jpegmend import cli; sys.exit(max(map(cli.run, json.loads(sys.argv[1]))))"
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    subprocess.run([sys.executable, "-c", script, json.dumps(calls)], check=True, env={**os.environ, **one})
    return {name: next(folder.glob("edge.restored.*")) for name, folder in made.items()}


@pytest.fixture(scope="session")
def command_png(by_command: dict[str, Path]) -> Path:
    """``edge.restored.png`` as the command makes it without options."""
    return by_command["png"]


@pytest.fixture(scope="session")
def photo() -> bytes:
    """The smallest of the examples."""
    return (EXAMPLES / "edge.jpg").read_bytes()


@pytest.fixture(scope="session")
def small() -> bytes:
    """A JPEG of 48x32 pixels, for tests in which the restoration itself does not matter."""
    stream = io.BytesIO()
    Image.effect_noise((48, 32), 60).convert("RGB").save(stream, "JPEG", quality=20)
    return stream.getvalue()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; tests of the page are skipped where it or Playwright is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    if chromium.PROGRAM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.PROGRAM, args=chromium.FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, running: Any) -> Iterator[Any]:
    """Opens the page; afterwards there were no errors in its console and no requests to other hosts."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith((running.address, f"blob:{running.address}")):
            wrong.append(f"request to {request.url}")

    def open_page(width: int = 1280, height: int = 800, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(chromium.SLOW)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", watch)
        page.goto(f"{running.address}/?token={TOKEN}")
        assert page.url == running.address + "/"
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def job(client: httpx.Client, photo: bytes, **options: Any) -> dict[str, Any]:
    """A job that has ended."""
    answer = client.post("/v1/restore", params=options, content=photo, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"jobs/{answer.json()['id']}"
    return events(client, answer.json()["id"])[-1][2]


def events(client: httpx.Client, name: str, **headers: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, kind and data of the events of a job, to its end."""
    found = []
    with client.stream("GET", f"/v1/jobs/{name}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, whose members agree with the answer."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert (told["status"], told["title"]) == CODES[told["code"]]
    return answer.status_code, told["code"]
