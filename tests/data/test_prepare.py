"""Download of data sets from a local server that disconnects, sends wrong data or is missing."""

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from jpegmend.data import prepare
from jpegmend.data.sets import SETS, Archive, PictureSet, find, locate
from jpegmend.errors import MissingData, OutputError

CONTENT = {f"top/images/train/{n}.png": bytes([n]) * (3000 + n) for n in range(3)}
CONTENT |= {
    "top/images/val/9.jpg": b"v" * 10,
    "top/notes.txt": b"no picture",
    "top/images/train/../../../evil.png": b"!",
}


def tar_of(content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def zip_of(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, data in content.items():
            made.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def server():
    """Serves ``files``; ``cut`` bytes are all that the next answer holds; ``asked`` are the requests."""

    class Handler(BaseHTTPRequestHandler):
        files: dict[str, bytes] = {}
        cut: int | None = None
        ranges = True
        asked: list[tuple[str, str | None]] = []

        def do_GET(self):
            kind = type(self)
            wanted = self.headers.get("Range")
            kind.asked.append((self.path, wanted))
            data = kind.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            if not data:
                self.wfile.write(b"no answer of HTTP\r\n\r\n")
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind.ranges else 0
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end, kind.cut = (len(data) if kind.cut is None else start + kind.cut), None
            self.wfile.write(data[start:end])

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Handler.url = f"http://127.0.0.1:{running.server_port}"
    yield Handler
    running.shutdown()
    running.server_close()
    thread.join()


def known(server, data, *, urls=("/a.tgz",), sha256=None):
    server.files["/a.tgz"] = data
    archive = Archive(
        file="a.tgz",
        urls=tuple(server.url + url for url in urls),
        sha256=sha256,
        inside={"top/images/train": "train", "top/images/val": ""},
    )
    return PictureSet(name="Mini", about="", licence="any", page="", archives=(archive,), counts={"train": 3, "": 1})


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_downloads_unpacks_and_counts(server, tmp_path, pack):
    seen = []
    made = known(server, pack(CONTENT))
    folder = prepare.prepare(made, tmp_path, progress=lambda *facts: seen.append(facts))
    assert (folder / "train" / "2.png").read_bytes() == CONTENT["top/images/train/2.png"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.suffix in {".png", ".jpg"}) == [
        "0.png",
        "1.png",
        "2.png",
        "9.jpg",
    ]
    assert seen[-1][1] == seen[-1][2] == len(server.files["/a.tgz"])
    before = len(server.asked)
    prepare.prepare(made, tmp_path)
    assert len(server.asked) == before  # what is whole is not asked for again


def test_goes_on_where_it_broke_off(server, tmp_path):
    made = known(server, tar_of(CONTENT))
    server.cut = 100
    with pytest.raises(MissingData, match="100 of"):
        prepare.prepare(made, tmp_path)
    prepare.prepare(made, tmp_path)
    assert server.asked[-1] == ("/a.tgz", "bytes=100-")


def test_a_server_without_ranges_starts_over(server, tmp_path):
    made = known(server, tar_of(CONTENT))
    server.cut, server.ranges = 100, False
    with pytest.raises(MissingData):
        prepare.prepare(made, tmp_path)
    assert prepare.wrong_counts(made, prepare.prepare(made, tmp_path)) == []


def test_a_mirror_is_tried(server, tmp_path):
    made = known(server, tar_of(CONTENT), urls=("/gone.tgz", "/a.tgz"))
    prepare.prepare(made, tmp_path)
    assert [path for path, _ in server.asked[-2:]] == ["/gone.tgz", "/a.tgz"]


def test_a_server_that_does_not_speak_http_is_passed_over(server, tmp_path):
    server.files["/other"] = b""
    prepare.prepare(known(server, tar_of(CONTENT), urls=("/other", "/a.tgz")), tmp_path)
    with pytest.raises(MissingData, match="other: no answer of HTTP"):
        prepare.prepare(known(server, b"x", urls=("/other",)), tmp_path / "empty")


def test_a_wrong_checksum_is_refused_and_the_file_not_kept(server, tmp_path):
    data = tar_of(CONTENT)
    made = known(server, data, sha256=hashlib.sha256(b"another file").hexdigest())
    with pytest.raises(MissingData, match="sha256"):
        prepare.prepare(made, tmp_path)
    assert not list(tmp_path.rglob("a.tgz*"))
    good = known(server, data, sha256=hashlib.sha256(data).hexdigest())
    assert prepare.prepare(good, tmp_path).is_dir()


def test_the_file_with_the_checksum_of_the_first_download_is_named(server, tmp_path):
    folder = prepare.prepare(known(server, tar_of(CONTENT)), tmp_path)
    (folder / "9.jpg").unlink()
    (tmp_path / "downloads" / "a.tgz").unlink()
    with pytest.raises(MissingData, match=r"that of the first download; delete .*downloads/a\.tgz\.sha256 if"):
        prepare.prepare(known(server, tar_of(CONTENT | {"more": b""})), tmp_path)


def test_a_damaged_archive_and_a_wrong_count_are_named(server, tmp_path):
    with pytest.raises(MissingData, match="unpacked"):
        prepare.prepare(known(server, b"no archive"), tmp_path / "a")
    few = {name: data for name, data in CONTENT.items() if not name.endswith("1.png")}
    with pytest.raises(
        MissingData, match=r"2 pictures in train, 3 expected; delete .*downloads and their \.sha256, and"
    ):
        prepare.prepare(known(server, tar_of(few)), tmp_path / "b")


def test_after_an_error_page_in_place_of_the_archive_the_right_one_is_taken(server, tmp_path):
    """The page's checksum is not kept."""
    page = b"<!doctype html><title>This network needs a login</title>"
    with pytest.raises(MissingData, match=r"a\.tgz cannot be unpacked: .*; it was deleted, prepare the set again"):
        prepare.prepare(known(server, page), tmp_path)
    assert not list((tmp_path / "downloads").iterdir())
    assert prepare.prepare(known(server, tar_of(CONTENT)), tmp_path).is_dir()


def test_an_error_page_in_place_of_a_picture_is_no_picture(server, tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    archive = Archive(file="one.png", urls=(f"{server.url}/one.png",), inside={})
    made = PictureSet(name="One", about="", licence="any", page="", archives=(archive,), counts={"": 1})
    server.files["/one.png"] = b"<!doctype html>"
    with pytest.raises(MissingData, match=r"one\.png cannot be unpacked"):
        prepare.prepare(made, tmp_path)
    server.files["/one.png"] = stream.getvalue()
    assert (prepare.prepare(made, tmp_path) / "one.png").read_bytes() == stream.getvalue()


def test_an_archive_that_cannot_be_written_out_is_kept(server, tmp_path):
    (tmp_path / "Mini").write_text("a file in the place of the folder")
    with pytest.raises(MissingData, match="cannot be unpacked: .*; correct this"):
        prepare.prepare(known(server, tar_of(CONTENT)), tmp_path)
    assert sorted(file.name for file in (tmp_path / "downloads").iterdir()) == ["a.tgz", "a.tgz.sha256"]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_archive_that_ends_early_leaves_no_part_of_a_picture(server, tmp_path, share):
    whole = tar_of(CONTENT)
    with pytest.raises(MissingData, match="unpacked"):
        prepare.prepare(known(server, whole[: int(share * len(whole))]), tmp_path)
    for file in (tmp_path / "Mini").rglob("*.*"):
        assert file.read_bytes() in CONTENT.values()


def test_sets_that_must_be_asked_for_say_where(tmp_path):
    with pytest.raises(MissingData, match="live.ece"):
        prepare.prepare(find("live1"), tmp_path)


def test_a_missing_set_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("JPEGMEND_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="jpegmend data prepare BSDS500"):
        locate("BSDS500/train")
    with pytest.raises(MissingData, match="DIV2K"):
        locate("nonesuch")
    (tmp_path / "BSDS500" / "train").mkdir(parents=True)
    assert locate("bsds500/train") == tmp_path / "BSDS500" / "train"
    (tmp_path / "BSDS500-train.npy").touch()
    assert locate("BSDS500/train").name == "BSDS500-train.npy"
    assert locate(str(tmp_path)) == tmp_path
    assert locate("bsds500-TRAIN", packed=False) == tmp_path / "BSDS500" / "train"


def test_a_set_is_looked_for_where_the_message_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPEGMEND_DATA", raising=False)
    with pytest.raises(MissingData, match=f"{tmp_path}/datasets .JPEGMEND_DATA.*not set.*live.ece"):
        locate("LIVE1")
    (tmp_path / "datasets" / "measure" / "live1").mkdir(parents=True)
    assert locate("LIVE1") == Path("datasets/measure/live1")
    monkeypatch.setenv("JPEGMEND_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(MissingData, match="elsewhere .JPEGMEND_DATA names it"):
        locate("LIVE1")
    with pytest.raises(MissingData, match="no folder /nosuch"):
        locate("/nosuch")
    monkeypatch.setenv("JPEGMEND_DATA", "")
    assert locate("LIVE1") == locate(Path("measure//live1")) == Path("datasets/measure/live1")
    with pytest.raises(MissingData, match="an empty name"):
        locate("")


@pytest.mark.parametrize("name", ["Kodak", "Patterns"])
def test_a_root_that_is_a_file_is_an_error_of_the_family(name, tmp_path):
    (tmp_path / "root").touch()
    with pytest.raises(OutputError, match="cannot be made: Not a directory"):
        prepare.prepare(SETS[name], tmp_path / "root")


def test_every_known_set_has_terms_and_a_page():
    named = {"BSDS500", "DIV2K", "Flickr2K", "LIVE1", "Classic5", "Twitter", "WeChat", "CID22", "CLIC", "Kodak"}
    assert {*named, "Patterns"} == set(SETS)
    for made in SETS.values():
        assert made.licence and made.about and (made.drawn or made.page.startswith("http"))
        assert all(url.startswith("http") for archive in made.archives for url in archive.urls)
