"""What a first user met and no other test holds: what models says, and how wrong arguments are named."""

import io
import math

import pytest

import jpegmend
from jpegmend import cli

from .conftest import as_jpeg, picture


def test_models_say_what_each_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models"]) == 0
    states = {name: line for line in capsys.readouterr().out.splitlines() for name in line.lstrip("* ").split()[:1]}
    for name, card in jpegmend.MODELS.items():
        expected = "not released" if not card.released else "plain install" if "onnx" in card.files else "[torch]"
        assert expected in states[name]


@pytest.mark.parametrize("place", [2, None])
def test_a_file_that_was_read_already_is_explained(place: int | None) -> None:
    data = as_jpeg(picture())
    file = io.BytesIO(data)
    file.seek(len(data) if place is None else place)
    with pytest.raises(jpegmend.NotAnImage, match=r"seek\(0\)"):
        jpegmend.restore(file, strength=0)


def test_a_file_inside_another_is_read_from_its_place() -> None:
    file = io.BytesIO(b"12345" + as_jpeg(picture()))
    file.seek(5)
    assert jpegmend.restore(file, strength=0).width == 80


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory": "2X"}, "2GiB"),
        ({"memory": [1]}, "give a number"),
        ({"strength": "1"}, "strength '1'; give a number"),
        ({"strength": None}, "strength None; give a number"),
        ({"threads": "2"}, "threads '2'; give a whole number"),
        ({"threads": 1.5}, r"threads 1\.5; give a whole number"),
        ({"bits": "8"}, "bits '8'; give a whole number"),
        ({"quality": 50.5}, r"quality 50\.5; give a whole number"),
        ({"page": 1.5}, r"page 1\.5; give a whole number"),
        ({"memory": math.inf}, "memory inf; give a number"),
        ({"max_pixels": math.inf}, "max_pixels inf; give a number"),
        ({"max_pixels": None}, "max_pixels None; give a number"),
        ({"timeout": math.inf}, "timeout inf; give a number"),
        ({"timeout": 1e12}, "give seconds above 0, at most 1,000,000"),
        ({"consistent": "yes"}, "consistent 'yes'; allowed: True, False, None"),
        ({"strict": "no"}, "strict 'no'; allowed: True, False"),
        ({"earlier": None}, "earlier None; allowed: True, False"),
        ({"progress": 5}, "progress 5; give a function"),
    ],
)
def test_options_of_a_wrong_type_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(jpegmend.InvalidOption, match=said):
        jpegmend.restore(as_jpeg(picture()), **options)


def test_a_model_that_is_no_name_is_refused() -> None:
    with pytest.raises(jpegmend.ModelError, match="give the name of a network"):
        jpegmend.restore(as_jpeg(picture()), model=3)


def test_memory_may_be_a_text_and_a_short_time_is_told_as_it_is() -> None:
    assert jpegmend.restore(as_jpeg(picture()), memory="2G").report.model == "mend-s"
    with pytest.raises(jpegmend.DamagedJpeg, match=r"0\.0001 s"):
        jpegmend.restore(as_jpeg(picture()), timeout=0.0001)


def test_no_network_is_named_where_none_ran() -> None:
    decoded = jpegmend.restore(as_jpeg(picture()), strength=0)
    assert (decoded.report.model, decoded.report.runtime) == (None, None)
    assert "decoded only" in repr(decoded)
    assert repr(jpegmend.load("mend-s")) == "<mend-s by onnx cpu>"
    assert "80 x 48 pixels, jpeg" in str(jpegmend.inspect(as_jpeg(picture())))
