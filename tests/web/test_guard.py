"""Requests that are refused before any work, and the headers of every answer."""

import errno
import shutil
import socket
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from tests.web.conftest import TOKEN

from jpegmend.errors import InvalidOption
from jpegmend.web import connections
from jpegmend.web.guard import HEADERS, Guard
from jpegmend.web.problems import Problem
from jpegmend.web.settings import Settings
from jpegmend.web.spool import Spool, open_spool


def scope(path: str = "/v1/models", method: str = "GET", **headers: str) -> dict[str, Any]:
    given = {"host": "127.0.0.1:8017", "authorization": f"Bearer {TOKEN}", **headers}
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    return {"type": "http", "method": method, "path": path, "headers": encoded, "server": ("127.0.0.1", 8017)}


def refused(request: dict[str, Any], **settings: Any) -> str:
    """The code by which a request is refused; empty if it is not."""
    guard = Guard(None, Settings(**{"token": TOKEN, **settings}))  # type: ignore[arg-type]
    try:
        guard._check(request)
    except Problem as problem:
        return problem.code
    return ""


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, ""),
        ({"host": "localhost:8017"}, ""),
        ({"host": "[::1]:8017"}, ""),
        ({"host": "evil.example"}, "wrong-host"),
        ({"host": "127.0.0.1.evil.example:8017"}, "wrong-host"),
        ({"host": "192.168.1.4:8017"}, "wrong-host"),
        ({"host": ""}, "wrong-host"),
        ({"host": "[::1"}, "wrong-host"),
        ({"origin": "http://127.0.0.1:8017"}, ""),
        ({"origin": "http://127.0.0.1:9000"}, "cross-site"),
        ({"origin": "null"}, "cross-site"),
        ({"origin": "http://["}, "cross-site"),
        ({"origin": "http://evil.example"}, "cross-site"),
        ({"sec_fetch_site": "same-origin"}, ""),
        ({"sec_fetch_site": "none"}, ""),
        ({"sec_fetch_site": "same-site"}, "cross-site"),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, "cross-site"),
        ({"authorization": ""}, "unauthorized"),
        ({"authorization": "Bearer x"}, "unauthorized"),
        ({"authorization": f"Basic {TOKEN}"}, "unauthorized"),
        ({"authorization": "", "cookie": f"jpegmend-8017={TOKEN}"}, ""),
        ({"authorization": "", "cookie": f"jpegmend-9000={TOKEN}"}, "unauthorized"),
    ],
)
def test_host_origin_and_token(headers: dict[str, str], code: str) -> None:
    assert refused(scope(**headers)) == code


def test_what_needs_no_token() -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/static/main.js"):
        assert refused(scope(path, authorization="")) == ""
    for path in ("/metrics", "/v1/restore", "/v1/jobs/x/result", "//healthz", "/healthz/"):
        assert refused(scope(path, authorization="")) == "unauthorized"
    assert refused(scope(authorization=""), token=None) == ""


def test_a_link_on_another_site_may_lead_to_the_page_only() -> None:
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert refused(scope("/", **visit)) == ""
    assert refused(scope("/", "POST", **visit)) == "cross-site"
    assert refused(scope("/", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")) == "cross-site"


def test_a_service_in_a_network_takes_addresses_and_its_names() -> None:
    network = {"host": "0.0.0.0", "hosts": ("photos.example",)}
    assert refused(scope(host="192.168.1.4:8017"), **network) == ""
    assert refused(scope(host="photos.example"), **network) == ""
    assert refused(scope(host="rebound.example"), **network) == "wrong-host"
    # The address that is printed at its start has the name that it listens on.
    assert refused(scope(host="photos.lan:8017"), host="Photos.lan") == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "", "token": TOKEN},
        {"host": "0.0.0.0", "token": None},
        {"token": "short"},
        {"token": "spaces in this secret"},
        {"port": 70000},
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        Settings(**settings)


def test_every_answer_has_the_headers(client: httpx.Client) -> None:
    for answer in (
        client.get("/"),
        client.get("/static/main.js"),
        client.get("/nowhere"),
        client.get("/v1/models", headers={"Authorization": ""}),
        client.get("/v1/models", headers={"Origin": "null"}),
    ):
        assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy and "*" not in policy


def test_the_token_of_the_address_becomes_a_cookie(running: Any) -> None:
    with httpx.Client(base_url=running.address, trust_env=False) as browser:
        assert browser.get("/").status_code == 401
        assert browser.get("/?token=wrong").status_code == 401
        answer = browser.get("/", params={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert browser.get("/").status_code == 200
        assert browser.get("/v1/models").status_code == 200


def test_a_large_body_that_is_refused_gets_its_answer(running: Any) -> None:
    with httpx.Client(base_url=running.address, trust_env=False) as stranger:
        answer = stranger.post("/v1/restore", content=bytes(20_000_000))
    assert answer.status_code == 401


def test_an_upload_that_breaks_off_leaves_nothing(running: Any) -> None:
    before = set(running.folder.iterdir())
    head = (
        f"POST /v1/restore HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(head.encode() + b"\xff\xd8\xff")
        end = time.monotonic() + 60
        while set(running.folder.iterdir()) == before and time.monotonic() < end:
            time.sleep(0.02)
        assert set(running.folder.iterdir()) != before
    while set(running.folder.iterdir()) != before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_connection_without_a_request_is_closed(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.3)
    head = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for sent in (b"", b"GET /heal", head + b"\r\n" + head):
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as client:
            client.sendall(sent)
            answer = b""
            while piece := client.recv(4096):
                answer += piece
            assert answer.count(b"200 OK") == sent.count(b"\r\n\r\n")


def test_a_connection_that_takes_no_answer_is_closed(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.3)
    held = running.server.server_state.connections
    before = set(held)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", running.port))
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
        end = time.monotonic() + 60
        while not set(held) - before:
            assert time.monotonic() < end
        while set(held) - before:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_connection_that_takes_its_answers_slowly_is_kept(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be sent has often the same size at two looks, because it is filled up again."""
    monkeypatch.setattr(connections, "_PATIENCE", 0.3)
    count, taken, tail = 250, 0, b""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(60)
        client.connect(("127.0.0.1", running.port))
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * count)
        while taken < count:
            piece = client.recv(1 << 16)
            assert piece, f"closed after {taken} of {count} answers"
            taken += (tail + piece).count(b"HTTP/1.1 200") - tail.count(b"HTTP/1.1 200")
            tail = piece[-11:]
            time.sleep(0.001)


def test_a_request_that_is_being_answered_is_waited_for(
    running: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.3)
    with running.client() as client:
        assert client.post("/v1/restore", params={"thorough": 4}, content=photo).status_code == 200


def test_the_address_of_a_large_archive_may_come_in_pieces(running: Any) -> None:
    ids = "&".join(["job=" + 22 * "x"] * 2000)
    head = f"GET /v1/archive?{ids} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in (0, 20_000, 40_000):
            client.sendall(head[start : start + 20_000])
            time.sleep(0.05)
        assert client.recv(12) == b"HTTP/1.1 404"


class TestSpool:
    def test_a_folder_that_was_removed_is_made_again(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "jobs")
        shutil.rmtree(spool.folder)
        assert spool.make()[1].is_dir() and (spool.folder.stat().st_mode & 0o777) == 0o700
        with pytest.raises(InvalidOption, match="in use"):
            Spool(spool.folder)
        shutil.rmtree(spool.folder)
        spool.close()

    def test_it_is_emptied_at_start_of_jobs_alone(self, tmp_path: Path) -> None:
        first = Spool(tmp_path / "jobs")
        name, folder = first.make()
        (folder / "input").write_bytes(b"x")
        (first.folder / "notes.txt").write_text("mine")
        first._lock.close()  # as if it had been killed
        second = Spool(tmp_path / "jobs")
        assert not folder.exists()
        assert (second.folder / "notes.txt").exists()
        assert len(name) == 22 and second.make()[0] != name
        assert (second.folder.stat().st_mode & 0o777) == 0o700
        second.close()

    def test_folders_of_others_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "holiday.jpg").write_bytes(b"x")
        with pytest.raises(InvalidOption, match="holds other files"):
            Spool(tmp_path)
        taken = Spool(tmp_path / "jobs")
        with pytest.raises(InvalidOption, match="in use"):
            Spool(tmp_path / "jobs")
        taken.close()
        assert (tmp_path / "holiday.jpg").exists()

    def test_services_of_one_port_have_folders_of_their_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        first, second, third = (open_spool(None, 0) for _ in range(3))
        assert [spool.folder.name for spool in (first, second, third)] == ["serve-0", "serve-0-2", "serve-0-3"]
        second.close()
        again, given = open_spool(None, 0), open_spool(tmp_path / "jobs", 0)
        assert (again.folder, given.folder) == (second.folder, tmp_path / "jobs")
        for spool in (first, third, again, given):
            spool.close()

    def test_a_file_system_without_locks_is_no_other_service(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fcntl = pytest.importorskip("fcntl")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
        with pytest.raises(InvalidOption, match="cannot be used: No locks available"):
            open_spool(None, 0)


@pytest.mark.parametrize("error", [RuntimeError("unexpected"), OSError(errno.EIO, "unexpected")])
def test_unexpected_errors_have_the_headers_too(
    client: httpx.Client, running: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(running.service.jobs, "find", fail)
    answer = client.get("/v1/jobs/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert {**answer.headers, **{name.lower(): text for name, text in HEADERS.items()}} == dict(answer.headers)
    assert answer.headers["cache-control"] == "no-store"
