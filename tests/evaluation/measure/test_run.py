import csv
import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegmend import metrics
from jpegmend.errors import InvalidOption, JpegmendError, MissingData, NotComparable, OutputError, UnknownModel
from jpegmend.evaluation.benchmark.footprint import descendants
from jpegmend.evaluation.measure import environment, results, run
from jpegmend.evaluation.measure.degrade_and_score import degrade, open_original
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.results import Result, read_rows
from jpegmend.evaluation.measure.run import evaluate
from jpegmend.evaluation.measure.sources import pictures
from jpegmend.evaluation.report.evaluation_report import write_report
from jpegmend.writing.atomic import open_target

TEN = [(10,)]


def test_the_jpeg_row_is_the_decoded_file(picture_set, tmp_path):
    protocol = find("papers-gray")
    result = evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=TEN)
    expected = []
    for path in pictures(picture_set):
        trial = degrade(open_original(path, protocol), protocol, (10,))
        expected.append(metrics.psnr(trial.truth, trial.decoded, peak=255))
    (mean,) = result.means
    assert mean.pictures == 2 and mean.data_set == "tiny" and mean.quality == "10"
    # Our decoder is exact where libjpeg's rounds on the way: a few pixels differ by one level.
    assert mean.scores["psnr"] == pytest.approx(np.mean(expected), abs=0.05)
    assert mean.gain == pytest.approx(mean.scores["psnr"] - np.mean(expected))


def test_colour_goes_through_restore_too(picture_set, tmp_path):
    result = evaluate(["jpeg"], [picture_set], find("rgb-444"), tmp_path / "out", qualities=[(75,)])
    assert abs(result.means[0].gain) < 0.1 and result.means[0].scores["psnr"] > 25


def test_results_say_how_they_were_made(picture_set, tmp_path):
    made = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    found = Result.read(tmp_path / "result.json")
    assert found.means == made.means or found.protocol == made.protocol
    assert found.protocol.encoder.startswith("Pillow ") and found.protocol.qualities == ((10,),)
    assert {"commit", "machine", "python", "libraries", "encoder", "time", "workers"} <= set(found.environment)
    assert found.models["jpeg"]["sha256"] == ""
    with (tmp_path / "images.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 and {row["image"] for row in rows} == {"0.png", "1.png"}


def test_an_interrupted_run_goes_on_where_it_stopped(picture_set, tmp_path, monkeypatch):
    whole = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "a", qualities=TEN)
    measure, done = run.measure, []

    def failing(job):
        if done:
            raise KeyboardInterrupt
        done.append(job.source.image)
        return measure(job)

    monkeypatch.setattr(run, "measure", failing)
    with pytest.raises(KeyboardInterrupt):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "b", qualities=TEN)
    with (tmp_path / "b" / "images.csv").open("a") as stream:
        stream.write("jpeg,-,False,tiny,1.png,10,56,4")  # a line that was cut off
    monkeypatch.setattr(run, "measure", lambda job: done.append(job.source.image) or measure(job))
    resumed = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "b", qualities=TEN)
    assert done == ["0.png", "1.png"]
    assert [m.scores for m in resumed.means] == [m.scores for m in whole.means]
    assert len(read_rows(tmp_path / "b" / "images.csv")) == 2


def test_a_folder_with_results_of_another_protocol_is_refused(picture_set, tmp_path):
    evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    with pytest.raises(NotComparable, match="another --out"):
        evaluate(["jpeg"], [picture_set], find("rgb-420"), tmp_path, qualities=TEN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("images.csv", "mine\n"),
        ("report.md", "mine\n"),
        ("protocol.json", '{"mine": 1}'),
        ("protocol.json", '{"name": "pap'),
        ("protocol.json", "[]"),
    ],
)
def test_other_files_of_the_names_of_results_are_left_alone(picture_set, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidOption, match=rf"{name}.*choose another --out"):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir() if path.is_file()] == [(name, content)]


def test_a_row_that_was_cut_off_within_its_last_number_is_measured_again(picture_set, tmp_path):
    whole = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    rows = tmp_path / "images.csv"
    text = rows.read_bytes().rstrip()
    rows.write_bytes(text[: text.rindex(b".") + 1])
    resumed = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    assert [mean.scores for mean in resumed.means] == [mean.scores for mean in whole.means]


def test_rows_are_never_lost_while_the_file_is_written_anew(picture_set, tmp_path, monkeypatch):
    evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)

    def stop(target, content):
        with open_target(target, overwrite=True) as stream:
            stream.write(content[:100])
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, qualities=TEN)
    assert len(read_rows(tmp_path / "images.csv")) == 2


def test_two_processes_find_what_one_finds(picture_set, tmp_path):
    one = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "1", qualities=TEN)
    two = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "2", qualities=TEN, workers=2)
    assert [m.scores for m in one.means] == [m.scores for m in two.means]
    assert (one.environment["workers"], two.environment["workers"]) == (1, 2)
    # Its seconds are kept, and are those of two processes still.
    again = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "2", qualities=TEN)
    assert again.environment["workers"] == 2


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked elsewhere")
def test_two_evaluations_do_not_write_into_one_folder(picture_set, tmp_path, monkeypatch):
    """The one that ended last replaced the rows of the other."""
    protocol, measure, refused = find("papers-gray"), run.measure, []

    def beside(job):
        with pytest.raises(InvalidOption, match="another evaluation writes into"):
            evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=[(20,)])
        refused.append(job)
        return measure(job)

    monkeypatch.setattr(run, "measure", beside)
    evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=TEN)
    monkeypatch.undo()
    evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=[(20,)])
    assert len(refused) == 2 and {row.quality for row in read_rows(tmp_path / "out" / "images.csv")} == {"10", "20"}


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
def test_pictures_whose_names_are_no_text_are_measured_and_reported(picture_set, tmp_path):
    try:
        os.rename(os.fsencode(picture_set / "0.png"), os.fsencode(picture_set) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes text alone")
    made = evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "out", qualities=TEN)
    assert {row.image for row in read_rows(tmp_path / "out" / "images.csv")} == {"caf\ufffd.png", "1.png"}
    assert made.means[0].pictures == 2
    write_report(made, ["jpeg"], [picture_set], tmp_path / "out")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for the processes in /proc")
def test_a_process_that_is_killed_ends_the_evaluation_with_words(picture_set, tmp_path):
    def kill(done, total):
        for process in descendants(os.getpid())[1:]:
            if b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes():
                os.kill(process, signal.SIGKILL)

    qualities = [(quality,) for quality in range(10, 30)]
    with pytest.raises(JpegmendError, match="one of 2 processes was ended .*; what was measured is kept: run it"):
        evaluate(["jpeg"], [picture_set], find("rgb-420"), tmp_path, qualities=qualities, workers=2, progress=kill)
    assert read_rows(tmp_path / "images.csv")


def test_wrong_wishes_are_named(picture_set, tmp_path):
    for models, data in (([], [picture_set]), (["jpeg"], [])):
        with pytest.raises(InvalidOption, match="at least one of each"):
            evaluate(models, data, find("papers-gray"), tmp_path)
    with pytest.raises(OutputError, match=r"the folder .*out cannot be made"):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), picture_set / "0.png" / "out")
    with pytest.raises(InvalidOption, match="workers"):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path, workers=0)
    with pytest.raises(UnknownModel, match="no-such"):
        evaluate(["no-such"], [picture_set], find("papers-gray"), tmp_path)
    with pytest.raises(InvalidOption, match="two sets"):
        evaluate(["jpeg"], [picture_set, picture_set], find("papers-gray"), tmp_path)
    (tmp_path / "bad.json").write_text(json.dumps({"means": [{}]}))
    with pytest.raises(InvalidOption, match=r"out='.*bad\.json' is a file; give a folder"):
        evaluate(["jpeg"], [picture_set], find("papers-gray"), tmp_path / "bad.json")
    for name, why in (("bad", "no key 'scores'"), ("gone", "No such file or directory")):
        with pytest.raises(MissingData, match=rf"in .*{name}\.json: {why}; evaluate again"):
            Result.read(tmp_path / f"{name}.json")


def test_a_network_is_run_with_and_without_the_projection(picture_set, tmp_path, blur_card):
    out = tmp_path / "out"
    result = evaluate([str(blur_card), "jpeg"], [picture_set], find("papers-gray"), out, qualities=[(30,)])
    blurred, projected, jpeg = result.means
    assert [blurred.label, projected.label, jpeg.label] == ["blur", "blur + projection", "jpeg"]
    # The network mixes three planes at random: it harms, and the file's own cells undo most of that.
    assert blurred.gain < projected.gain and blurred.worse == 1.0
    facts = result.models["blur"]
    assert len(facts["sha256"]) == 64 and facts["network"] == "mend"
    assert {row.weights for row in read_rows(out / "images.csv")} == {facts["sha256"][:12], ""}


def test_rows_of_other_weights_and_of_another_card_are_not_reused(picture_set, tmp_path, blur_card):
    def scores():
        return evaluate([str(blur_card)], [picture_set], find("papers-gray"), out, qualities=[(30,)]).means[0].scores

    out, card = tmp_path / "out", json.loads(blur_card.read_text())
    first = scores()
    rows = (out / "images.csv").read_text().replace(read_rows(out / "images.csv")[0].method, "0123456789ab")
    (out / "images.csv").write_text(rows)
    assert scores() == first
    assert all(row.method != "0123456789ab" for row in read_rows(out / "images.csv"))
    blur_card.write_text(json.dumps(card | {"caution": [[1, 0.5]]}))
    assert scores()["psnr"] > first["psnr"] + 1


def test_rows_of_other_models_and_qualities_stay_for_the_next_command(picture_set, tmp_path, monkeypatch, blur_card):
    measured, measure, protocol = [], run.measure, find("papers-gray")
    monkeypatch.setattr(run, "measure", lambda job: measured.append(job.source.quality) or measure(job))

    def means(model, *qualities):
        return evaluate([model], [picture_set], protocol, tmp_path / "out", qualities=[(q,) for q in qualities]).means

    first = means("jpeg", 10, 30)
    assert {mean.quality for mean in means(str(blur_card), 10)} == {"10"}
    del measured[:]
    assert means("jpeg", 10) == first[:1] and means("jpeg", 10, 30) == first
    assert not measured


def test_two_networks_of_one_name_are_refused(picture_set, tmp_path, blur_card):
    """Their scores would be averaged, as if of more pictures."""
    card = json.loads(blur_card.read_text())
    again, other = tmp_path / "again.json", tmp_path / "other.json"
    again.write_text(json.dumps(card | {"notes": "the same network"}))
    other.write_text(json.dumps(card | {"caution": [[1, 0.5]]}))
    protocol, both = find("papers-gray"), [str(blur_card), str(other)]
    with pytest.raises(InvalidOption, match=r"two networks are called 'blur', .*--name"):
        evaluate(both, [picture_set], protocol, tmp_path / "out", qualities=TEN)
    result = evaluate([str(blur_card), str(again)], [picture_set], protocol, tmp_path / "out", qualities=TEN)
    assert {mean.pictures for mean in result.means} == {2}


def test_rows_of_a_changed_picture_and_of_other_code_are_not_reused(picture_set, tmp_path, monkeypatch):
    protocol, measured, measure = find("papers-gray"), [], run.measure
    monkeypatch.setattr(run, "measure", lambda job: measured.append(job.source.image) or measure(job))
    first = evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=TEN)
    Image.fromarray(np.full((40, 56), 90, np.uint8)).save(picture_set / "1.png")
    second = evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=TEN)
    assert measured == ["0.png", "1.png", "1.png"] and second.means[0].scores != first.means[0].scores
    known = {"rev-parse": "0123456789ab", "status": " M src/jpegmend/metrics/peak.py", "diff": "a change"}
    monkeypatch.setattr(environment, "_repository", lambda: tmp_path)
    monkeypatch.setattr(environment, "_git", lambda root, verb, *words: known[verb])
    for change, times in (("a change", 1), ("a change", 1), ("another", 2)):
        known["diff"] = change
        evaluate(["jpeg"], [picture_set], protocol, tmp_path / "out", qualities=TEN)
        assert measured[3:] == ["0.png", "1.png"] * times


def test_changes_that_are_no_text_have_a_checksum_too(tmp_path, monkeypatch):
    """Sources may hold any bytes, and Git prints what was changed as it is."""
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "notes.txt"

    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    git("init", "-q")
    file.write_bytes(b"before\n")
    git("add", ".")
    git("commit", "-qm", "one")
    monkeypatch.setattr(environment, "_repository", lambda: tmp_path)
    found = []
    for content in (b"caf\xe9\n", b"caf\xe8\n"):
        file.write_bytes(content)
        found.append(environment.code())
    assert len(set(found)) == 2 and all("-dirty " in code for code in found)
