"""``restore_many`` and ``Restorer``: many pictures by processes, or one after another."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jpegmend
from jpegmend.batch.inputs import is_large
from jpegmend.batch.share import LARGE, share_out

from .conftest import make_picture


def test_results_are_those_of_restore_and_errors_stay_with_their_file(scans: Path) -> None:
    sources = [scans / "a.jpg", scans / "gone.jpg", scans / "d.png", (scans / "b.JPG").read_bytes()]
    found = {result.source: result for result in jpegmend.restore_many(sources, jobs=2, strength=0.5)}
    assert len(found) == 4
    for source in (sources[0], sources[2], sources[3]):
        _, restored, error = found[source]
        assert error is None and restored is not None
        assert np.array_equal(restored.to_array(16), jpegmend.restore(source, strength=0.5, threads=1).to_array(16))
    assert isinstance(found[sources[1]].error, jpegmend.InputError)
    assert found[sources[1]].restored is None


def test_sources_are_those_of_restore(scans: Path) -> None:
    data, tiff = (scans / "a.jpg").read_bytes(), io.BytesIO()
    with Image.open(scans / "a.jpg") as image:
        image.save(tiff, "TIFF", description="a scan", dpi=(300, 300))
    with open(scans / "a.jpg", "rb") as file, Image.open(scans / "a.jpg") as jpeg, Image.open(tiff) as page:
        sources = [file, memoryview(data), np.asarray(page), jpeg, page]
        found = {id(source): (restored, error) for source, restored, error in jpegmend.restore_many(sources, jobs=1)}
        for source, own in zip(sources, (data, *sources[1:]), strict=True):
            restored, error = found[id(source)]
            assert error is None and restored is not None
            expected = jpegmend.restore(own)
            assert np.array_equal(restored.pixels, expected.pixels)
            assert restored.metadata == expected.metadata
            assert restored.report.quality == expected.report.quality


def test_options_may_be_members_of_enumerations_of_a_script(scans: Path) -> None:
    script = (
        "import enum, sys, jpegmend\n"
        "Choice = enum.StrEnum('Choice', {'MODEL': 'mend-s', 'KEEP': 'keep'})\n"
        "Bits = enum.IntEnum('Bits', {'DEEP': 16})\n"
        "options = {'model': Choice.MODEL, 'orientation': Choice.KEEP, 'bits': Bits.DEEP}\n"
        "found = jpegmend.restore_many(sys.argv[1:], jobs=1, **options)\n"
        "print([result.restored.pixels.dtype.name for result in found])\n"
    )
    command = [sys.executable, "-c", script, str(scans / "a.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("['uint16']\n", "")


class Broken:
    """A file whose errors are of no class of Python's own."""

    def read(self, size: int = -1) -> bytes:
        raise LookupError("the connection was lost")


def test_what_is_no_picture_costs_only_itself(scans: Path) -> None:
    wrong = [max, np.array([max]), Broken(), io.StringIO("text"), 7]
    results = list(jpegmend.restore_many([scans / "a.jpg", *wrong, scans / "d.png"], jobs=1, strength=0))
    assert [result.source for result in results if result.restored] == [scans / "a.jpg", scans / "d.png"]
    told = {id(result.source): result.error for result in results if result.error}
    assert [type(told[id(source)]).__name__ for source in wrong] == ["InvalidOption"] * 3 + [
        "InputError",
        "InvalidOption",
    ]
    assert "give a path, bytes, a binary file" in str(told[id(max)])
    assert "the connection was lost" in str(told[id(wrong[2])])


def test_sources_may_be_endless(scans: Path) -> None:
    def forever():
        while True:
            yield scans / "a.jpg"

    results = jpegmend.restore_many(forever(), jobs=1, strength=0)
    assert [next(results).error for _ in range(6)] == [None] * 6
    results.close()


def test_a_script_without_a_guard(scans: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import jpegmend\n"
        "for source, restored, error in jpegmend.restore_many(['scans/a.jpg', 'scans/d.png'], jobs=2, strength=0):\n"
        "    print(source, restored.width, error)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert sorted(done.stdout.split("\n")) == ["", "scans/a.jpg 24 None", "scans/d.png 27 None"], done.stderr


@pytest.mark.parametrize("options", [{"jobs": 0}, {"strength": 2}, {"memory": 1000, "jobs": 4}, {"progress": max}])
def test_wrong_options_are_told_before_any_work(options: dict) -> None:
    with pytest.raises(jpegmend.InvalidOption):
        jpegmend.restore_many(["a.jpg", "b.jpg"], **options)


@pytest.mark.parametrize("single", ["a.jpg", b"a.jpg", Path("a.jpg")])
def test_a_single_source_is_not_taken_as_several(single: object) -> None:
    with pytest.raises(jpegmend.InvalidOption, match="give a list, or use restore"):
        jpegmend.restore_many(single)


def test_a_restorer_keeps_its_options(scans: Path) -> None:
    with jpegmend.Restorer(strength=0.5, bits=8) as restorer:
        for name in ("a.jpg", "d.png"):
            ours, theirs = restorer.restore(scans / name), jpegmend.restore(scans / name, strength=0.5, bits=8)
            assert np.array_equal(ours.pixels, theirs.pixels)
            assert ours.report.strength == theirs.report.strength
        assert "mend-s" in repr(restorer) and "0.5" in repr(restorer)
    with pytest.raises(jpegmend.InvalidOption, match="closed"):
        restorer.restore(scans / "a.jpg")


def test_a_restorer_takes_a_progress_among_its_options(scans: Path) -> None:
    first, second = [], []
    with jpegmend.Restorer(strength=0, progress=lambda done, total: first.append(done)) as restorer:
        restorer.restore(scans / "a.jpg")
        assert first == [0, 1]
        restorer.restore(scans / "a.jpg", progress=lambda done, total: second.append(done))
    assert (first, second) == ([0, 1], [0, 1])


def test_a_restorer_fails_before_the_first_picture() -> None:
    with pytest.raises(jpegmend.ModelError):
        jpegmend.Restorer(model="nope")
    with pytest.raises(jpegmend.InvalidOption):
        jpegmend.Restorer(strength=7)


def test_a_loaded_network_says_what_it_is() -> None:
    assert repr(jpegmend.load("mend-s")) == "<mend-s by onnx cpu>"


def test_shares() -> None:
    assert share_out(100, jobs=4, threads=8, memory=None).threads == 2
    assert share_out(1, jobs=4, threads=8, memory=None).threads == 8
    share = share_out(100, jobs=2, threads=2, memory=2_000_000_000)
    assert share.memory is not None and 2 * share.memory < 2_000_000_000 and share.memory > 800_000_000
    assert share_out(100, jobs=None, threads=64, memory=1_000_000_000).jobs == 2
    assert share_out(1, jobs=None, threads=2, memory=77).memory == 77
    with pytest.raises(jpegmend.InvalidOption, match="100000 threads"):
        share_out(100, jobs=None, threads=100000, memory=None)
    with pytest.raises(jpegmend.InvalidOption, match="jobs 100000; give 1 to 1024"):
        share_out(1 << 30, jobs=100000, threads=None, memory=None)


def test_large_pictures_are_known_by_their_headers(tmp_path: Path) -> None:
    make_picture(tmp_path / "a.jpg", 0)
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    assert not is_large(tmp_path / "a.jpg", LARGE) and is_large(tmp_path / "a.jpg", 24 * 24)
    assert not is_large(tmp_path / "a.jpg", 24 * 24 + 1)
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\x20\x00\x20\x00"
    (tmp_path / "a.jpg").write_bytes(data)
    assert is_large(tmp_path / "a.jpg", LARGE)
    assert not is_large(tmp_path / "gone.jpg", 1)
