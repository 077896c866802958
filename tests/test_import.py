"""``import jpegmend`` is quick, and its public names are these."""

import subprocess
import sys

import jpegmend

ERRORS = {"DamagedJpeg", "InputError", "InvalidOption", "JpegmendError", "MissingExtra", "ModelError", "NotAnImage"}
PUBLIC = ERRORS | {"OutputError", "TooLarge", "UnsupportedJpeg"}
PUBLIC |= {"MODELS", "Restored", "__version__", "inspect", "load", "restore"}


def test_public_names():
    assert sorted(jpegmend.__all__) == sorted(PUBLIC)
    assert all(getattr(jpegmend, name) is not None for name in PUBLIC)
    assert set(dir(jpegmend)) >= PUBLIC
    assert not hasattr(jpegmend, "repair")


def test_importing_loads_nothing():
    code = "import sys, jpegmend; print([m for m in ('numpy', 'torch', 'PIL', 'onnxruntime') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_restoring_loads_no_torch():
    code = "import sys, jpegmend; jpegmend.restore, jpegmend.load, jpegmend.Restored; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
