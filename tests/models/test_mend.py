"""mend: initially the identity, depends on the tables, receptive field within its halo, in both shapes."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from jpegmend.errors import InvalidOption
from jpegmend.models import cost, mend
from jpegmend.models.contract import Observation
from jpegmend.models.files import example
from jpegmend.models.mend_groups import table_maps

TINY = mend.Config(widths=(8, 8, 8), blocks=(1, 1, 1), embedding=8)
GROUPS = mend.Config(shape="groups", widths=(8, 12), blocks=(4, 1), embedding=8, scale=0.1)
SHAPES = pytest.mark.parametrize("config", [TINY, GROUPS])


def trained_a_little(config: mend.Config = TINY) -> torch.nn.Module:
    """A network whose zero-initialised layers are no longer zero."""
    torch.manual_seed(0)
    network = mend.build(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


@SHAPES
def test_untrained_is_the_decoded_jpeg(config: mend.Config) -> None:
    seen = example(mend.SPEC, config, 48, 64)
    assert torch.equal(mend.build(config)(seen).planes, seen.planes)


def test_default_costs_what_the_design_names() -> None:
    config = mend.Config()
    network = mend.Mend(config)
    assert cost.parameters(network) == pytest.approx(1.07e6, rel=0.02)
    assert cost.count(mend.SPEC, config).multiply_adds == pytest.approx(59e3, rel=0.02)


@SHAPES
@pytest.mark.parametrize("field", ["tables", "sampling"])
def test_what_the_file_says_changes_the_answer(config: mend.Config, field: str) -> None:
    network, seen = trained_a_little(config), example(mend.SPEC, config)
    other = seen._replace(**{field: getattr(seen, field) * 2 + 1})
    assert not torch.allclose(network(seen).planes, network(other).planes, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("config", [TINY, mend.Config(widths=(8, 8), blocks=(2, 1), embedding=8), GROUPS])
def test_a_pixel_beyond_the_halo_changes_nothing(config: mend.Config) -> None:
    halo, network = mend.halo(config), trained_a_little(config)
    side = 2 * halo + 32
    seen = example(mend.SPEC, config, 16, side)
    changed = seen.planes.clone()
    changed[..., 0] += 1.0
    reached = (network(seen).planes - network(seen._replace(planes=changed)).planes).abs().amax((0, 1, 2))
    assert reached[1:halo].max() > 0
    assert reached[halo:].max() == 0


@SHAPES
def test_collect_returns_the_description(config: mend.Config) -> None:
    network, seen = trained_a_little(config), example(mend.SPEC, config)
    assert network(seen).traces == {}
    assert set(network(seen, collect=True).traces) == {"description", "features"}


def test_what_may_vary_is_checked() -> None:
    with pytest.raises(InvalidOption, match="plain, separable"):
        mend.Config(convolution="wide")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="3 levels"):
        mend.Config(widths=(8, 8), blocks=(1, 1), coefficients=True)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"widths": ()}, "levels=0"),
        ({"widths": (8, 0, 8)}, "channels=0"),
        ({"embedding": -1}, "embedding=-1"),
        ({"blocks": (1, 1)}, r"blocks=\(1, 1\); give 3 numbers"),
        ({"blocks": (1, -1, 1)}, r"blocks=\(1, -1, 1\)"),
        ({"chroma_widths": (4, 4)}, r"chroma_widths=\(4, 4\); give 3 numbers"),
        ({"scale": 0.0}, "scale=0.0; it must be above 0"),
        ({"shape": "ring"}, "shape is 'ring'; one of u-net, groups"),
        ({"shape": "groups"}, "two numbers for each"),
        ({"shape": "groups", "widths": (8, 8), "blocks": (3, 1)}, "an even number of blocks"),
        ({"shape": "groups", "widths": (8, 8), "blocks": (2, 1), "coefficients": True}, "leave them out"),
    ],
)
def test_impossible_sizes_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidOption, match=named):
        mend.Config(**wrong)


def test_luma_apart_never_sees_chroma() -> None:
    config = replace(TINY, chroma_widths=(4, 4, 4))
    network, seen = trained_a_little(config), example(mend.SPEC, config)
    other = seen._replace(planes=torch.cat([seen.planes[:, :1], seen.planes[:, 1:] + 0.1], 1))
    a, b = network(seen).planes, network(other).planes
    assert torch.equal(a[:, 0], b[:, 0])
    assert not torch.allclose(a[:, 1:] - seen.planes[:, 1:], b[:, 1:] - other.planes[:, 1:], atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"blocks": (1, 1, 8)},
        {"blocks": (4, 1, 2)},
        {"tables": "maps"},
        {"coefficients": True},
        {"widths": (28, 56, 112), "chroma_widths": (16, 32, 64)},
        {"shape": "groups", "widths": (32, 96), "blocks": (10, 3)},
    ],
)
def test_what_is_compared_costs_the_same(changes: dict[str, Any]) -> None:
    assert cost.count(mend.SPEC, mend.Config(**changes)).multiply_adds == pytest.approx(59e3, rel=0.03)


GROWN = [
    ({}, {"widths": (12, 16, 8)}),
    ({}, {"blocks": (2, 1, 3)}),
    ({}, {"widths": (9, 10, 11), "blocks": (1, 2, 2)}),
    ({"convolution": "separable", "tables": "maps"}, {"widths": (12, 12, 16), "blocks": (2, 2, 2)}),
    ({"coefficients": True, "chroma_widths": (4, 4, 4)}, {"chroma_widths": (8, 6, 4), "widths": (8, 8, 10)}),
]
GROWN_GROUPS = [{"widths": (10, 12)}, {"widths": (9, 16), "blocks": (6, 2)}]


@pytest.mark.parametrize(
    ("old", "larger"),
    [(replace(TINY, **kind), larger) for kind, larger in GROWN] + [(GROUPS, larger) for larger in GROWN_GROUPS],
)
def test_a_grown_network_begins_with_the_answer_of_the_small_one(old: mend.Config, larger: dict[str, Any]) -> None:
    new = replace(old, **larger)
    small, large, seen = trained_a_little(old), mend.build(new).eval(), example(mend.SPEC, old, 48, 64)
    large.load_state_dict(mend.grow(small.state_dict(), old, new))
    answer = large(seen).planes
    assert torch.allclose(answer, small(seen).planes, atol=1e-6)
    answer.square().mean().backward()
    still = {name for name, value in large.named_parameters() if value.grad is None or not value.grad.any()}
    # Behind a convolution of zeros nothing moves in the first step; the convolution itself does.
    assert not [name for name in still if ".second." in name and ".second.0." not in name]


OTHERS = [{"widths": (8, 8, 4)}, {"blocks": (1, 0, 1)}, {"embedding": 16}, {"tables": "maps"}]


@pytest.mark.parametrize("other", [*OTHERS, {"shape": "groups", "widths": (8, 8), "blocks": (2, 1)}])
def test_weights_grow_in_width_and_depth_alone(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="do not grow"):
        mend.grow(mend.build(TINY).state_dict(), TINY, replace(TINY, **other))


@pytest.mark.parametrize(
    ("sampling", "shared"), [((0, 0), None), ((1, 1), (1, 1)), ((1, 2), (1, 2)), ((2, 2), (2, 2)), ((1, 4), (1, 2))]
)
def test_each_pixel_sees_the_step_of_its_place_in_the_block(
    sampling: tuple[int, int], shared: tuple[int, int] | None
) -> None:
    torch.manual_seed(3)
    tables = torch.randint(1, 256, (1, 3, 8, 8)).float()
    seen = Observation(torch.zeros(1, 3, 32, 48), tables, torch.tensor([sampling]).float())
    luma, chroma = table_maps(seen)[0]
    for row, column in ((0, 0), (9, 3), (17, 30), (31, 47)):
        assert luma[row, column] * 255 == pytest.approx(tables[0, 0, row % 8, column % 8].item())
        expected = 0.0
        if shared is not None:
            expected = tables[0, 1, row // shared[0] % 8, column // shared[1] % 8].item()
        assert chroma[row, column] * 255 == pytest.approx(expected)


def test_steps_beyond_8_bits_count_as_the_largest() -> None:
    seen = Observation(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 5000.0), torch.tensor([[1.0, 1.0]]))
    assert table_maps(seen).max() == 1
