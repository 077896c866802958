import json
from dataclasses import replace

import pytest

from jpegmend.errors import InvalidOption, NotComparable
from jpegmend.evaluation.measure.protocols import PROTOCOLS, Protocol, check_comparable, find, label, parse_case


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda p: p.name)
def test_a_protocol_survives_json(protocol):
    assert Protocol.from_json(json.loads(json.dumps(protocol.to_json()))) == protocol


def test_projection_is_a_row_and_no_other_protocol():
    check_comparable([find("papers-gray"), find("papers-gray-consistent")])


@pytest.mark.parametrize("other", ["full-gray", "rgb-420", "double-jpeg"])
def test_unlike_protocols_refuse_one_table(other):
    with pytest.raises(NotComparable, match=f"papers-gray and {other}.*make two tables"):
        check_comparable([find("papers-gray"), find(other)])


def test_the_encoder_and_its_version_are_part_of_the_protocol():
    stamped = find("papers-gray").stamped()
    assert "Pillow" in stamped.encoder and any(c.isdigit() for c in stamped.encoder)
    assert not stamped.comparable_with(find("papers-gray"))


@pytest.mark.parametrize("wrong", ["", "0", "101", "10+", "x", "10,20", "-5"])
def test_wrong_qualities_are_refused(wrong):
    with pytest.raises(InvalidOption, match="1 to 100"):
        parse_case(wrong)


def test_cases_are_written_as_they_are_read():
    assert label(parse_case("10+30")) == "10+30" and parse_case(75) == (75,)


def test_an_unknown_protocol_lists_the_names():
    with pytest.raises(InvalidOption, match="papers-gray"):
        find("paper")


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("papers-gray", {"channel": "studio_y"}, "channel 'studio_y'; give 'studio-y' or 'full-y' or 'rgb'"),
        ("rgb-420", {"sampling": "420"}, "sampling '420'; give 'gray' or '4:2:0'"),
        ("papers-gray", {"rounding": "none"}, "rounding 'none'; give '8-bit'"),
        ("papers-gray", {"ssim": "uniform-9"}, "ssim 'uniform-9'; give 'matlab'"),
        ("papers-gray", {"psnr_b": "x"}, "psnr_b 'x'; give 'true'"),
        ("papers-gray", {"encoder": "mozjpeg"}, "encoder 'mozjpeg'; give 'Pillow'"),
        ("papers-gray", {"scale": 0}, "scale 0; give a number above 0"),
        ("papers-gray", {"scale": -1.0}, "scale -1.0; give a number above 0"),
        ("papers-gray", {"scale": float("nan")}, "scale nan; give a number above 0"),
        ("double-jpeg", {"shift": (4, -4)}, "two whole numbers of at least 0"),
        ("papers-gray", {"channel": "rgb"}, "channel 'rgb' with sampling 'gray'; give 'rgb' with '4:2:0'"),
        ("papers-gray", {"sampling": "4:2:0"}, "channel 'studio-y' with sampling '4:2:0'"),
        ("papers-gray", {"qualities": (10,)}, r"\(10,\); give tuples of whole numbers of 1 to 100"),
        ("papers-gray", {"qualities": ((0,),)}, "whole numbers of 1 to 100"),
        ("papers-gray", {"qualities": ((),)}, "whole numbers of 1 to 100"),
        ("papers-gray", {"qualities": ()}, "whole numbers of 1 to 100"),
        ("pairs", {"qualities": ((10,),)}, "compressed already"),
        ("pairs", {"encoder": "Pillow"}, "give 'as found'"),
        ("pairs", {"scale": 0.5}, "scale or shift of files as found"),
    ],
)
def test_a_protocol_that_would_measure_something_else_is_refused(name, changes, said):
    with pytest.raises(InvalidOption, match=f"protocol {name}: .*{said}"):
        replace(find(name), **changes)
