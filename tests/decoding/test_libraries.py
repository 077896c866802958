"""The libraries of the decoding workers: ones that cannot be loaded, and paths that they cannot take."""

import io
import os

import jpegio
import pytest
from PIL import Image

from jpegmend import decoding, errors
from jpegmend.decoding import worker as worker_script
from jpegmend.reading import open_source


@pytest.mark.parametrize(("module", "name"), [("jpegio", "huffman"), ("PIL", "png")])
def test_a_decoder_that_is_not_installed_right_is_no_damaged_file(module, name, stored, draw, tmp_path, monkeypatch):
    """As where a system lacks a library, or numpy is not the one that it was built for."""
    (tmp_path / f"{module}.py").write_text("raise ImportError('libjpeg.so.8: cannot open shared object file')")
    png = io.BytesIO()
    Image.fromarray(draw(8, 8)).save(png, "PNG")
    decoding.close()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        with pytest.raises(errors.DecoderStopped, match=r"cannot be loaded: libjpeg\.so.* the file may be sound"):
            open_source({**stored, "png": png.getvalue()}[name])
    decoding.close()


def test_the_library_gets_no_path_that_is_not_ascii_on_windows(stored, tmp_path, monkeypatch):
    """It passes UTF-8 to ``fopen``, which takes it for the code page there; a temporary folder has the user's name."""
    seen, before = [], os.getcwd()
    read = jpegio.read
    monkeypatch.setattr(jpegio, "read", lambda path: seen.append(path) or read(path))
    monkeypatch.setattr(worker_script, "_WINDOWS", True)
    path = tmp_path / "Jos\u00e9" / "source"
    path.parent.mkdir()
    path.write_bytes(stored["huffman"])
    assert worker_script.read_jpeg(str(path)).coef_arrays[0].any()
    assert seen[0].isascii()
    assert os.getcwd() == before
