"""deploy/: the options with which the service is started there are those of `jpegmend serve`, and its times fit."""

import configparser
import json
import re
import secrets
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

from jpegmend.cli import serve
from jpegmend.cli.options import parse_size
from jpegmend.cli.parser import Parser
from jpegmend.web.archive import _MOST
from jpegmend.web.server import _GRACE
from jpegmend.web.settings import PORT

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def read(command: Sequence[str]) -> Namespace:
    program, verb, *words = command
    assert (Path(program).name, verb) == ("jpegmend", "serve")
    parser = Parser()
    serve.add(parser)
    return parser.read(words)


def entrypoint() -> list[str]:
    (line,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(line)
    return words


def test_the_image() -> None:
    given = read(entrypoint())
    assert (given.host, given.port, given.no_open) == ("0.0.0.0", PORT, True)
    assert f"EXPOSE {PORT}\n" in DOCKERFILE and f"127.0.0.1:{PORT}/healthz" in DOCKERFILE
    folder = Path(given.folder).parent
    assert f"--tmpfs {folder}:uid=10001" in DOCKERFILE and "--uid 10001" in DOCKERFILE
    assert f"TMPDIR={folder}" in DOCKERFILE, "all else is read-only"


def test_the_compose_file() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["jpegmend"]
    given = read([*entrypoint(), *service["command"]])
    assert given.token is None and "JPEGMEND_TOKEN" in service["environment"], "logs have what is printed"
    (mount,) = service["tmpfs"]
    folder, options = mount.split(":")
    assert Path(given.folder).parent == Path(folder)
    size = dict(option.split("=") for option in options.split(","))["size"]
    kept, room = parse_size("--keep-bytes", given.keep_bytes), parse_size("size", size)
    assert room - kept >= 2_000_000_000, "uploads, and pictures while they are decoded"
    assert parse_size("mem_limit", service["mem_limit"].rstrip("g") + "G") - room >= given.jobs * 900_000_000
    assert int(service["stop_grace_period"].rstrip("s")) > _GRACE


def test_nginx_takes_the_address_of_the_largest_archive() -> None:
    page = (DEPLOY.parent / "docs" / "service.md").read_text()
    (server, size), *others = re.findall(r"^( *)large_client_header_buffers \d+ (\d+)k;$", page, re.MULTILINE)
    assert not server and not others, "nginx does not take it in a location"
    job = len(f"job={secrets.token_urlsafe(16)}&")
    assert int(size) * 1024 > _MOST * job + len("GET /v1/archive?format=webp&quality=100&strip=notes HTTP/1.1")


def test_the_systemd_unit() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "jpegmend.service")
    service = unit["Service"]
    given = read(shlex.split(service["ExecStart"]))
    assert given.no_open and given.host == "127.0.0.1"
    assert given.token is None and "EnvironmentFile" in service, "the journal has what is printed"
    assert given.folder == f"%C/{service['CacheDirectory']}/jobs"
    assert int(service["TimeoutStopSec"]) > _GRACE
    assert service["KillMode"] == "mixed", "workers must not be told to stop before the service is"
