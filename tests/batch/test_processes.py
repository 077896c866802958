"""Worker processes: order, errors, processes that die, removal of temporary files."""

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from jpegmend.batch import messages
from jpegmend.batch.processes import Pool, Worker, WorkerDied
from jpegmend.errors import OutputError


def call(worker: Worker, item: tuple) -> object:
    return worker.call(*item)


def never(item: object) -> bool:
    return False


@pytest.fixture
def pool():
    with closing(Pool(call, jobs=2)) as pool:
        yield pool


def test_results_in_order_and_errors_in_their_place(pool: Pool) -> None:
    items = [(time.sleep, 0.3), (divmod, 7, 2), (int, "x"), (divmod, 9, 4)]
    found = list(pool.in_order(items, never))
    assert [item for item, _ in found] == items
    assert [found[number][1] for number in (0, 1, 3)] == [None, (3, 1), (2, 1)]
    assert isinstance(found[2][1], ValueError)


def test_numpy_has_one_thread_in_each(pool: Pool) -> None:
    assert [answer for _, answer in pool.in_order([(os.getenv, "OPENBLAS_NUM_THREADS")], never)] == ["1"]


def test_results_as_they_come(pool: Pool, tmp_path: Path) -> None:
    slow, fast = (_wait_for, tmp_path / "go on"), (divmod, 7, 2)
    coming = pool.as_they_come([slow, fast])
    assert next(coming) == (fast, (3, 1))
    (tmp_path / "go on").touch()
    assert list(coming) == [(slow, None)]


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.01)


def test_a_process_that_is_killed_costs_one_item(pool: Pool) -> None:
    fatal = (signal.raise_signal, signal.SIGKILL)
    found = [
        answer for _, answer in pool.in_order([(abs, -1), fatal, fatal, (abs, -2), (os._exit, 3), (abs, -4)], never)
    ]
    assert [found[number] for number in (0, 3, 5)] == [1, 2, 4]
    assert all(isinstance(found[number], WorkerDied) for number in (1, 2, 4))
    assert "memory" in str(found[1]) and "exit status 3" in str(found[4])


def test_a_process_that_is_ended_leaves_the_files_of_the_others(pool: Pool, tmp_path: Path) -> None:
    keeps, ended = (_keep_a_file, tmp_path / "kept", tmp_path / "go on"), (_end_after, tmp_path / "kept")
    coming = pool.as_they_come([keeps, ended])
    assert isinstance(next(coming)[1], WorkerDied)
    (tmp_path / "go on").touch()
    assert list(coming) == [(keeps, True)]
    assert all(isinstance(answer, tuple) for _, answer in pool.in_order([(tempfile.mkstemp,)] * 2, never))


def test_a_folder_of_temporary_files_that_was_cleaned_away_is_made_again() -> None:
    """As systems do in /tmp after some days."""
    with closing(Pool(call, jobs=1)) as pool:
        (first,) = [answer for _, answer in pool.in_order([(tempfile.mkstemp,)], never)]
        shutil.rmtree(Path(first[1]).parent.parent)
        (second,) = [answer for _, answer in pool.in_order([(tempfile.mkstemp,)], never)]
        assert isinstance(second, tuple) and Path(second[1]).parent == Path(first[1]).parent


def _keep_a_file(kept: Path, until: Path) -> bool:
    with tempfile.NamedTemporaryFile() as file:
        kept.touch()
        _wait_for(until)
        return os.path.exists(file.name)


def _end_after(file: Path) -> None:
    _wait_for(file)
    signal.raise_signal(signal.SIGTERM)


def test_one_that_is_to_run_alone_does(pool: Pool, tmp_path: Path) -> None:
    note = tmp_path / "running"
    items = [(_note, note, 0.2), (_note, note, 0.2), (_list, note), (_note, note, 0.0)]
    note.mkdir()
    found = list(pool.in_order(items, lambda item: item[0] is _list))
    assert found[2][1] == []


def _note(folder: Path, seconds: float) -> None:
    file = folder / str(os.getpid())
    file.touch()
    time.sleep(seconds)
    file.unlink()


def _list(folder: Path) -> list[str]:
    return os.listdir(folder)


def test_what_is_printed_is_no_answer(pool: Pool) -> None:
    assert [answer for _, answer in pool.in_order([(os.write, 1, b"words\n")], never)] == [6]


class _Unknown(str):
    """A text whose class a worker process cannot import."""

    def __reduce__(self) -> tuple:
        return _Unknown, (), {}


def test_a_call_that_cannot_be_unpickled_costs_only_itself(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Unknown, "__module__", "__main__")
    monkeypatch.setattr("__main__._Unknown", _Unknown, raising=False)
    items = [(abs, -1), (len, _Unknown("x")), (abs, -2), (len, lambda: 0), (abs, -3), (abs, -4)]
    found = [answer for _, answer in pool.in_order(items, never)]
    assert [found[number] for number in (0, 2, 4, 5)] == [1, 2, 3, 4]
    assert "_Unknown" in str(found[1]) and "pickle" in str(found[3])


def test_what_is_raised_between_messages_leaves_no_answer_for_the_next_call(tmp_path: Path) -> None:
    def fail(value: object) -> None:
        raise LookupError("in the parent")

    worker = Worker(str(tmp_path))
    with pytest.raises(LookupError, match="in the parent"):
        worker.call(_send_and_answer, on_message=fail)
    assert worker.call(abs, -5) == 5
    worker.stop()


def _send_and_answer() -> str:
    messages.send("half done")
    return "an answer"


def test_no_folder_for_temporary_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="temporary files can be made: .*TMPDIR"):
        Pool(call, 1)


def test_closing_ends_processes_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with closing(Pool(call, jobs=1)) as pool:
        ((_, pid),) = pool.in_order([(os.getpid,)], never)
        running = pool.in_order([(time.sleep, 60), (abs, -1), (abs, -1), (abs, -1)], never)
        threading.Thread(target=lambda: list(running), daemon=True).start()
        time.sleep(0.3)
        started = time.monotonic()
    assert time.monotonic() - started < 30
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(tmp_path.iterdir())
