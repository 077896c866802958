"""scripts/queue with tiny recipes: killed and resumed, failing entries, results as warm starts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from jpegmend.training import loop
from jpegmend.training.recipe_checks import read_recipe
from jpegmend.training.run import RunSettings

STAND_IN = """
import json, signal, sys, time
from pathlib import Path

stops = []
words = sys.argv
if "network=slow" in words:
    # As the command does: SIGTERM ends it by an exception.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Path(words[words.index("--out") + 1], "started").touch()
    time.sleep(100)
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
if "network=nonesuch" in words:
    sys.exit("no network nonesuch")
folder = Path(words[words.index("--out") + 1])
steps = next((int(word[6:]) for word in words if word.startswith("steps=")), 60)
log = folder / "log.jsonl"
done = len(log.read_text().splitlines()) if "--resume" in words else 0
for step in range(done + 1, steps + 1):
    (folder / "checkpoint.pt").touch()
    with log.open("a") as file:
        file.write(json.dumps({"step": step, "minutes": 0, **({"stopped": True} if stops else {})}) + chr(10))
    if stops:
        sys.exit()
    time.sleep(0.03)
(folder / "average.safetensors").touch()
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the training by /proc")
SCRIPT = Path(__file__).parents[2] / "scripts" / "queue"
RECIPE = """
name = "tiny"
network = "arcnn"
config = { kernels = [3, 3], widths = [4], deviation = 0.1 }
steps = 30
[[phases]]
share = 1.0
crop = 16
batch = 2
losses = { mae = 1.0 }
"""
LIST = """
data = ["{pictures}"]
save_every = 0
[[entry]]
recipe = "{folder}/tiny.toml"
[[entry]]
name = "second"
recipe = "{folder}/tiny.toml"
warm_start = "tiny"
set = ["steps=4"]
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> None:
    """In place of ``jpegmend train`` a program that writes what the queue reads, and starts in a tenth of a second."""
    package = tmp_path / "stand_in" / "jpegmend"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


def write_list(folder, pictures, text=LIST):
    folder.mkdir(exist_ok=True)
    (folder / "tiny.toml").write_text(RECIPE)
    (folder / "list.toml").write_text(text.format(folder=folder, pictures=pictures))


def words(folder, verb="run", *more):
    # At the lowest priority the other tests, one a core, would leave it no time.
    fixed = ["--folder", str(folder / "runs"), "--nice", "0"]
    return [sys.executable, str(SCRIPT), verb, str(folder / "list.toml"), *fixed, *more]


def run(folder, verb="run", *more):
    done = subprocess.run(words(folder, verb, *more), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steps_logged(folder, name):
    log = folder / "runs" / name / "log.jsonl"
    return [json.loads(line)["step"] for line in log.read_text().splitlines()] if log.exists() else []


def start_and_wait(folder, steps):
    """A running queue whose first entry has made that many steps."""
    queue = subprocess.Popen(words(folder), stdout=subprocess.PIPE, text=True)
    limit = time.monotonic() + 100
    while len(steps_logged(folder, "tiny")) < steps:
        assert queue.poll() is None, queue.stdout.read()
        assert time.monotonic() < limit
        time.sleep(0.02)
    return queue


def train_uninterrupted(folder, pictures):
    """The weights of both entries by the training loop itself, on one thread as in the queue."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    weights, steps = None, {"tiny": 30, "second": 4}
    for name, count in steps.items():
        recipe = read_recipe(folder / "tiny.toml", {"steps": count})
        loop.train(recipe, RunSettings(folder=folder / "alone" / name, data=[pictures], warm_start=weights))
        weights = folder / "alone" / name / "average.safetensors"
    torch.set_num_threads(threads)
    return {name: load_file(folder / "alone" / name / "average.safetensors") for name in steps}


def test_a_killed_queue_goes_on_and_ends_like_one_that_was_not(pictures, tmp_path):
    write_list(tmp_path, pictures)
    with start_and_wait(tmp_path, 5) as queue:
        (child,) = Path(f"/proc/{queue.pid}/task/{queue.pid}/children").read_text().split()
        os.kill(queue.pid, signal.SIGKILL)
        os.kill(int(child), signal.SIGKILL)
    assert "begun" in run(tmp_path, "status")
    run(tmp_path)
    for name, expected in train_uninterrupted(tmp_path, pictures).items():
        found = load_file(tmp_path / "runs" / name / "average.safetensors")
        assert all(torch.equal(found[key], expected[key]) for key in expected)
    with safe_open(tmp_path / "runs/second/average.safetensors", "pt") as file:
        assert json.loads(file.metadata()["earlier"])["steps"] == 30
    assert [row.split()[1] for row in run(tmp_path, "status").splitlines()] == ["status", "done", "done"]
    assert "train" not in run(tmp_path)


def test_sigterm_ends_the_training_and_the_queue_and_is_no_failure(tmp_path, stand_in):
    write_list(tmp_path, tmp_path)
    with start_and_wait(tmp_path, 2) as queue:
        queue.send_signal(signal.SIGTERM)
        assert queue.wait(60) == 0
    at = len(steps_logged(tmp_path, "tiny"))
    assert 2 <= at < 60
    assert "begun" in run(tmp_path, "status")
    run(tmp_path)
    assert steps_logged(tmp_path, "tiny") == list(range(1, 61))
    assert steps_logged(tmp_path, "second") == [1, 2, 3, 4]


def test_an_entry_whose_budget_was_cut_below_what_it_had_is_done(tmp_path, stand_in):
    """It was stopped before; resumed, it ends at once and adds nothing to the log."""
    entry = LIST.split("[[entry]]\nname")[0]
    write_list(tmp_path, tmp_path, entry + 'set = ["steps=6000"]\n')  # enough for a busy machine to stop it in time
    with start_and_wait(tmp_path, 2) as queue:
        queue.send_signal(signal.SIGTERM)
        assert queue.wait(60) == 0
    write_list(tmp_path, tmp_path, entry + 'set = ["steps=1"]\n')
    assert run(tmp_path).count("--resume") == 1
    assert "done" in run(tmp_path, "status")


def test_sigterm_while_a_training_starts_is_no_failure(tmp_path, stand_in):
    write_list(tmp_path, tmp_path, LIST.split("[[entry]]\nname")[0] + 'set = ["network=slow"]\n')
    with subprocess.Popen(words(tmp_path), stdout=subprocess.PIPE, text=True) as queue:
        limit = time.monotonic() + 60
        while not (tmp_path / "runs/tiny/started").exists():
            assert time.monotonic() < limit
            time.sleep(0.02)
        queue.send_signal(signal.SIGTERM)
        assert queue.wait(60) == 0
    assert run(tmp_path, "status").splitlines()[1].split()[:2] == ["tiny", "new"]


def test_a_line_of_the_log_that_was_written_in_part_is_passed_over(tmp_path, stand_in):
    write_list(tmp_path, tmp_path, LIST.split("[[entry]]\nname")[0])
    (tmp_path / "runs/tiny").mkdir(parents=True)
    (tmp_path / "runs/tiny/log.jsonl").write_text('{"step": 7, "minutes": 2.5}\n{"step": 8, "min')
    assert run(tmp_path, "status").splitlines()[1].split() == ["tiny", "new", "2.5", "7"]


def test_a_queue_waits_for_a_training_that_outlived_the_one_before(tmp_path, stand_in):
    write_list(tmp_path, tmp_path, LIST.split("[[entry]]\nname")[0])
    with start_and_wait(tmp_path, 2) as queue:
        os.kill(queue.pid, signal.SIGKILL)
    assert "waiting" in run(tmp_path)
    assert steps_logged(tmp_path, "tiny") == list(range(1, 61))


def test_what_fails_is_marked_and_the_queue_goes_on(tmp_path, stand_in):
    more = '[[entry]]\nname = "bad"\nrecipe = "{folder}/tiny.toml"\nset = ["network=nonesuch"]\n'
    more += '[[entry]]\nname = "orphan"\nrecipe = "{folder}/tiny.toml"\nwarm_start = "bad"\n'
    more += '[[entry]]\nname = "good"\nrecipe = "{folder}/tiny.toml"\nset = ["steps=2"]\n'
    write_list(tmp_path, tmp_path, LIST.split("[[entry]]")[0] + more)
    run(tmp_path)
    rows = {row.split()[0]: row for row in run(tmp_path, "status").splitlines()}
    assert "failed" in rows["bad"]
    assert "nonesuch" in rows["bad"]
    assert "failed: warm_start 'bad'" in rows["orphan"]
    assert "done" in rows["good"]
    (tmp_path / "list.toml").write_text((tmp_path / "list.toml").read_text().replace("network=nonesuch", "steps=2"))
    assert "bad" not in run(tmp_path)
    run(tmp_path, "run", "--retry")
    assert steps_logged(tmp_path, "bad") == [1, 2]


def test_a_network_of_ones_own_is_named_to_the_training_also_when_it_goes_on(tmp_path, stand_in):
    entry = '[[entry]]\nrecipe = "{folder}/tiny.toml"\nnetwork = "some/mine.py"\nset = ["steps=1"]\n'
    write_list(tmp_path, tmp_path, entry)
    assert "--network some/mine.py" in run(tmp_path)
    (tmp_path / "runs" / "tiny" / "queue.txt").unlink()
    (row,) = [row for row in run(tmp_path).splitlines() if "--resume" in row]
    assert "--network some/mine.py" in row


def test_a_long_reason_does_not_widen_the_table(tmp_path, stand_in):
    write_list(tmp_path, tmp_path, LIST.split("[[entry]]\nname")[0])
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    (tmp_path / "runs" / "tiny" / "queue.txt").write_text(f"failed: {'why ' * 100}\n")
    (row,) = run(tmp_path, "status").splitlines()[1:]
    assert "failed: why why" in row and "...  0.0" in row and len(row) < 120


def test_a_warm_start_that_no_other_entry_has_is_left_to_the_training(tmp_path, stand_in):
    begin = '[[entry]]\nname = "{}"\nrecipe = "{{folder}}/tiny.toml"\nset = ["steps=1"]\nwarm_start = "{}"\n'
    entries = [("arcnn", "arcnn"), ("second", "arcnn"), ("third", "dncnn"), ("fourth", "some/weights.safetensors")]
    write_list(tmp_path, tmp_path, "".join(begin.format(name, start) for name, start in entries))
    starts = {row.split()[1]: row.split("--warm-start ")[1] for row in run(tmp_path).splitlines() if "--warm" in row}
    result = str(tmp_path / "runs" / "arcnn" / "average.safetensors")
    assert starts == {"arcnn:": "arcnn", "second:": result, "third:": "dncnn", "fourth:": "some/weights.safetensors"}


def test_the_settings_of_an_entry_are_added_to_the_common_ones(tmp_path, stand_in):
    common = 'set = ["seed=3", "steps=1"]\n[[entry]]\nname = "a"\nrecipe = "{folder}/tiny.toml"\n'
    own = '[[entry]]\nname = "b"\nrecipe = "{folder}/tiny.toml"\nset = ["steps=2"]\n'
    write_list(tmp_path, tmp_path, common + own)
    settings = [row.split("--set ")[1] for row in run(tmp_path).splitlines() if "--set" in row]
    assert settings == ["seed=3 steps=1", "seed=3 steps=1 steps=2"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[entry]]\nrecipes = 'a'\n", "recipes"),
        ("[[entry]]\nrecipe = 'a'\n" * 2, "twice"),
        ("[[entry]]\nrecipe = 3\n", "recipe is 3; give a text"),
        ("[[entry]]\nrecipe = 'a'\nname = true\n", "name is True; give a text"),
        ("[[entry]]\nrecipe = 'a'\nname = 'c/../../x'\n", "name is 'c/../../x'; give the plain name of a folder"),
        ("[[entry]]\nrecipe = 'a'\nname = ''\n", "name is ''; give the plain name of a folder"),
        ("[[entry]]\nrecipe = 'a'\nname = '..'\n", "name is '..'; give the plain name of a folder"),
        ("[[entry]]\nrecipe = 'lock.toml'\n", "name is 'lock'; give the plain name of a folder, but not lock"),
        ("[[entry]]\nrecipe = 'a'\nminutes = 'ten'\n", "minutes is 'ten'; give a number"),
        ("[[entry]]\nrecipe = 'a'\nminutes = true\n", "minutes is True; give a number"),
        ("[[entry]]\nrecipe = 'a'\npartly = 'no'\n", "partly is 'no'; give true or false"),
        ("[[entry]]\nrecipe = 'a'\npartly = true\n", "partly without warm_start; name the weights"),
        ("[[entry]]\nrecipe = 'a'\nwarm_start = ['b']\n", "warm_start is ['b']; give a text"),
        ("data = 'BSDS500/train'\n[[entry]]\nrecipe = 'a'\n", "data is 'BSDS500/train'; give a list of texts"),
        ("[[entry]]\nrecipe = 'a'\nset = ['steps=1', 2]\n", "give a list of texts"),
        ("set = 3\n[[entry]]\nrecipe = 'a'\nset = ['steps=1']\n", "set is 3; give a list of texts"),
        ("entry = \n", "line 1"),
        ("entry = 3\n", "entry is 3; give a table [[entry]] for each"),
        ("entry = [3]\n", "give a table [[entry]] for each"),
        ("[entry]\nrecipe = 'a'\n", "give a table [[entry]] for each"),
    ],
)
def test_mistakes_in_the_list_are_named(text, named, tmp_path):
    (tmp_path / "list.toml").write_text(text)
    for verb in ("run", "status"):
        done = subprocess.run(words(tmp_path, verb), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(str(tmp_path / "list.toml"))
        assert named in done.stderr
