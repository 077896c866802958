import numpy as np
import pytest
from PIL import Image

from jpegmend import metrics
from jpegmend.blocks import studio_y
from jpegmend.errors import InputError, InvalidOption
from jpegmend.evaluation.measure import degrade_and_score
from jpegmend.evaluation.measure.protocols import find


def test_studio_luma_is_compared_not_pillows(tmp_path, photo):
    rgb = photo(32, 40, 0)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    original = degrade_and_score.open_original(tmp_path / "a.png", find("papers-gray"))
    assert (original == studio_y(rgb)).all() and original.min() >= 16
    full = degrade_and_score.open_original(tmp_path / "a.png", find("full-gray"))
    assert (full == np.asarray(Image.fromarray(rgb).convert("L"))).all()


def test_a_gray_picture_keeps_its_values_even_in_a_colour_file(tmp_path, photo):
    gray = photo(32, 40, 1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(np.repeat(gray[..., None], 3, 2)).save(tmp_path / "colour.webp", lossless=True)
    for name in ("gray.png", "colour.webp"):
        assert (degrade_and_score.open_original(tmp_path / name, find("papers-gray")) == gray).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_an_original_of_16_bits_is_rounded_to_8(name, kind, tmp_path, photo):
    """Pillow's own conversion makes it white."""
    gray = np.minimum(photo(32, 40, 1)[..., 0], 254)
    deep = gray.astype(np.uint16) * 257 + 100
    if name == "a.pgm":
        (tmp_path / name).write_bytes(b"P5 40 32 65535\n" + deep.astype(">u2").tobytes())
    else:
        Image.fromarray(deep.astype(kind)).save(tmp_path / name)
    assert (degrade_and_score.open_original(tmp_path / name, find("papers-gray")) == gray).all()


def test_an_original_that_cannot_be_read_is_named(tmp_path, photo):
    Image.fromarray(photo(32, 40, 1)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    (tmp_path / "text.png").write_text("no picture")
    for name in ("cut.png", "text.png"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            degrade_and_score.open_picture(tmp_path / name)


def test_a_gray_trial_is_pillows_jpeg(tmp_path, photo):
    gray = photo(40, 48, 2)[..., 0]
    trial = degrade_and_score.degrade(gray, find("papers-gray"), (10,))
    Image.fromarray(gray).save(tmp_path / "a.jpg", quality=10)
    assert trial.file == (tmp_path / "a.jpg").read_bytes()
    assert (trial.truth == gray).all() and trial.decoded.shape == gray.shape


@pytest.mark.parametrize(("name", "layer"), [("rgb-420", ((2, 2), (1, 1), (1, 1))), ("rgb-444", ((1, 1),) * 3)])
def test_colour_trials_have_the_sampling_they_say(name, layer, photo):
    import io

    trial = degrade_and_score.degrade(photo(40, 48, 3), find(name), (30,))
    file = Image.open(io.BytesIO(trial.file))
    assert tuple((row[1], row[2]) for row in file.layer) == layer


def test_a_double_jpeg_is_shifted_and_compared_with_the_shifted_original(photo):
    gray = photo(64, 72, 4)[..., 0]
    protocol = find("double-jpeg")
    trial = degrade_and_score.degrade(gray, protocol, (10, 90))
    assert (trial.truth == gray[4:, 4:]).all()
    once = degrade_and_score.degrade(gray, protocol, (10,))
    # The second, mild compression leaves the first one's damage: the whole is about as bad as the first alone.
    gap = metrics.psnr(trial.truth, trial.decoded, peak=255) - metrics.psnr(gray, once.decoded, peak=255)
    assert abs(gap) < 1
    # And the first grid shows in it at 4, where it lies after the shift.
    steps = np.abs(np.diff(trial.decoded.astype(float), axis=1)).mean(0)
    assert steps[3::8].mean() > steps[7::8].mean()


def test_a_shared_picture_is_scaled_first(tmp_path, photo):
    Image.fromarray(photo(80, 96, 5)).save(tmp_path / "a.png")
    assert degrade_and_score.open_original(tmp_path / "a.png", find("social-simulated")).shape == (40, 48, 3)


def test_scores_of_colour_are_over_all_values_or_means_over_channels(photo):
    truth, judged = photo(32, 40, 6), photo(32, 40, 7)
    found = degrade_and_score.score(truth, judged)
    error = np.square(truth.astype(float) - judged).mean()
    assert found["psnr"] == pytest.approx(10 * np.log10(255**2 / error))
    single = [metrics.ssim(truth[..., c], judged[..., c], peak=255) for c in range(3)]
    assert found["ssim:matlab"] == pytest.approx(np.mean(single))


def test_scores_of_tiny_pictures_are_undefined_not_wrong():
    found = degrade_and_score.score(np.zeros((9, 9), np.uint8), np.ones((9, 9), np.uint8))
    assert np.isnan(found["ssim:matlab"]) and not np.isnan(found["ssim:uniform-8"])
    with pytest.raises(InvalidOption, match="alike"):
        degrade_and_score.score(np.zeros((9, 9), np.uint8), np.ones((9, 8), np.uint8))


def test_the_variants_of_qgcns_colour_tables(photo):
    from skimage.metrics import structural_similarity

    truth, judged = photo(40, 48, 8), photo(40, 48, 9)
    found = degrade_and_score.score(truth, judged)
    theirs = structural_similarity(truth, judged, channel_axis=2, data_range=255)
    # scikit-image leaves a border of half a window out, we use the windows that lie inside: the same pixels.
    assert found["ssim:uniform-7"] == pytest.approx(theirs, abs=1e-9)
    error = np.square(truth.astype(float) - judged).mean()
    blocking = sum(metrics.bef(judged[..., c], variant="fbcnn") for c in range(3))
    assert found["psnr_b:fbcnn-sum"] == pytest.approx(10 * np.log10(255**2 / (error + blocking)))
    gray = degrade_and_score.score(truth[..., 0], judged[..., 0])
    assert gray["psnr_b:fbcnn-sum"] == pytest.approx(gray["psnr_b:fbcnn"])
