"""Imports inside evaluation point one way: measure < papers, benchmark < report."""

import ast
from pathlib import Path

import pytest

import jpegmend.evaluation

ROOM = Path(jpegmend.evaluation.__file__).parent
ORDER = {"measure": 0, "papers": 1, "benchmark": 1, "report": 2}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jpegmend.evaluation"):
            yield node.module.split(".")[2] if node.module.count(".") > 1 else ""


@pytest.mark.parametrize("path", sorted(ROOM.glob("*/*.py")), ids=lambda path: str(path.relative_to(ROOM)))
def test_no_part_imports_a_later_one(path):
    own = path.parent.name
    for other in imported(path):
        assert other == own or ORDER[other] < ORDER[own], f"{own} must not import {other or 'evaluation itself'}"


def test_every_part_has_its_place():
    assert {path.parent.name for path in ROOM.glob("*/__init__.py")} == set(ORDER)
