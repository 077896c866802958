"""docs/api.md states every option as ``Options`` does: its attribute docstrings are the documentation."""

from dataclasses import fields
from pathlib import Path

from jpegmend import Options
from jpegmend.option_texts import docstrings

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
    rows = option_rows()
    page = PAGE.read_text("utf-8").splitlines()
    start = page.index("| option | default | meaning |") + 2
    assert page[start : start + len(rows)] == rows, "\n".join(rows)
    assert not page[start + len(rows)].startswith("|")
