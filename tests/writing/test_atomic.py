"""Atomic writing: existing files survive every failure."""

import errno
import io
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend.errors import NoRoom, OutputError
from jpegmend.jpeg import Metadata
from jpegmend.writing import atomic, files, png

NOTHING = Metadata()
TOLD = Metadata(comments=(b"a comment",))


def some_pixels(shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def size_of(path):
    return Image.open(io.BytesIO(path.read_bytes())).size  # of a path, Pillow keeps the file open


def refuse_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_the_longest_name_of_wide_letters_has_room_for_its_part(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    path = tmp_path / ("\u6f22" * ((longest - 4) // 3) + ".png")
    files.write(some_pixels((4, 4)), NOTHING, path)
    other = path.with_name("b".join(path.name.rsplit("\u6f22", 1)))
    for remove in atomic.remove_parts, lambda target: atomic.remove_all_parts(tmp_path, [target.name]):
        with atomic.open_target(path, overwrite=True) as stream:
            stream.write(b"whole")
            (part,) = tmp_path.glob("*.part")
            remove(other)  # which begins like it
            assert part.exists()
            left = part.with_name(f"{part.name[:-17]}{'0' * 12}.part")
            left.touch()
        assert path.read_bytes() == b"whole"
        remove(path)
        assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        files.write(some_pixels((4, 4)), NOTHING, path)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_overwrite_replaces(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    files.write(some_pixels((4, 4)), NOTHING, path, overwrite=True)
    assert size_of(path) == (4, 4)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target", ["photo.jpg", "nowhere"])
def test_a_link_is_replaced_and_never_followed(target, tmp_path):
    photo, link = tmp_path / "photo.jpg", tmp_path / "a.png"
    photo.write_bytes(b"mine")
    link.symlink_to(target)
    with pytest.raises(OutputError, match="exists"):
        files.write(some_pixels((4, 4)), NOTHING, link)
    files.write(some_pixels((4, 4)), NOTHING, link, overwrite=True)
    assert photo.read_bytes() == b"mine"
    assert not link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, photo]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_a_link_of_the_system_to_an_open_file_is_never_replaced(tmp_path):
    """As /dev/stdout is, which root could replace."""
    link = tmp_path / "stdout.png"
    with open(tmp_path / "sent.png", "wb") as sent:
        link.symlink_to(f"/proc/self/fd/{sent.fileno()}")
        with pytest.raises(OutputError, match="leads to a file that is open already"):
            files.write(some_pixels((4, 4)), NOTHING, link, overwrite=True)
    assert link.is_symlink()


@pytest.mark.parametrize("linkless", [False, True])
def test_a_file_that_appears_meanwhile_is_safe(linkless, tmp_path, monkeypatch):
    path, write = tmp_path / "a.png", png.write

    def write_and_lose_the_race(*arguments):
        write(*arguments)
        path.write_bytes(b"mine")

    monkeypatch.setattr(png, "write", write_and_lose_the_race)
    if linkless:
        monkeypatch.setattr(os, "link", refuse_links)
    with pytest.raises(OutputError, match="meanwhile"):
        files.write(some_pixels((4, 4)), NOTHING, path)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])
def test_file_systems_without_links(number, tmp_path, monkeypatch):
    """FAT and exFAT: EPERM on Linux, EINVAL on Windows."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    files.write(some_pixels((4, 4)), NOTHING, tmp_path / "a.png")
    assert size_of(tmp_path / "a.png") == (4, 4)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_failure_without_links_leaves_no_empty_file(tmp_path, monkeypatch):
    """As on Windows, where a scanner that has just opened the new file keeps it from being replaced."""

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse_links)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        files.write(some_pixels((4, 4)), NOTHING, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(OSError(errno.ENOSPC, "No space left on device"), NoRoom), (KeyboardInterrupt(), KeyboardInterrupt)],
)
@pytest.mark.parametrize("before", [None, b"mine"])
def test_a_failure_leaves_what_was_there(raised, seen, before, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    if before:
        path.write_bytes(before)

    def fail(stream, *_):
        stream.write(b"half a pic")
        raise raised

    monkeypatch.setattr(png, "write", fail)
    with pytest.raises(seen):
        files.write(some_pixels((4, 4)), NOTHING, path, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({"a.png": before} if before else {})


def test_missing_folder_and_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        files.write(some_pixels((4, 4)), NOTHING, tmp_path / "no" / "a.png")
    with pytest.raises(OutputError, match="folder"):
        files.write(some_pixels((4, 4)), NOTHING, tmp_path, format="png", overwrite=True)


def test_permissions_are_those_of_new_files(tmp_path):
    old = os.umask(0o027)
    try:
        files.write(some_pixels((4, 4)), NOTHING, tmp_path / "a.png")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["png", "tiff", "webp", "jpeg"])
def test_pipes(name):
    reading, writing = os.pipe()
    got: list[bytes] = []
    with open(reading, "rb") as source:
        reader = threading.Thread(target=lambda: got.append(source.read()))
        reader.start()
        with open(writing, "wb") as target:
            files.write(some_pixels((100, 300, 3)), TOLD, target, format=name)
        reader.join(30)
    assert Image.open(io.BytesIO(got[0])).size == (300, 100)


def test_devices_are_written_to_not_replaced(tmp_path):
    fifo = tmp_path / "a.png"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    files.write(some_pixels((4, 4)), NOTHING, fifo)
    reader.join(30)
    assert Image.open(io.BytesIO(got[0])).size == (4, 4)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path))
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        atomic.check_target(tmp_path / "b.json", overwrite=True)
    atomic.check_target(tmp_path.with_name("b.json"), overwrite=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    atomic.check_target(Path(os.devnull), overwrite=False)
