"""Dual's priors: the non-local layer, the deblockers and the classifier, each by itself."""

import pytest
import torch
from tests.models.dual_networks import build, picture

from jpegmend.models import dual_priors


def test_the_order_of_the_non_local_product_does_not_matter() -> None:
    torch.manual_seed(0)
    layer = dual_priors.LinearNonLocal(6, 3, per_pixel=True, limit=0.0).double()
    M = picture(1, 6, 4, 5)
    theta, nu, xi = (part(M).flatten(2)[0].T for part in (layer.theta, layer.nu, layer.xi))  # [20, 3]
    quadratic = (theta @ nu.T) @ xi / 20
    expected = M + layer.W(quadratic.T.reshape(1, 3, 4, 5))
    torch.testing.assert_close(layer(M), expected)


@pytest.mark.parametrize("per_pixel", [True, False])
def test_dividing_by_the_pixels_makes_it_blind_to_size(per_pixel: bool) -> None:
    torch.manual_seed(0)
    layer = dual_priors.LinearNonLocal(6, 3, per_pixel=per_pixel, limit=0.0)
    M = picture(1, 6, 4, 5).float()
    same = torch.allclose(layer(M.repeat(1, 1, 2, 2))[..., :4, :5], layer(M), atol=1e-5)
    assert same is per_pixel


def test_a_limit_makes_the_non_local_operation_linear_where_features_are_large() -> None:
    torch.manual_seed(0)
    layer, free = (dual_priors.LinearNonLocal(6, 3, per_pixel=True, limit=limit).double() for limit in (0.01, 0.0))
    free.load_state_dict(layer.state_dict())
    with torch.no_grad():
        for convolution in (layer.theta, layer.nu, layer.xi, layer.W, free.theta, free.nu, free.xi, free.W):
            convolution.bias.zero_()
        M = 100 * picture(1, 6, 4, 5)
        torch.testing.assert_close(layer(2 * M), 2 * layer(M))
        assert ((free(2 * M) - 2 * M) / (free(M) - M)).mean() == pytest.approx(8), "without a limit it is cubic"
        small = 1e-3 * M
        torch.testing.assert_close(layer(small), free(small))


def test_dense_deblocker_gives_units_everything_before_them() -> None:
    network = build(units=3).deblocker
    assert [fusion.in_channels for fusion in network.fusions] == [12, 18, 24]
    assert [layer.dilation[0] for layer in network.units[0].convolutions] == [1, 3, 5]


def test_shrinkage_is_a_tight_frame_with_thresholds() -> None:
    x = picture(2, 1, 9, 13).float()
    layer = dual_priors.Shrinkage(0.0)
    torch.testing.assert_close(layer(x), x, atol=1e-5, rtol=0)
    with torch.no_grad():
        layer.thresholds.fill_(1e3)
    # Only the mean of every window survives.
    rows, columns = torch.arange(-7, 16).clamp(0, 8), torch.arange(-7, 20).clamp(0, 12)
    windows = torch.nn.functional.avg_pool2d(x[..., rows, :][..., columns], 8, 1)
    expected = torch.nn.functional.avg_pool2d(windows, 8, 1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=0)


def test_classifier_answers_a_probability_of_any_size() -> None:
    torch.manual_seed(0)
    classifier = dual_priors.Classifier(dual_priors.ClassifierConfig())
    assert isinstance(classifier, dual_priors.Classifier)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in classifier.modules()) == 6
    g = picture(3, 2, 9, 14).float()
    answer = classifier(g)
    assert answer.shape == (3,) and answer.min() > 0 and answer.max() < 1
    torch.testing.assert_close(torch.sigmoid(classifier.logit(g)), answer)
    assert [part.shape for part in classifier.activations(g)] == [(3, 32, 9, 14)] * 6
