"""``jpegmend serve`` as a process: its start, its end, and what it refuses."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from jpegmend import cli

TOKEN = "a-token-for-tests-only"


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
        line = process.stdout.readline()
        assert line.endswith(f"/?token={TOKEN}\n")
        address = line.split()[-1].split("/?")[0]
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 is reached from other machines; give a token"),
        (["--token", "short"], "a token of 5 characters"),
        (["--folder", "."], "holds other files, and it is emptied at start"),
        (["--keep-bytes", "5x"], "--keep-bytes '5x'"),
        (["--port", "BUSY"], "give another port, or 0"),
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
