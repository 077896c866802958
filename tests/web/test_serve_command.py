"""``jpegmend serve`` as a process: its start, its end, and what it refuses."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from tests.web.conftest import TOKEN, serving

from jpegmend import cli
from jpegmend.web.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))  # workers look for modules where this process does
import slow_calls


def only_started(settings: Settings, started: Callable[[int], None]) -> SimpleNamespace:
    """In place of the server: it listens and ends."""
    return SimpleNamespace(started=True, failed=False, run=lambda sockets: started(8017))


@pytest.mark.parametrize(
    ("arguments", "printed", "opened"),
    [
        ([], "", f"?token={TOKEN}"),
        (["--token", "none"], "", ""),
        (["--token", f"{TOKEN}-2"], f"?token={TOKEN}-2", f"?token={TOKEN}-2"),
    ],
)
def test_a_token_of_the_environment_is_not_printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    printed: str,
    opened: str,
) -> None:
    pages: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
    ended = threading.Event()
    monkeypatch.setenv("JPEGMEND_TOKEN", TOKEN)
    # A browser that runs in the terminal, in which Python waits for its end.
    monkeypatch.setattr("jpegmend.web.server.webbrowser.open", lambda page: pages.put((page, ended.wait(20))))
    monkeypatch.setattr("jpegmend.web.server.Server", only_started)
    assert cli.run(["serve", "--port", "0", *arguments]) == cli.DONE
    ended.set()
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"jpegmend is at http://127.0.0.1:8017/{printed}"
    assert pages.get() == (f"http://127.0.0.1:8017/{opened}", True), "the service waits for no browser"
    assert TOKEN not in "".join(rest) and ("$JPEGMEND_TOKEN" in rest[0]) is (printed != opened)


def test_the_name_of_a_host_is_taken_with_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the address in the browser has it."""
    made: list[Settings] = []

    def keep(settings: Settings, started: Callable[[int], None]) -> SimpleNamespace:
        made.append(settings)
        return only_started(settings, started)

    monkeypatch.setattr("jpegmend.web.server.Server", keep)
    hosts = ["--allow-host", "Photos.Example:8443", "--allow-host", "nas"]
    assert cli.run(["serve", "--no-open", "--port", "0", *hosts]) == cli.DONE
    assert made[0].hosts == ("photos.example", "nas")


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_stopped_service_finishes_what_runs(tmp_path: Path, photo: bytes) -> None:
    command = [sys.executable, "-m", "jpegmend", "serve", "--no-open", "--port", "0", "--jobs", "1"]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path / "jobs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JPEGMEND_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    with process, ThreadPoolExecutor(1) as threads:
        address = process.stdout.readline().removeprefix("jpegmend is at ").removesuffix("/\n")
        assert f"$JPEGMEND_TOKEN; the page opens at {address}/?token=TOKEN\n" in process.stdout.readline()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False) as client:
            while client.get("/readyz").status_code != 200:
                time.sleep(0.05)
            answer = threads.submit(client.post, "/v1/restore", content=photo)
            with httpx.Client(base_url=address, headers=headers, trust_env=False) as other:
                while "jpegmend_jobs_running 1.0" not in other.get("/metrics").text and not answer.done():
                    time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert answer.result().status_code == 200
        assert process.wait(60) == 0
        assert process.stderr is not None and process.stderr.read() == ""
    assert [entry.name for entry in (tmp_path / "jobs").iterdir()] == [".jpegmend-serve"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_a_service_whose_workers_cannot_load_the_network_ends_by_an_error(tmp_path: Path) -> None:
    """Else it would not be ready for ever, and alive to those who could start it again."""
    command = [sys.executable, "-m", "jpegmend", "serve", "--no-open", "--port", "0", "--token", "none", "--jobs", "2"]
    ended = subprocess.run(
        [*command, "--memory", "10M", "--folder", str(tmp_path / "jobs")], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    *why, last = ended.stderr.splitlines()
    assert why == ["jpegmend: a worker cannot load the network: allowed are 10 MB; the job was ended"] * 2
    assert last == "jpegmend: the service ends: no worker could load mend-s; the lines above say why"


@pytest.mark.parametrize("path", ["/v1/restore", "/v1/inspect"])
def test_what_does_not_end_in_time_is_told(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("jpegmend.web.server._GRACE", 1)
    monkeypatch.setattr("jpegmend.web.work.restore_picture", slow_calls.restore_slowly)
    monkeypatch.setattr("jpegmend.web.work.inspect_picture", slow_calls.inspect_slowly)
    with ThreadPoolExecutor(1) as threads, serving(tmp_path / "jobs") as running, running.client() as client:
        answer = threads.submit(client.post, path, content=photo)
        while not running.service.scheduler.running:
            time.sleep(0.01)
        running.server.handle_exit(signal.SIGTERM, None)
        told = answer.result()
        assert (told.status_code, told.json()["code"]) == (503, "shutting-down")
        assert told.headers["retry-after"] == "30"
    assert [entry.name for entry in (tmp_path / "jobs").iterdir()] == [".jpegmend-serve"]


def test_an_upload_that_does_not_end_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpegmend.web.server._GRACE", 1)
    with serving(tmp_path / "jobs") as running, contextlib.closing(HTTPConnection("127.0.0.1", running.port)) as client:
        client.putrequest("POST", "/v1/restore")
        client.putheader("Authorization", f"Bearer {TOKEN}")
        client.putheader("Content-Length", "1000")
        client.endheaders(b"the first part")
        while not len(running.service.jobs):
            time.sleep(0.01)
        running.server.handle_exit(signal.SIGTERM, None)
        told = client.getresponse()
        assert (told.status, json.load(told)["code"]) == (503, "shutting-down")
        assert told.headers["Retry-After"] == "30" and told.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 is reached from other machines; give --token or $JPEGMEND_TOKEN a secret of"),
        (["--token", "short"], "a token of 5 characters"),
        (["--folder", "."], "holds other files, and it is emptied at start"),
        (["--keep-bytes", "5x"], "--keep-bytes '5x'"),
        (["--keep", "0"], "--keep: '0'; give a number of at least 0.1"),
        (["--port", "BUSY"], "give another port, or 0"),
        (["--host", "203.0.113.5", "--token", TOKEN], "give an address of this machine, or leave --host out"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPEGMEND_TOKEN", raising=False)
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        given = [port if word == "BUSY" else word for word in arguments]
        assert cli.run(["serve", "--no-open", "--folder", "jobs", *given]) == cli.WRONG_USAGE
    assert words in capsys.readouterr().err
    assert (tmp_path / "holiday.jpg").exists()


def test_a_machine_without_a_temporary_folder_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Python says it where none of the usual folders can be written."""

    def fail() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("jpegmend.web.server.gettempdir", fail)
    assert cli.run(["serve", "--no-open", "--port", "0"]) == cli.WRONG_USAGE
    assert capsys.readouterr().err == (
        "jpegmend: there is no folder for temporary files that can be written; set TMPDIR to one that can\n"
    )
