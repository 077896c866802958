import numpy as np
import pytest
from PIL import Image

from jpegmend import metrics
from jpegmend.blocks import studio_y
from jpegmend.errors import InvalidOption, MissingData
from jpegmend.evaluation.measure.protocols import find
from jpegmend.evaluation.measure.run import evaluate
from jpegmend.evaluation.measure.sources import PairedSet, pictures, set_name, sources


@pytest.fixture
def shared(tmp_path, photo):
    """Two originals, and what a site made of them: JPEGs of quality 40, one of them gray."""
    originals, downloads = (tmp_path / "Twitter" / name for name in ("original", "downloaded"))
    for folder in (originals, downloads):
        folder.mkdir(parents=True)
    for name, pixels in {"a": photo(48, 56, 0), "b": photo(40, 64, 1)[..., 0]}.items():
        Image.fromarray(pixels).save(originals / f"{name}.png")
        Image.fromarray(pixels).save(downloads / f"{name}.jpg", quality=40)
    return PairedSet(originals, downloads)


def test_pairs_are_compared_in_the_papers_luma(shared, tmp_path):
    result = evaluate(["jpeg"], [shared], find("pairs"), tmp_path / "out")
    expected = []
    for name in "ab":
        clean = np.asarray(Image.open(shared.originals / f"{name}.png"))
        seen = np.asarray(Image.open(shared.compressed / f"{name}.jpg"))
        luma = studio_y if clean.ndim == 3 else lambda pixels: pixels
        expected.append(metrics.psnr(luma(clean), luma(seen), peak=255))
    (mean,) = result.means
    assert (mean.data_set, mean.quality, mean.pictures) == ("Twitter", "file", 2)
    assert mean.scores["psnr"] - mean.gain == pytest.approx(np.mean(expected))
    # The row of the JPEG is decoded by our decoder, which upsamples chroma as libjpeg does and rounds once.
    assert abs(mean.gain) < 0.05


def test_pairs_in_rgb_are_compared_over_all_channels(shared, tmp_path):
    pair = PairedSet(shared.originals / "a.png", shared.compressed / "a.jpg")
    result = evaluate(["jpeg"], [pair], find("pairs-rgb"), tmp_path / "out")
    clean, seen = (np.asarray(Image.open(path)) for path in (pair.originals, pair.compressed))
    assert result.means[0].scores["psnr"] == pytest.approx(metrics.psnr(clean, seen, peak=255), abs=0.1)


@pytest.mark.parametrize("protocol", ["pairs", "pairs-rgb"])
def test_an_alpha_channel_takes_no_part(protocol, shared, tmp_path):
    opaque = Image.open(shared.compressed / "a.jpg")
    opaque.putalpha(255)
    opaque.save(tmp_path / "a.png")
    pair = PairedSet(shared.originals / "a.png", tmp_path / "a.png")
    assert evaluate(["jpeg"], [pair], find(protocol), tmp_path / "out").means[0].gain == 0


def test_a_site_that_turned_the_picture_by_exif_is_compared_upright(shared):
    path = shared.compressed / "a.jpg"
    turned = Image.open(path).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to see it upright"
    turned.save(path, quality=95, exif=exif)
    trial = sources([shared], find("pairs"))[0].trial()
    assert metrics.psnr(trial.truth, trial.decoded, peak=255) > 25


def test_a_scaled_copy_is_refused_with_both_sizes(shared):
    Image.new("RGB", (28, 24)).save(shared.compressed / "a.jpg")
    with pytest.raises(InvalidOption, match="56x48 pixels and .*28x24.*crop or scale"):
        sources([shared], find("pairs"))[0].trial()


def test_files_without_a_partner_are_named(shared):
    (shared.compressed / "b.jpg").rename(shared.compressed / "c.jpg")
    with pytest.raises(MissingData, match="b, c in only one of"):
        sources([shared], find("pairs"))
    (shared.compressed / "a.png").write_bytes(b"")
    with pytest.raises(InvalidOption, match=r"a\.jpg and a\.png .* one stem"):
        sources([shared], find("pairs"))


def test_pairs_and_protocols_that_compress_do_not_mix(shared, picture_set):
    with pytest.raises(InvalidOption, match="papers-gray measures clear pictures alone"):
        sources([shared], find("papers-gray"))
    with pytest.raises(InvalidOption, match="pairs measures pairs"):
        sources([picture_set], find("pairs"))


def test_a_picture_that_is_too_small_for_the_protocol_is_named(tmp_path):
    Image.new("L", (3, 40)).save(tmp_path / "thin.png")
    (first, *_) = sources([tmp_path], find("double-jpeg"))
    with pytest.raises(InvalidOption, match=r"thin\.png: a picture of 3x40 pixels is too small for a shift of 4 rows"):
        first.trial()


def test_a_picture_that_is_too_long_for_a_jpeg_is_named(tmp_path):
    Image.new("L", (65501, 8)).save(tmp_path / "long.png")
    (first, *_) = sources([tmp_path], find("papers-gray"))
    with pytest.raises(InvalidOption, match=r"long\.png: a picture of 65501x8 pixels; a JPEG has at most 65500 a side"):
        first.trial()


def test_a_set_of_splits_is_all_of_them_together(tmp_path, photo):
    for number, split in enumerate(("train", "val")):
        (tmp_path / "bsds500" / split).mkdir(parents=True)
        Image.fromarray(photo(16, 16, number)).save(tmp_path / "bsds500" / split / "1.png")
    found = sources([tmp_path / "bsds500"], find("papers-gray"))
    assert [source.image for source in found[:2]] == ["train/1.png", "val/1.png"]
    assert set_name(tmp_path / "bsds500" / "val") == "bsds500-val"
    with pytest.raises(MissingData, match="no pictures"):
        pictures(tmp_path / "empty")
