"""README and docs: code runs, commands and options exist, links have targets."""

import os
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from jpegmend import cli
from jpegmend.cli.parser import Parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")] if path.is_file()]


def code(text: str, language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(text) if token.type == "fence" and token.info == language]


@pytest.fixture
def beside_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has the examples, as a clone does, and may be written to."""
    (tmp_path / "examples").mkdir()
    for picture in (ROOT / "examples").glob("*.jpg"):
        (tmp_path / "examples" / picture.name).write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_runs(beside_examples: Path) -> None:
    blocks = code(README, "python")
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert (beside_examples / "better.png").stat().st_size > 0


def commands() -> list[list[str]]:
    lines = [line.split("#")[0].strip() for block in code(README, "") for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part)[1:] for part in parts if part.startswith("jpegmend ")]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_commands_run(arguments: list[str], beside_examples: Path) -> None:
    scan = (beside_examples / "examples" / "scan.jpg").read_bytes()
    (beside_examples / "scans").mkdir()
    for name in ("photo.jpg", "scans/a.jpg"):
        Path(name).write_bytes(scan)
    assert cli.run(arguments) == cli.DONE


def test_the_first_command_is_there() -> None:
    assert ["examples/colosseum.jpg"] in commands()
    assert os.access(ROOT / "scripts" / "test", os.X_OK)
    assert "scripts/test" in [line.strip() for block in code(README, "") for line in block.splitlines()]
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_option_of_restore_is_documented() -> None:
    parser = Parser()
    import_module(cli.VERBS["restore"][0]).add(parser)
    options = [names for names in parser.options if "--help" not in names]
    page = (ROOT / "docs" / "command.md").read_text()
    written = set(re.findall(r"`(--?[a-z-]*[a-z])\b", page))
    assert [names for names in options if not names & written] == []
    for module, _ in cli.VERBS.values():
        import_module(module).add(parser := Parser())
        options += parser.options
    assert written - set().union(*options) == set()
