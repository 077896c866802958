"""Rules for the source code: direction of imports, public names, import cost, size of files and functions."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jpegmend

SOURCE = Path(jpegmend.__file__).parent
ORDER = (
    ("errors", "formats", "option_texts"),
    ("decoding",),
    ("jpeg", "blocks", "metrics"),
    ("reading", "writing"),
    ("weights",),
    ("runtimes",),
    ("restoration",),
    ("models",),
    ("adoption",),
    ("data",),
    ("training",),
    ("conversion",),
    ("evaluation",),
    ("explanation",),
    ("batch",),
    ("cluster",),
    ("web",),
    ("cli",),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
EXCEPTIONS = {("runtimes/torch.py", "models"), ("weights/catalogue.py", "adoption")}
"""The named exceptions, inside functions: one reaches the networks, the other measures a network of others."""


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "jpegmend" else [module]
        for name in names:
            parts = name.split(".")
            if parts[0] == "jpegmend" and len(parts) > 1 and parts[1] in RANK:
                yield parts[1]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_room_imports_a_later_room(path: Path) -> None:
    room = room_of(path)
    if room not in RANK:
        return  # __init__ and __main__ open doors into every room, lazily
    for imported in imported_rooms(path):
        if (str(path.relative_to(SOURCE)), imported) in EXCEPTIONS:
            continue
        same_rank_neighbour = RANK[imported] == RANK[room] and imported != room
        assert RANK[imported] <= RANK[room] and not same_rank_neighbour, f"{room} must not import {imported}"


def test_every_room_has_a_rank() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert rooms <= set(RANK)


def test_public_names() -> None:
    assert sorted(jpegmend.__all__) == [
        "DamagedJpeg",
        "DecoderStopped",
        "Explanation",
        "InputError",
        "InvalidOption",
        "JpegmendError",
        "MODELS",
        "MissingExtra",
        "ModelError",
        "NotAnImage",
        "Options",
        "OutputError",
        "OverBudget",
        "Restored",
        "Restorer",
        "TooLarge",
        "UnsupportedJpeg",
        "__version__",
        "close",
        "explain",
        "inspect",
        "load",
        "restore",
        "restore_many",
        "upscale",
    ]
    for name in jpegmend.__all__:
        assert getattr(jpegmend, name) is not None


@pytest.mark.parametrize(
    "line",
    [
        "import jpegmend",
        "import jpegmend; jpegmend.MODELS['mend-s']",
        "import jpegmend.cli; jpegmend.cli.run(['--help'])",
        "import jpegmend.cli; jpegmend.cli.run(['restore', '--help'])",
        "import jpegmend.cli; jpegmend.cli.run(['models'])",
    ],
)
def test_loads_no_framework(line: str) -> None:
    check = (
        "import sys; heavy = {'torch', 'onnxruntime', 'PIL', 'tifffile'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", f"{line}; {check}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_restoring_loads_no_torch() -> None:
    line = (
        "import sys, numpy, jpegmend; jpegmend.restore(numpy.zeros((8, 8), 'uint8')); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_and_functions_stay_small() -> None:
    for path in modules():
        text = path.read_text()
        assert text.count("\n") <= 300, f"{path}: {text.count(chr(10))} lines; which room is missing?"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert body_lines(node) <= 40, f"{path}: {node.name} has {body_lines(node)} lines"


def body_lines(node: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_nothing_is_printed() -> None:
    calls = [
        f"{path}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []
