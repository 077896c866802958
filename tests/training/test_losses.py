"""Every loss compared with a value computed by hand or by scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import nn

from jpegmend import models
from jpegmend.errors import InvalidRecipe
from jpegmend.jpeg.tables import standard_luma
from jpegmend.models.contract import Estimate, Observation
from jpegmend.models.cqr import Ranking
from jpegmend.training import losses
from jpegmend.training.losses import Answer
from jpegmend.training.recipe_checks import check_recipe


def plane(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def answer(restored, truth, *, traces=None, auxiliary=None, planes=(1.0,), J=None):
    blank = torch.ones(1)
    seen = Observation(truth if J is None else J, blank, blank)
    return Answer(Estimate(restored, traces=traces or {}), seen, truth, torch.tensor(planes), auxiliary or {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mae", 0.25), ("mse", (0.01 + 0.16) / 2), ("charbonnier", (math.hypot(0.1, 1e-3) + math.hypot(0.4, 1e-3)) / 2)],
)
def test_pixel_losses(name, expected):
    found = losses.total({name: 2.0}, answer(plane(0.1, 0.5), plane(0.2, 0.1)))
    assert float(found) == pytest.approx(2 * expected)


def test_the_logarithm_of_the_error_counts_pictures_alike():
    restored = torch.tensor([0.1, 0.01]).reshape(2, 1, 1, 1)
    found = losses.total({"log_mse": 1.0}, answer(restored, torch.zeros(2, 1, 1, 1)))
    assert float(found) == pytest.approx((math.log(0.01 + 3e-4) + math.log(1e-4 + 3e-4)) / 2)


def test_planes_are_weighed():
    restored = torch.tensor([1.0, 0.5]).reshape(1, 2, 1, 1)
    found = losses.total({"mae": 1.0}, answer(restored, torch.zeros(1, 2, 1, 1), planes=(1.0, 3.0)))
    assert float(found) == pytest.approx((1.0 + 3 * 0.5) / 4)


def test_ssim_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    a = rng.random((40, 33))
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1)
    _, full = structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    found = losses.ssim(*(torch.from_numpy(x)[None, None] for x in (a, b)))
    assert float(found.mean()) == pytest.approx(1 - full[5:-5, 5:-5].mean(), abs=1e-6)


def test_margin_ranking_on_three_pairs():
    # 0.2 - 1.0 + 0.5 < 0; 0.4 - 0.5 + 0.5 = 0.4; 2.0 - 0.0 + 0.5 = 2.5
    better, worse = torch.tensor([1.0, 0.5, 0.0]), torch.tensor([0.2, 0.4, 2.0])
    assert float(losses.margin_ranking(better, worse, 0.5)) == pytest.approx((0 + 0.4 + 2.5) / 3)


def test_quality_score():
    expected = (0.5 + 1 / (1 + math.exp(2))) / 2
    assert float(losses.quality_score(torch.tensor([0.0, 2.0]))) == pytest.approx(expected)


def test_feature_matching_is_the_mean_over_layers_of_means():
    a, b = (torch.tensor([1.0, 3.0]), torch.tensor([2.0])), (torch.tensor([0.0, 0.0]), torch.tensor([5.0]))
    assert float(losses.feature_matching(a, b)) == pytest.approx((2.0 + 3.0) / 2)


def test_binary_cross_entropy():
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert float(losses.binary_cross_entropy(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0]))) == pytest.approx(
        expected
    )


def test_the_losses_of_mdu_add_up_to_equation_24():
    pictures, artifacts = (plane(0.5), plane(0.4), plane(0.3)), (plane(0.2), plane(0.1))
    truth, J = plane(0.2), plane(0.35)
    expected = 0.1 + 0.05 + 0.1 * (0.3 + 0.2) + 0.1 * 0.05
    named = {"mae": 1.0, "last_artifacts": 1.0, "pictures": 0.1, "artifacts": 0.1}
    assert float(
        losses.total(named, answer(pictures[-1], truth, traces={"O": pictures, "H": artifacts}, J=J))
    ) == pytest.approx(expected)


class Fixed(nn.Module):
    """A ranker whose score is the mean and whose features are the picture and its double."""

    def forward(self, picture):
        return Ranking(picture.mean((1, 2, 3)), (picture, 2 * picture))


def test_losses_that_ask_an_aid():
    given = answer(plane(0.0, 1.0), plane(0.0, 0.0), auxiliary={"ranker": Fixed(), "judge": Fixed()})
    assert float(losses.total({"quality_score": 1.0}, given)) == pytest.approx(1 / (1 + math.exp(0.5)))
    assert float(losses.total({"feature_matching": 1.0}, given)) == pytest.approx((0.5 + 1.0) / 2)
    assert float(losses.total({"judge": 1.0}, given)) == pytest.approx(math.log(1 + math.exp(0.5)))


def test_what_is_missing_is_named():
    with pytest.raises(InvalidRecipe, match="use it with mdu"):
        losses.total({"artifacts": 1.0}, answer(plane(0.0), plane(0.0)))


def test_a_loss_needs_exactly_the_auxiliary_networks_that_are_stated():
    """Each is called with none, and with those of the table."""
    for name in losses.LOSSES.keys() - losses.NEEDS_TRACES - {"teacher", "quality"}:
        needed = losses.NEEDS_AUXILIARY.get(name)
        given = answer(torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16), auxiliary={needed: Fixed()})
        assert torch.isfinite(losses.total({name: 1.0}, given))
        if needed:
            with pytest.raises(KeyError):
                losses.total({name: 1.0}, given._replace(auxiliary={}))


def test_the_file_of_a_network_may_add_a_loss(tmp_path, monkeypatch):
    monkeypatch.setitem(losses.LOSSES, "slopes", losses.log_mse)  # so that it is taken away again
    monkeypatch.setattr(models, "NETWORKS", dict(models.NETWORKS))
    (tmp_path / "mine.py").write_text(
        "from jpegmend.models.dncnn import SPEC\nfrom jpegmend.training import losses\n"
        "losses.LOSSES['slopes'] = lambda answer: (answer.estimate.planes - answer.truth).diff().abs().mean()\n"
    )
    models.add(tmp_path / "mine.py")
    phase = {"share": 1.0, "crop": 16, "batch": 1, "losses": {"slopes": 2.0}}
    recipe = check_recipe({"name": "mine", "network": "dncnn", "steps": 1, "phases": [phase]})
    found = losses.total(recipe.phases[0].losses, answer(plane(0.0, 0.5), plane(0.0, 0.25)))
    assert float(found) == pytest.approx(0.5)


def test_a_teacher_whose_answer_is_worse_than_the_jpeg_is_not_followed():
    """Two pictures: of the first the answer is nearer to the original than the JPEG, of the second further."""
    restored, truth, J, taught = (torch.tensor(values).reshape(2, 1, 1, 1) for values in (
        [0.5, 0.5], [0.4, 0.4], [0.2, 0.3], [0.3, 0.1],
    ))  # fmt: skip
    found = losses.total({"teacher": 1.0}, answer(restored, truth, J=J)._replace(teacher=taught))
    expected = (math.log(0.2**2 + losses.LOG_FLOOR) + math.log(0.1**2 + losses.LOG_FLOOR)) / 2
    assert float(found) == pytest.approx(expected)


def test_quality_is_held_against_the_luma_table():
    tables = torch.from_numpy(np.stack([[standard_luma(quality)] for quality in (30, 90)]).astype(np.float32))
    blank = torch.zeros(2, 1, 8, 8)
    estimate = Estimate(blank, torch.tensor([40.0, 60.0]))
    given = Answer(estimate, Observation(blank, tables, blank), blank, torch.ones(1), {})
    assert float(losses.total({"quality": 1.0}, given)) == pytest.approx((0.1 + 0.3) / 2)
    with pytest.raises(InvalidRecipe, match="estimates one"):
        losses.total({"quality": 1.0}, given._replace(estimate=Estimate(blank)))
