"""Decoding workers: reuse, end, replacement, sharing, and their limits."""

import errno
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from jpegmend import decoding, errors, jpeg
from jpegmend.decoding import limits, process, tiff_jpeg, transport
from jpegmend.decoding.pool import POOL, Pool
from jpegmend.reading import open_source


def claim(data: bytes, width: int, height: int, padding: int = 0) -> bytes:
    """The file claiming another size, with that many more bytes of scan data."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 : -2] + b"\x55" * padding + b"\xff\xd9"


def with_bogus_codes(data: bytes) -> bytes:
    """The file with a Huffman table no decoder can take: 255 codes of every length."""
    return data[:2] + b"\xff\xc4\0\x13\0" + b"\xff" * 16 + data[2:]


def worker() -> int:
    (pid,) = POOL.pids()
    return pid


def test_one_worker_reads_many_files(stored):
    decoding.close()
    decoding.start()
    first = worker()
    for data in stored.values():
        jpeg.read(data)
    assert worker() == first


def test_a_worker_that_died_is_replaced(stored):
    jpeg.read(stored["huffman"])
    first = worker()
    os.kill(first, signal.SIGKILL)
    assert jpeg.read(stored["huffman"]).lost == 0
    assert worker() != first


def test_a_worker_that_dies_of_a_file_is_a_damaged_file(stored, monkeypatch, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text("import sys, os\nsys.stdin.readline()\nos.abort()")
    monkeypatch.setattr(process, "_WORKER", script)
    decoding.close()
    with pytest.raises(errors.DamagedJpeg, match="crashed"):
        jpeg.read(stored["huffman"])
    monkeypatch.undo()
    assert jpeg.read(stored["huffman"]).lost == 0  # by a worker of the right kind again


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_worker_that_is_ended_from_outside_is_no_damaged_file(stored, monkeypatch, tmp_path):
    script = tmp_path / "ended.py"
    script.write_text("import sys, os, signal\nsys.stdin.readline()\nos.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setattr(process, "_WORKER", script)
    decoding.close()
    with pytest.raises(errors.DecoderStopped, match=r"SIGKILL.*may be sound"):
        jpeg.read(stored["huffman"])
    monkeypatch.undo()
    decoding.close()


@pytest.mark.parametrize("moment", ["transport._load", "time.sleep"])
def test_a_process_that_is_killed_leaves_no_temporary_files(tmp_path, moment):
    """Killed before it has read the answer of its worker, and while that is decoding."""
    code = (
        "import os, signal, sys, threading, time\nfrom jpegmend import jpeg\nfrom jpegmend.decoding import transport\n"
        "def end(*given): os.kill(os.getpid(), signal.SIGKILL)\ntransport._scratch = lambda size: sys.argv[2]\n"
        "if sys.argv[3] == 'transport._load': transport._load = end\n"
        "else: transport.POOL.ask = lambda request, seconds, ask=transport.POOL.ask: ("
        "threading.Timer(0.05, end).start(), ask(request, seconds))[1]\n"
        "jpeg.read(open(sys.argv[1], 'rb').read())"
    )
    file = Path(__file__).parents[1] / "jpeg" / "files" / "huffman.jpg"
    done = subprocess.run([sys.executable, "-c", code, str(file), str(tmp_path), moment], check=False)
    assert done.returncode == -signal.SIGKILL
    ends = time.monotonic() + 60
    while list(tmp_path.iterdir()) and time.monotonic() < ends:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_may_not_be_started_is_told(stored, monkeypatch):
    """By a process, or by the thread that stops it, as ``ulimit -u`` allows no more of."""
    decoding.close()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", Mock(side_effect=BlockingIOError(11, "not now")))
        with pytest.raises(errors.DecoderStopped, match="ulimit -u"):
            jpeg.read(stored["huffman"])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        with pytest.raises(errors.DecoderStopped, match="ulimit -u"):
            jpeg.read(stored["huffman"])
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
        decoding.close()
        decoding.start()
        with pytest.raises(errors.DecoderStopped, match="Too many open files; the file may be sound"):
            jpeg.read(stored["huffman"])
    assert jpeg.read(stored["huffman"]).lost == 0


def test_no_room_for_temporary_files_is_no_damaged_file():
    """In a process whose files may have 4 KB, as ``ulimit -f`` sets it."""
    code = (
        "import resource, sys\nfrom jpegmend import errors, jpeg\ndata = open(sys.argv[1], 'rb').read()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    jpeg.read(data)\nexcept errors.DecoderStopped as error:\n    print(error)"
    )
    pytest.importorskip("resource")
    file = Path(__file__).parents[1] / "jpeg" / "files" / "huffman.jpg"
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert "ulimit -f" in done.stdout and "TMPDIR" in done.stdout


def test_where_memory_is_full_the_disk_is_tried(stored, tmp_path, monkeypatch):
    tried, decode_in = [], transport._decode_in

    def decode(scratch, *others):
        tried.append(scratch)
        if scratch is not None:
            raise OSError(errno.ENOSPC, "full")
        return decode_in(scratch, *others)

    monkeypatch.setattr(transport, "_decode_in", decode)
    monkeypatch.setattr(transport, "_scratch", lambda size: str(tmp_path))
    assert jpeg.read(stored["huffman"]).components[0].levels.any()
    assert tried == [str(tmp_path), None]


def test_levels_of_a_tiff_without_room_are_told_as_that(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2 * 64 * 6 - 1))
    with (tmp_path / "levels").open("w+b") as out, pytest.raises(OSError, match="space") as full:
        tiff_jpeg._allocate(out, [(2, 3)])
    assert errors.says_no_room(full.value)


def test_no_temporary_path_is_quoted():
    with pytest.raises(errors.DamagedJpeg, match="png decoder gave up: its header cannot be read"):
        open_source(b"\x89PNG\r\n\x1a\n" + bytes(100))


def test_a_worker_that_hangs_is_stopped(stored, monkeypatch, tmp_path):
    script = tmp_path / "hangs.py"
    script.write_text("import time\ntime.sleep(600)")
    monkeypatch.setattr(process, "_WORKER", script)
    decoding.close()
    with pytest.raises(errors.DamagedJpeg, match=r"stopped after 0(\.\d)? s"):
        jpeg.read(stored["huffman"], timeout=0.3)
    monkeypatch.undo()
    assert jpeg.read(stored["huffman"]).lost == 0  # by a worker of the right kind again


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits are set where /proc tells sizes")
def test_limits_on_memory_and_processor_time(draw, encode, monkeypatch):
    data = claim(encode(draw(64, 64), mode="L"), 16000, 16000, padding=400_000)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "_BYTES_PER_LEVEL", 0.1)
        patch.setattr(limits, "_SLACK", 30 << 20)
        with pytest.raises(errors.TooLarge, match="memory"):
            jpeg.read(data)
    progressive = encode(draw(64, 64), mode="L", progressive=True)
    many = many_scans(progressive)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "jpeg_limits", lambda *_, **__: replace(limits.picture_limits(0), seconds=0.1))
        with pytest.raises(errors.DamagedJpeg, match="processor time"):
            jpeg.read(many)
    assert jpeg.read(progressive).lost == 0


def many_scans(progressive: bytes) -> bytes:
    """The file with its last scan 4000 times more, claiming 16 megapixels: seconds of decoding."""
    at, scan = progressive.index(b"\xff\xc2"), progressive.rindex(b"\xff\xda")
    many = progressive[:-2] + progressive[scan:-2] * 4000
    return many[: at + 5] + struct.pack(">HH", 4000, 4000) + many[at + 9 :]


def test_a_small_file_that_claims_a_huge_picture_is_refused_at_once(draw, encode):
    lie = claim(encode(draw(64, 64)), 65500, 65500, padding=10_000)
    with pytest.raises(errors.TooLarge):
        jpeg.read(lie)
    with pytest.raises(errors.DamagedJpeg, match="cannot hold"):
        jpeg.read(lie, max_pixels=1 << 40)


def test_a_picture_larger_than_the_machine_is_refused(draw, encode, monkeypatch):
    monkeypatch.setattr(limits, "physical_memory", lambda: 64 << 20)
    with pytest.raises(errors.TooLarge, match="half of this machine"):
        jpeg.read(encode(draw(64, 64)))


def test_threads_share_two_workers(kinds):
    files = [kinds[name] for name in ("gray", "4:2:0", "progressive", "huffman")]
    expected = [jpeg.read(data) for data in files]
    wrong: list[int] = []

    def run(i: int) -> None:
        for _ in range(5):
            image = jpeg.read(files[i])
            same = (
                np.array_equal(a.levels, b.levels)
                for a, b in zip(image.components, expected[i].components, strict=True)
            )
            if not all(same):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(POOL.pids()) <= 2


def test_no_further_worker_is_started_while_all_are_at_work(monkeypatch):
    pool = Pool(1)
    monkeypatch.setattr(process.Worker, "ask", lambda *_: pool.start() or process.Answer({}, ""))
    pool.ask({}, 1.0)
    started = pool.pids()
    pool.start()
    assert (len(started), len(pool.pids())) == (0, 1)
    pool.close()


FORK = """
import os, sys
from jpegmend import jpeg
from jpegmend.decoding import worker as worker_script
from jpegmend.decoding.pool import POOL, Pool
data = open(sys.argv[1], "rb").read()
jpeg.read(data)
first = POOL.pids()[0]
child = os.fork()
if child == 0:
    jpeg.read(data)
    sys.exit(3 if POOL.pids() != [first] else 4)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
jpeg.read(data)
print(status, POOL.pids() == [first], first)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_its_own_worker_and_none_outlives_its_parent(stored, tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(stored["huffman"])
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    status, kept, pid = done.stdout.split()
    assert (status, kept, done.stderr) == ("3", "True", "")
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int(pid))


def _wait_for_end(pid: int) -> None:
    for _ in range(200):
        os.kill(pid, 0)
        time.sleep(0.05)


def test_no_temporary_file_is_left(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "_scratch", lambda size: str(tmp_path))
    monkeypatch.setattr(transport, "_IN_MEMORY", 10)
    image = jpeg.read(stored["huffman"])
    with pytest.raises(errors.DamagedJpeg, match="gave up.*Huffman"):
        jpeg.read(with_bogus_codes(stored["huffman"]))
    assert list(tmp_path.iterdir()) == []
    assert image.components[0].levels.any()


def test_only_what_is_needed_is_imported():
    """The worker and ``jpegmend.jpeg`` itself stay free of heavy packages."""
    code = (
        "import sys, jpegmend.jpeg; "
        "print([m for m in ('PIL', 'torch', 'onnxruntime', 'jpegio', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.stdout.strip() == "[]"
