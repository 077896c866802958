"""What docs/service.md and examples/photo_server.py show works against a running service."""

import io
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from PIL import Image

from jpegmend.cli import serve
from jpegmend.cli.parser import Parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()
TOKEN = "a-token-for-tests-only"


def code(language: str, address: str) -> str:
    (block,) = (token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence" and token.info == language)
    return block.replace("http://127.0.0.1:8017", address)


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: bytes) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPEGMEND_TOKEN", TOKEN)
    (tmp_path / "photo.jpg").write_bytes(photo)
    return tmp_path


def test_the_python_example_runs(folder: Path, running: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(compile(code("python", running.address), "service.md", "exec"), names)
    names["service"].close()
    assert capsys.readouterr().out.splitlines()[-1].startswith("done")
    assert size_of((folder / "photo.restored.png").read_bytes()) == (320, 224)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_example_runs(folder: Path, running: Any) -> None:
    script = code("sh", running.address)
    subprocess.run(["sh", "-ec", script], check=True, env={**os.environ, "no_proxy": "*"}, capture_output=True)
    assert size_of((folder / "photo.restored.png").read_bytes()) == (320, 224)


def test_every_option_of_serve_is_documented() -> None:
    parser = Parser()
    serve.add(parser)
    options = {name for names in parser.options for name in names if name.startswith("--")} - {"--help", "--port"}
    written = set(re.findall(r"(--[a-z-]+[a-z])", PAGE + (ROOT / "docs" / "command.md").read_text()))
    assert options - written - {"--no-open"} == set()


class PhotoServer(BaseHTTPRequestHandler):
    """A stand-in for a photo server: two pictures, uploads and stacks."""

    originals: dict[str, bytes] = {}
    uploads: list[tuple[dict[str, str], bytes]] = []
    stacks: list[list[str]] = []

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(self.originals[self.path.split("/")[3]])

    def do_POST(self) -> None:
        assert self.headers["x-api-key"] == "key"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/search/metadata":
            page = json.loads(body)["page"]
            name = sorted(self.originals)[page - 1]
            dates = dict.fromkeys(("fileCreatedAt", "fileModifiedAt"), "2020-02-02T10:00:00.000Z")
            asset = {"id": name, "originalFileName": f"{name}.jpg", "originalMimeType": "image/jpeg", **dates}
            following = str(page + 1) if page < len(self.originals) else None
            self.answer(json.dumps({"assets": {"items": [asset], "nextPage": following}}).encode())
        elif self.path == "/api/assets":
            boundary = self.headers["Content-Type"].split("boundary=")[1].encode()
            fields: dict[str, str] = {}
            for part in body.split(b"--" + boundary)[1:-1]:
                head, content = part.strip(b"\r\n").split(b"\r\n\r\n", 1)
                found = re.search(rb'name="(\w+)"(?:; filename="([^"]+)")?', head)
                assert found is not None
                if found[2]:
                    fields["filename"], data = found[2].decode(), content
                else:
                    fields[found[1].decode()] = content.decode()
            self.uploads.append((fields, data))
            self.answer(b'{"id": "new", "status": "created"}', 201)
        else:
            self.stacks.append(json.loads(body)["assetIds"])
            self.answer(b"{}", 201)

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def photo_server(photo: bytes) -> Iterator[str]:
    clean = io.BytesIO()
    Image.effect_noise((64, 64), 40).save(clean, "JPEG", quality=97)
    PhotoServer.originals = {"clean": clean.getvalue(), "poor": photo}
    PhotoServer.uploads, PhotoServer.stacks = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), PhotoServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_restored_pictures_stand_beside_their_originals(
    folder: Path, running: Any, photo_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_from_file_location("photo_server", ROOT / "examples" / "photo_server.py")
    assert spec is not None and spec.loader is not None
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    photos, mender = example.Photos(photo_server, "key"), example.Mender(running.address, TOKEN)
    done = folder / "done.txt"
    for counts in ({"restored": 1, "left": 1, "failed": 0}, {"restored": 0, "left": 0, "failed": 0}):
        assert example.add_restored(photos, mender, done, quality=60, form="jpeg") == counts
    ((fields, data),) = PhotoServer.uploads
    assert fields == {
        "filename": "poor.restored.jpg",
        "deviceId": "jpegmend",
        "deviceAssetId": "jpegmend-poor",
        "fileCreatedAt": "2020-02-02T10:00:00.000Z",
        "fileModifiedAt": "2020-02-02T10:00:00.000Z",
    }
    assert size_of(data) == (320, 224)
    assert PhotoServer.stacks == [["poor", "new"]]
    photos._http.close()
    mender._http.close()
