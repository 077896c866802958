"""QGCN: depends on the tables and the whole picture; a tile with the overview agrees with the whole picture."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jpegmend.errors import InvalidOption
from jpegmend.models import cost, files, qgcn
from jpegmend.training.recipe_checks import read_recipe

BRANCH = {"global_widths": (4, 4, 8, 8), "hidden": 16, "vector": 8}
# PyTorch's own initialisation: with the paper's 0.01 an untrained network answers almost nothing.
SMALL = qgcn.Config(width=6, blocks=2, deviation=0, **BRANCH)
QCN = qgcn.Config(channels=1, width=6, blocks=2, deviation=0, whole=False, **BRANCH)
EDSR = qgcn.Config(channels=1, width=6, blocks=2, deviation=0, whole=False, tables=False, **BRANCH)
FOLDED = qgcn.Config(width=6, blocks=2, deviation=0, fold=2, **BRANCH)
COMPACT = qgcn.Config(channels=1, width=6, blocks=2, deviation=0, fold=2, skip=True, **BRANCH)
PAGE = Path(__file__).parents[2] / "docs" / "models" / "qgcn.md"


def build(config: qgcn.Config = SMALL) -> qgcn.QGCN:
    torch.manual_seed(0)
    return qgcn.QGCN(config).eval()


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (qgcn.Config(), 19_340_867),
        (qgcn.Config(channels=1), 19_335_617),
        (qgcn.Config(whole=False), 4_918_339),
        (qgcn.Config(whole=False, tables=False), 4_916_291),
        (qgcn.Config(global_widths=(32, 64, 128, 128)), 12_213_571),
    ],
)
def test_counts_are_those_of_the_page(config: qgcn.Config, count: int) -> None:
    with torch.device("meta"):
        assert cost.parameters(qgcn.QGCN(config)) == count
    assert f"{count:,}" in PAGE.read_text()


def test_global_branch_is_table_1() -> None:
    with torch.device("meta"):
        branch = qgcn.GlobalBranch(qgcn.Config())
    rows = [
        (layer.out_channels, layer.kernel_size[0], layer.stride[0], layer.padding[0])
        for layer in branch.convolutions
        if isinstance(layer, torch.nn.Conv2d)
    ]
    widths = (32, 64, 128, 256)
    assert rows == [row for width in widths for row in ((width, 4, 2, 1), (width, 3, 1, 1))]
    assert (branch.fc1.out_features, branch.fc2.out_features) == (1024, 64)


def test_maps_tile_the_tables_over_255() -> None:
    tables = torch.arange(1.0, 193.0).reshape(1, 3, 8, 8)
    maps = qgcn.quantisation_maps(tables, 24, 20)
    assert maps.shape == (1, 2, 24, 20)
    for (i, j), (k, m) in (((0, 0), (0, 0)), ((9, 3), (1, 3)), ((23, 19), (7, 3))):
        assert torch.equal(maps[0, :, i, j] * 255, tables[0, :2, k, m])


@pytest.mark.parametrize("config", [SMALL, FOLDED], ids=["paper", "folded"])
def test_a_tile_that_knows_the_whole_equals_the_whole(config: qgcn.Config) -> None:
    network, seen = build(config), files.example(qgcn.SPEC, config, 96, 104)
    halo = qgcn.SPEC.halo(config)
    planes = seen.planes * torch.linspace(0, 1, 104)
    seen = seen._replace(planes=planes, overview=qgcn.make_small(planes))
    for layer in network.branch.modules():  # as it comes, the vector hardly depends on the picture
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(layer.weight)
    whole = network(seen).planes
    top, left, side = 16, 24, 64
    tile = seen._replace(planes=seen.planes[..., top : top + side, left : left + side])
    inside = (..., slice(top + halo, top + side - halo), slice(left + halo, left + side - halo))
    alone = (..., slice(halo, side - halo), slice(halo, side - halo))
    torch.testing.assert_close(network(tile).planes[alone], whole[inside], atol=1e-6, rtol=1e-5)
    # Told of itself only, the same tile answers something else: the test above could fail.
    forgotten = network(tile._replace(overview=None)).planes[alone]
    assert (forgotten - whole[inside]).abs().max() > 1e-5


@pytest.mark.parametrize(("fold", "beyond"), [(1, 0), (2, 1), (4, 1)])
def test_halo_is_the_receptive_field(fold: int, beyond: int) -> None:
    """``beyond``: on a folded grid the halo is rounded up to whole cells."""
    config = replace(EDSR, fold=fold)
    network, halo = build(config).double(), qgcn.SPEC.halo(config)
    side, centre = 80, 40
    reached = []
    for offset in range(max(fold, 2)):
        seen = files.example(qgcn.SPEC, config, side, side)
        planes = seen.planes.double().requires_grad_(True)
        at = centre + offset
        network(seen._replace(planes=planes)).planes[..., at, at].sum().backward()
        touched = planes.grad[0, 0].nonzero()
        reached.append(max(at - int(touched.min()), int(touched.max()) - at))
    assert max(reached) == halo - beyond


def test_folded_entry_and_exit_move_pixels_into_channels() -> None:
    """Planes and maps are folded alike, and one 3x3 convolution answers for whole cells."""
    network, seen = build(FOLDED), files.example(qgcn.SPEC, FOLDED, 24, 16)
    entered, left = [], []
    network.down.register_forward_hook(lambda _, given, __: entered.append(given[0]))
    network.last.register_forward_hook(lambda _, __, made: left.append(made))
    answer = network(seen).planes
    maps = qgcn.quantisation_maps(seen.tables, 24, 16)
    stacked = torch.nn.functional.pixel_unshuffle(torch.cat([seen.planes, maps], 1), 2)
    assert torch.equal(entered[0], stacked)
    assert torch.equal(answer, torch.nn.functional.pixel_shuffle(left[0], 2))


def test_skip_starts_as_the_identity_and_is_not_the_papers() -> None:
    seen = files.example(qgcn.SPEC, COMPACT, 37, 53)
    assert not qgcn.Config().skip
    assert torch.equal(build(COMPACT)(seen).planes, seen.planes)
    assert not torch.equal(build(replace(COMPACT, skip=False))(seen).planes, seen.planes)


def test_pixels_pass_by_in_full_precision() -> None:
    """Under autocast the skip adds float32 pixels, and the first layer reads them."""
    network, seen = build(COMPACT), files.example(qgcn.SPEC, COMPACT, 32, 32)
    entered = []
    network.down.register_forward_hook(lambda _, __, made: entered.append(made.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        answer = network(seen).planes
    assert entered == [torch.float32] and torch.equal(answer, seen.planes)


def test_without_overview_the_crop_stands_for_the_picture() -> None:
    network, seen = build(), files.example(qgcn.SPEC, SMALL, 40, 64)
    crop = network(seen._replace(overview=None), collect=True)
    told = network(seen._replace(overview=qgcn.make_small(seen.planes)), collect=True)
    assert torch.equal(crop.planes, told.planes)
    (vector,) = crop.traces["global"]
    assert vector.shape == (1, 8)
    assert torch.equal(vector, told.traces["global"][0])


def test_making_small_keeps_the_mean() -> None:
    picture = torch.rand(1, 3, 336, 224, generator=torch.Generator().manual_seed(0))
    assert qgcn.make_small(picture).mean() == pytest.approx(picture.mean().item(), abs=1e-3)


@pytest.mark.parametrize(
    ("config", "listens"),
    [(SMALL, {"tables", "overview"}), (QCN, {"tables"}), (EDSR, set())],
    ids=["QGCN", "QCN", "EDSR"],
)
def test_each_variant_listens_to_its_inputs_only(config: qgcn.Config, listens: set[str]) -> None:
    network, seen = build(config), files.example(qgcn.SPEC, config, 32, 32)
    before = network(seen).planes
    for name in ("tables", "overview"):
        changed = network(seen._replace(**{name: getattr(seen, name) * 2 + 1})).planes
        assert (not torch.equal(before, changed)) is (name in listens)


def test_sides_that_are_no_multiple_of_8_repeat_their_edge() -> None:
    network, seen = build(), files.example(qgcn.SPEC, SMALL, 37, 53)
    rows, columns = torch.arange(40).clamp(max=36), torch.arange(56).clamp(max=52)
    padded = seen._replace(planes=seen.planes[..., rows, :][..., columns])
    torch.testing.assert_close(network(seen).planes, network(padded).planes[..., :37, :53])


def test_weights_begin_as_section_4_says() -> None:
    network = qgcn.QGCN(qgcn.Config(blocks=2, whole=False))
    weights = torch.cat([p.flatten() for n, p in network.named_parameters() if n.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02)
    assert all(p.abs().max() == 0 for n, p in network.named_parameters() if n.endswith("bias"))


def test_second_phase_has_its_own_course_of_the_rate() -> None:
    """Easy-hard transfer: the large patches begin at the rate with which the small ones began (section III-D)."""
    recipe = read_recipe(PAGE.parents[2] / "recipes" / "qgcn.toml")
    first, _ = recipe.part_at(0.0)
    second, over = recipe.part_at(0.6)
    assert (first.crop, second.crop) == (64, 256) and over == pytest.approx(0, abs=1e-6)
    assert recipe.rate_of(first) == recipe.rate_of(second) == 1e-4


def test_residual_is_scaled() -> None:
    block = build().first.blocks[0]
    x = torch.rand(1, 6, 8, 8)
    expected = x + 0.1 * block.second(torch.relu(block.first(x)))
    torch.testing.assert_close(block(x), expected)


def test_a_folded_network_without_tables_and_overview_exports_too(tmp_path: Path) -> None:
    config = replace(EDSR, fold=2)
    onnxruntime = pytest.importorskip("onnxruntime")
    network = build(config)
    files.export_onnx(tmp_path / "network.onnx", network, qgcn.SPEC, config)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    seen = files.example(qgcn.SPEC, config, 37, 53)
    feed = {entry.name: getattr(seen, entry.name).numpy() for entry in session.get_inputs()}
    (restored,) = session.run(None, feed)
    # Weights are stored in half precision.
    torch.testing.assert_close(torch.from_numpy(restored), network(seen).planes, atol=1e-3, rtol=0)


@pytest.mark.parametrize("wrong", [{"blocks": 3}, {"blocks": 0}, {"channels": 2}, {"width": 0}, {"fold": 3}])
def test_impossible_configs_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        qgcn.Config(**wrong)


def test_gray_works_on_each_plane_and_colour_on_rgb() -> None:
    assert (qgcn.SPEC.planes(QCN), qgcn.SPEC.planes(SMALL)) == ("y", "rgb")
