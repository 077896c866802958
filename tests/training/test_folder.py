"""The folder of a run: one process alone writes into it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from tests.training.conftest import settings, tiny

from jpegmend.errors import InvalidOption, JpegmendError, OutputError
from jpegmend.training import loop
from jpegmend.training.folder import LOG, hold

needs_locks = pytest.mark.skipif(os.name == "nt", reason="nothing is locked on Windows")
HOLD = "import sys, time; from pathlib import Path; from jpegmend.training.folder import hold\n"
HOLD += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


@needs_locks
def test_a_second_training_is_refused_before_the_first_has_saved(pictures, tmp_path):
    with hold(tmp_path / "run"):
        for resume in (False, True):
            with pytest.raises(InvalidOption, match=r"another process trains into .*run; .* another --out"):
                loop.train(tiny(), settings(tmp_path / "run", pictures, resume=resume))
    loop.train(tiny(steps=1), settings(tmp_path / "run", pictures))
    assert (tmp_path / "run" / "checkpoint.pt").exists()


@needs_locks
def test_a_process_that_is_killed_holds_no_folder(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    with pytest.raises(InvalidOption), hold(tmp_path / "run"):
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with hold(tmp_path / "run"):
        pass


@needs_locks
@pytest.mark.parametrize("anew", [True, False])
def test_a_run_writes_nothing_into_a_folder_that_was_removed_or_begun_anew(pictures, tmp_path, monkeypatch, anew):
    folder, take = tmp_path / "run", loop.step
    with ExitStack() as other:

        def lose(run):
            if run.state.step == 4:
                shutil.rmtree(folder)
                if anew:
                    other.enter_context(hold(folder))
            return take(run)

        monkeypatch.setattr(loop, "step", lose)
        with pytest.raises(OutputError, match=r"run was removed or replaced while this run trained into it"):
            loop.train(tiny(), settings(folder, pictures))
        assert [path.name for path in folder.glob("*")] == ([LOG] if anew else [])


def test_a_run_that_cannot_begin_leaves_no_folder(pictures, tmp_path):
    with pytest.raises(JpegmendError):
        loop.train(tiny(), settings(tmp_path / "run", pictures, resume=True))
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").touch()
    with pytest.raises(JpegmendError):
        loop.train(tiny(), settings(tmp_path / "run", pictures, resume=True))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]
