"""The verbs ``doctor`` and ``completion``."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from jpegmend import cli
from jpegmend.weights import MODELS, Card


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "FAILED" not in said and said.count("ok ") == len(said.splitlines())
    assert "onnxruntime" in said and "mend-s by onnx" in said


def test_a_changed_weights_file_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = MODELS["mend-s"]
    for path in card.folder.glob("mend-s.*"):
        shutil.copy(path, tmp_path)
    with (tmp_path / card.files["onnx"]["file"]).open("ab") as stream:
        stream.write(b"x")
    changed = Card(**{**vars(card), "folder": tmp_path})
    file = card.folder / "mend-s.json"
    monkeypatch.setitem(MODELS._read, file, (file.stat().st_mtime_ns, changed))
    assert cli.run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAILED  weights" in said and "sha256" in said and "FAILED  restoring" in said and "ok      decoding" in said


def test_a_damaged_adopted_network_is_one_line(user_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    user_models.mkdir()
    card = json.loads((MODELS["mend-s"].folder / "mend-s.json").read_text())
    shutil.copy(MODELS["mend-s"].folder / card["files"]["onnx"]["file"], user_models)
    (user_models / "sound.json").write_text(json.dumps(card | {"files": {"onnx": card["files"]["onnx"]}}))
    (user_models / "broken.json").write_text("{")
    (user_models / "gone.json").write_text(json.dumps(card | {"files": {"onnx": {"file": "no.onnx", "sha256": "0"}}}))
    assert cli.run(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = [line.split(":")[0] for line in lines if line.startswith("FAILED")]
    assert failed == ["FAILED  adopted network broken", "FAILED  adopted network gone"]
    assert any(line.startswith("ok      adopted network sound") for line in lines)
    assert lines[-1].startswith("ok      restoring")


def complete(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = (
        f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '_shtab_jpegmend jpegmend "${@: -1}" "${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", line, "bash", *words], capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_options_choices_and_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", "bash"]) == 0
    script = folder / "script"
    script.write_text(capsys.readouterr().out)
    assert complete(script, "jpegmend", "re") == ["restore", "release"]
    assert complete(script, "jpegmend", "restore", "--keep") == ["--keep-orientation"]
    assert complete(script, "jpegmend", "restore", "--format", "") == ["png", "tiff", "webp", "jpeg", "avif", "jxl"]
    assert complete(script, "jpegmend", "restore", "a.j") == ["a.jpg"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "jpegmend" in said and "assume-quality" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jpegmend ")
