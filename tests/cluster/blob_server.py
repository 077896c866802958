"""A server in memory that answers as Google Cloud Storage (XML) and Azure Blob Storage do, as far as a job needs."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

DATE = "Sat, 28 Nov 2026 12:00:00 GMT"
GOOGLE = (
    "<ListBucketResult>{}</ListBucketResult>",
    "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>{etag}</ETag>"
    "<LastModified>2026-11-28T12:00:00.000Z</LastModified></Contents>",
)
AZURE = (
    "<EnumerationResults><Blobs>{}</Blobs><NextMarker/></EnumerationResults>",
    "<Blob><Name>{key}</Name><Properties><Last-Modified>" + DATE + "</Last-Modified><Etag>{etag}</Etag>"
    "<Content-Length>{size}</Content-Length><Content-Type>image/jpeg</Content-Type></Properties></Blob>",
)
"""Of each provider the list of objects, and an entry of it."""


class Answers(BaseHTTPRequestHandler):
    """Answers to the requests of obstore; objects are those of the server, by ``BUCKET/KEY``.

    One with the content ``refused 403`` is listed and not given, with that status.
    """

    protocol_version = "HTTP/1.1"

    @property
    def _objects(self) -> dict[str, bytes]:
        return self.server.objects  # type: ignore[attr-defined,no-any-return]

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).strip("/")

    def _send(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Last-Modified": DATE, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self) -> None:
        self._objects[self._name] = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(201, ETag=_etag(self._objects[self._name]))

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list" in query.get("comp", ()) or "list-type" in query:
            self._list(AZURE if "comp" in query else GOOGLE, query.get("prefix", [""])[0])
        else:
            self._object(body=True)

    def do_HEAD(self) -> None:
        self._object(body=False)

    def _object(self, body: bool) -> None:
        data = self._objects.get(self._name)
        if data is None:
            self._send(404)
        elif data.startswith(b"refused "):
            self._send(int(data.split()[1]), Content_Length="0")
        elif self.headers.get("If-Match", _etag(data)) != _etag(data):
            self._send(412)
        else:
            self._send(200, data if body else b"", ETag=_etag(data), Content_Length=str(len(data)))

    def _list(self, form: tuple[str, str], prefix: str) -> None:
        bucket = f"{self._name}/"
        entries = [
            form[1].format(key=escape(name.removeprefix(bucket)), size=len(data), etag=_etag(data))
            for name, data in sorted(self._objects.items())
            if name.startswith(bucket + prefix)
        ]
        self._send(200, form[0].format("".join(entries)).encode(), Content_Type="application/xml")

    def do_DELETE(self) -> None:
        self._send(204 if self._objects.pop(self._name, None) is not None else 404)

    def do_POST(self) -> None:
        """Azure's deletion of several objects: a multipart message of requests, answered by one of their answers."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        parts = []
        for number, name in enumerate(re.findall(r"DELETE /(\S+) HTTP", body)):
            there = self._objects.pop(unquote(name), None) is not None
            status = "202 Accepted" if there else "404 The specified blob does not exist."
            code = "" if there else "x-ms-error-code: BlobNotFound\r\n"
            parts.append(
                f"--answers\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
                f"HTTP/1.1 {status}\r\n{code}x-ms-request-id: {number}\r\n\r\n"
            )
        data = ("".join(parts) + "--answers--\r\n").encode()
        self._send(202, data, Content_Type="multipart/mixed; boundary=answers")

    def log_message(self, *given: Any) -> None:
        """Say nothing."""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@contextmanager
def serving() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The server's address, and its objects by ``BUCKET/KEY``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.objects = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.objects  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
