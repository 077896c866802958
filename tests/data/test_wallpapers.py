"""scripts/wallpapers with packages made up as plain archives, and a dpkg-deb that shows them as they are."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "scripts" / "wallpapers"
PICTURES = [line.split(" ", 1) for line in SCRIPT.with_suffix(".txt").read_text("utf-8").splitlines()]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages are those of Ubuntu")


def make(tmp_path, path):
    words = [sys.executable, str(SCRIPT), "make", str(tmp_path), str(tmp_path / "out")]
    return subprocess.run(words, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60)


def test_what_a_damaged_package_lacks_is_named_and_the_others_are_made(tmp_path):
    (package, first), (_, second) = PICTURES[:2]
    stream = io.BytesIO()
    Image.effect_noise((300, 200), 50).save(stream, "PNG")
    with tarfile.open(tmp_path / f"{package}_1_all.deb", "w") as archive:
        for name in (first, second):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(stream.getvalue())
            archive.addfile(member, io.BytesIO(stream.getvalue()))
    os.truncate(tmp_path / f"{package}_1_all.deb", len(stream.getvalue()) + 3000)
    (tmp_path / f"{next(name for name, _ in PICTURES if name != package)}_1_all.deb").write_bytes(b"no package")
    (tmp_path / "dpkg-deb").write_text('#!/bin/sh\nexec cat "$2"\n')
    (tmp_path / "dpkg-deb").chmod(0o755)
    done = make(tmp_path, f"{tmp_path}:{os.environ['PATH']}")
    assert done.stderr.startswith(f"{len(PICTURES) - 1} pictures were not found, such as {package} {second}")
    (picture,) = (tmp_path / "out").iterdir()
    with Image.open(picture) as image:
        assert (picture.name, image.size) == (f"{package}-{Path(first).stem}.png", (150, 100))


def test_a_missing_program_is_named(tmp_path):
    done = make(tmp_path, str(tmp_path))
    assert done.returncode == 1 and done.stderr == "dpkg-deb, which opens the packages, is missing; install dpkg\n"
