"""inspect: the facts of files that Pillow wrote."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tests.jpeg.conftest import as_ycck

from jpegmend import inspect, restore, runtimes
from jpegmend.errors import InvalidOption
from jpegmend.restoration import inspection
from jpegmend.runtimes import onnx
from jpegmend.writing import comparison


def picture(height: int = 96, width: int = 120) -> np.ndarray:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 60 * np.sin(columns / 9) + 40 * np.cos(rows / 13)
    return np.clip(base[:, :, None] + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_sampling_and_quality(subsampling: int, name: str) -> None:
    found = inspect(jpeg(quality=35, subsampling=subsampling, comment=b"hello", dpi=(72, 72)))
    assert (found.width, found.height, found.sampling, found.colour) == (120, 96, name, "ycbcr")
    assert (found.quality, found.quality_exact, found.coding, found.scans) == (35, True, "baseline", 1)
    assert [part.exact for part in found.components] == [True] * 3
    assert found.metadata["comment"] == "hello"
    assert "72 x 72" in found.metadata["density"]
    assert found.lost == 0 and found.conflict is None


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_comment_is_read_as_it_is_written_into_results(encoding: str) -> None:
    assert inspect(jpeg(comment="K\u00fcste".encode(encoding))).metadata["comment"] == "K\u00fcste"


def test_the_ranker_sees_the_luma_of_ink_and_of_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    ranker = SimpleNamespace(score=lambda luma: float(len(seen.append(luma) or seen)))
    monkeypatch.setattr(inspection, "load_ranker", lambda name: ranker)
    buffer = io.BytesIO()
    ink = np.concatenate([255 - picture(), np.full((96, 120, 1), 90, np.uint8)], axis=2)
    Image.frombytes("CMYK", (120, 96), ink.tobytes()).save(buffer, "JPEG", quality=90)
    for data in (buffer.getvalue(), as_ycck(buffer.getvalue()), jpeg(keep_rgb=True)):
        assert inspect(data, ranker="any").ranker_score == len(seen)
        red, green, blue = np.moveaxis(restore(data, strength=0, bits=8).pixels / 255, 2, 0)
        assert np.abs(seen[-1] - (0.299 * red + 0.587 * green + 0.114 * blue)).max() < 1e-5


def test_the_ranker_is_opened_once_for_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    runtimes.close()
    opened, really = [], onnx.open_session
    monkeypatch.setattr(onnx, "open_session", lambda *given: opened.append(given) or really(*given))
    scores = [inspect(jpeg(quality=quality), ranker="cqr-c").ranker_score for quality in (10, 60)]
    assert len(opened) == 1 and None not in scores and scores[0] < scores[1]


@pytest.mark.parametrize("limits", [{"timeout": -1}, {"timeout": "5"}, {"max_pixels": 0}, {"strict": "no"}], ids=str)
def test_limits_out_of_range_are_no_damage_of_the_file(limits: dict[str, object]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(limits))):
        inspect(jpeg(), **limits)


def test_the_black_of_ycck_has_the_table_of_luma() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture()).convert("CMYK").save(buffer, "JPEG", quality=35)
    found = inspect(as_ycck(buffer.getvalue()))
    assert found.colour == "ycck"
    assert [(part.quality, part.exact) for part in found.components[::3]] == [(35, True)] * 2


def test_progressive_and_own_tables() -> None:
    tables = [[7] * 64, [9] * 64]
    found = inspect(jpeg(qtables=tables, progressive=True))
    assert found.coding == "progressive" and found.scans is not None and found.scans > 1
    assert not found.quality_exact
    assert {step for row in found.components[0].table for step in row} == {7}


def test_dict_is_plain_and_text_is_for_people() -> None:
    found = inspect(jpeg(quality=50))
    assert json.loads(json.dumps(found.as_dict()))["quality"] == 50
    assert "120 x 96" in found.as_text() and "quality 50" in found.as_text()


def test_a_picture_without_tables() -> None:
    found = inspect(picture())
    assert (found.format, found.quality, found.sampling, found.components) == ("array", None, None, ())
    assert found.as_text()


def test_the_most_changed_place_is_enlarged() -> None:
    before = np.zeros((300, 400, 3), np.uint8)
    after = before.copy()
    after[200:260, 280:340] = 200
    top, left = comparison.most_changed(before, after)
    assert top <= 200 and top + comparison.CROP >= 260
    assert left <= 280 and left + comparison.CROP >= 340
    assert comparison.compose(before, after[:, :, 0]).shape[1] == 2 * 400 + 8


def test_a_tiny_picture_can_be_compared() -> None:
    one = np.full((1, 1), 90, np.uint8)
    shown = comparison.compose(one, one)
    assert shown.ndim == 2 and (shown == 90).sum() >= 2 * comparison.CROP**2
