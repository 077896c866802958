"""docs/api.md states every option and every field of a report as their attribute docstrings do."""

from dataclasses import fields
from pathlib import Path

from jpegmend import Options
from jpegmend.option_texts import docstrings
from jpegmend.restoration.report import Report

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def option_rows() -> list[str]:
    """One table row an option: name, default, attribute docstring."""
    documented = {name: text.replace("``", "`") for name, text in docstrings().items()}
    defaults = {field.name: field.default for field in fields(Options)}
    assert documented.keys() == defaults.keys(), "an option without documentation"
    return [f"| `{name}` | `{_shown(default)}` | {documented[name]} |" for name, default in defaults.items()]


def _shown(default: object) -> str:
    return f"{default:_}" if type(default) is int and default > 9999 else repr(default).replace("'", '"')


def test_the_table_of_options_is_that_of_the_code() -> None:
    """On a failure: replace the table in docs/api.md by what this prints."""
    check_table("| option | default | meaning |", option_rows())


def test_the_table_of_the_report_is_that_of_the_code() -> None:
    """On a failure: replace the table in docs/api.md by what this prints."""
    documented = {name: text.replace("``", "`") for name, text in docstrings("report.py").items()}
    assert list(documented) == [field.name for field in fields(Report)], "a field without documentation"
    check_table("| field | meaning |", [f"| `{name}` | {text} |" for name, text in documented.items()])


def check_table(head: str, rows: list[str]) -> None:
    """Fail where the rows below ``head`` are others than these."""
    page = PAGE.read_text("utf-8").splitlines()
    start = page.index(head) + 2
    assert page[start : start + len(rows)] == rows, "\n".join(rows)
    assert not page[start + len(rows)].startswith("|")
