"""Parsing of the command line: suggestions, lists, errors."""

import pytest

from jpegmend import cli
from jpegmend.cli.parser import Parser, real, whole
from jpegmend.errors import InvalidOption


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="jpegmend restore")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--model", nargs="+", action="extend")
    parser.add_argument("--format", choices=("png", "tiff"))
    parser.add_argument("--quality", type=whole(1, 100))
    parser.add_argument("--strength", type=real(0, 1))
    return parser


def test_options_may_stand_between_files(parser: Parser) -> None:
    given = parser.read(["a.jpg", "--quality", "7", "b.jpg", "--", "--c.jpg"])
    assert (given.files, given.quality) == (["a.jpg", "b.jpg", "./--c.jpg"], 7)


def test_several_values_in_a_row_or_one_by_one(parser: Parser) -> None:
    assert parser.read(["x", "--model", "a", "b", "--format", "png", "--model", "c"]).model == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--fromat", "png"], "did you mean --format"),
        (["x", "--fromat=png"], "did you mean --format"),
        (["x", "--format", "tif"], "did you mean tiff"),
        (["x", "--form", "png"], "no option --form"),
        (["x", "--quality", "101"], "from 1 to 100"),
        (["x", "--quality", "1.5"], "whole number"),
        (["x", "--strength", "nan"], "from 0 to 1"),
        (["x", "--strength"], "--strength"),
        (["--verison"], "did you mean --version"),
        ([], "files"),
    ],
)
def test_mistakes_are_named(parser: Parser, words: list[str], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        parser.read(words)


@pytest.mark.parametrize("words", [["insepct", "a.jpg"], ["modles"], ["halp"], ["help", "insepct"]])
def test_a_mistyped_verb_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == cli.WRONG_USAGE
    assert "did you mean" in capsys.readouterr().err


def test_help_of_everything_and_of_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help"], ["--help"], ["help", "--help"]):
        assert cli.run(words) == cli.DONE
        assert "Exit codes" in capsys.readouterr().out
    assert cli.run(["help", "inspect"]) == cli.DONE
    assert "--max-pixels" in capsys.readouterr().out
