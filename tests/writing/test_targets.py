"""Targets of the writers that do not take everything: full disks, streams without a buffer, files without a name."""

import gzip
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from jpegmend.formats import WRITTEN
from jpegmend.jpeg import Metadata
from jpegmend.writing import files

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_does_not_fit_is_no_result(name, tmp_path):
    """In a process whose files may have 4 KB."""
    if name == "jxl":
        pytest.importorskip("pillow_jxl")
    pytest.importorskip("resource")
    code = (
        "import resource, sys\nimport numpy as np\nfrom jpegmend import errors\nfrom jpegmend.jpeg import Metadata\n"
        "from jpegmend.writing import files\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    files.write(pixels, Metadata(), sys.argv[1])\nexcept errors.NoRoom:\n    print('told')"
    )
    target = tmp_path / f"a.{name}"
    done = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True)
    assert done.stdout == "told\n" and not list(tmp_path.iterdir())


def test_a_tiff_is_written_to_a_file_without_a_name(tmp_path):
    with os.fdopen(os.open(tmp_path / "a.tiff", os.O_CREAT | os.O_RDWR), "wb") as stream:
        files.write(PIXELS[..., 0], Metadata(), stream, format="tiff")
    assert tifffile.imread(tmp_path / "a.tiff").shape == (40, 40)


class OnlyWritten:
    """A stream that has no other method."""

    def __init__(self, path) -> None:
        self._file = path.open("wb")

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def write(self, data) -> None:
        self._file.write(data)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (OnlyWritten, open),
        (lambda path: path.open("ab"), open),
        (lambda path: gzip.GzipFile(path, "wb"), gzip.GzipFile),
    ],
    ids=["only written", "appended", "gzip"],
)
def test_a_tiff_is_written_to_streams_that_cannot_move_back(write, read, tmp_path):
    path = tmp_path / "a"
    with write(path) as stream:
        files.write(PIXELS, Metadata(), stream, format="tiff")
    with read(path, "rb") as stream:
        assert np.array_equal(tifffile.imread(io.BytesIO(stream.read())), PIXELS)


class TakesParts(io.RawIOBase):
    """A stream without a buffer that takes at most 100 bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data):
        self.taken += bytes(data[:100])
        return min(100, len(data))


@pytest.mark.parametrize("name", ["png", "tiff", "jpeg", "webp"])
def test_a_stream_that_takes_parts_gets_all(name):
    stream, whole = TakesParts(), io.BytesIO()
    for target in (stream, whole):
        files.write(PIXELS, Metadata(), target, format=name)
    assert stream.taken == whole.getvalue() and not stream.closed
