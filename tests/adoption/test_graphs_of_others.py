"""ONNX graphs of others: what they take is found out, and what they answer is what arrives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.adoption import graphs

import jpegmend
from jpegmend import weights
from jpegmend.adoption import Given, adopt, measured_card, tiling
from jpegmend.errors import InvalidOption, ModelError, ModelRefused, UnknownModel, WeightsDamaged
from jpegmend.runtimes import PictureFacts


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("white", [1.0, 255.0])
@pytest.mark.parametrize("half", [False, True])
def test_range_channels_and_precision_are_found(tmp_path: Path, channels: int, white: float, half: bool) -> None:
    path = graphs.write(
        tmp_path / "net.onnx", graphs.blur(2, channels, white=white), channels=channels, half=half, batch="n"
    )
    card = measured_card(path)
    assert card.foreign is not None
    assert (card.planes, card.foreign.white, card.foreign.half) == ("y" if channels == 1 else "rgb", white, half)
    assert (card.tiling, card.halo, card.multiple, card.foreign.size) == ("exact", 8, 1, None)
    assert (card.foreign.input, card.foreign.output, card.name) == ("x", "y", "net")


def test_free_channels_are_tried(tmp_path: Path) -> None:
    assert measured_card(graphs.write(tmp_path / "a.onnx", graphs.identity(), channels="c")).planes == "rgb"
    assert measured_card(graphs.write(tmp_path / "b.onnx", graphs.blur(1, 1), channels="c")).planes == "y"


def test_the_signed_range_is_found(tmp_path: Path) -> None:
    nodes, constants = graphs.blur(1)
    constants["black"] = np.array(-1, np.float32)
    # Darkened around 0, so that values of 0..1 come out wrong.
    nodes[0].output[0] = "sum"
    nodes.insert(1, graphs.helper.make_node("Identity", ["sum"], ["layer0"]))
    card = measured_card(graphs.write(tmp_path / "net.onnx", _signed(nodes, constants)))
    assert card.foreign is not None
    assert (card.foreign.black, card.foreign.white) == (-1, 1)


def _signed(nodes: list, constants: dict) -> graphs.Graph:
    """The graph on the square root of the middle of -1 and 1: right only where 0 is gray."""
    odd = [
        graphs.helper.make_node("Mul", ["layer0", "two"], ["twice"]),
        graphs.helper.make_node("Tanh", ["twice"], ["bent"]),
        graphs.helper.make_node("Clip", ["bent", "black", "white"], ["y"]),
    ]
    return [*nodes[:-1], *odd], {**constants, "two": np.array(1.2, np.float32)}


@pytest.mark.parametrize("multiple", [2, 8, 7])
def test_the_multiple_is_found(tmp_path: Path, multiple: int, photo: bytes) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.needs_multiple(multiple))
    card = measured_card(path)
    assert card.multiple == multiple
    restored = jpegmend.restore(photo, model=path)
    plain = jpegmend.restore(photo, strength=0)
    assert (restored.width, restored.height) == (120, 96)
    assert np.abs(restored.to_array(8).astype(int) - plain.to_array(8)).max() <= 1


@pytest.mark.parametrize(("radius", "layers", "halo"), [(1, 1, 8), (6, 3, 24), (20, 2, 48)])
def test_the_halo_is_measured(tmp_path: Path, radius: int, layers: int, halo: int) -> None:
    card = measured_card(graphs.write(tmp_path / "net.onnx", graphs.blur(radius, layers=layers)))
    assert (card.tiling, card.halo) == ("exact", halo)
    assert card.foreign is not None and card.foreign.difference is not None
    assert card.foreign.difference <= 2e-6


def test_tiles_of_a_measured_network_leave_no_seam(tmp_path: Path, photo: bytes) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.blur(3, layers=3))
    whole = jpegmend.restore(photo, model=path, consistent=False, keep_planes=True)
    tiled = jpegmend.restore(photo, model=_with_small_tiles(path), consistent=False, keep_planes=True)
    assert tiled.report.tiles > whole.report.tiles == 1
    assert whole.planes is not None and tiled.planes is not None
    for one, other in zip(whole.planes, tiled.planes, strict=True):
        assert np.abs(one - other).max() < 1e-5


def _with_small_tiles(path: Path) -> weights.Card:
    from dataclasses import replace

    return replace(weights.find(path), bytes_per_pixel=1e5)


def test_what_depends_on_the_whole_picture_runs_in_windows_and_says_so(
    tmp_path: Path, user_models: Path, photo: bytes
) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.brightness())
    card = adopt(path, "bright", given=Given(window=64))
    assert (card.tiling, card.window) == ("window", 64)
    assert card.foreign is not None and card.foreign.difference is not None
    assert 1e-4 < card.foreign.difference < 0.05
    restored = jpegmend.restore(photo, model="bright", consistent=False)
    assert [note for note in restored.report.warnings if "windows of 64 pixels" in note]
    one = jpegmend.restore(photo, model=adopt(path, "wide", given=Given(window=128)), consistent=False)
    assert one.report.warnings == ()


def test_a_weak_dependence_on_the_whole_picture_is_found(tmp_path: Path) -> None:
    """No part of the drawing shows it, whose parts are as dark as the whole."""
    card = measured_card(graphs.write(tmp_path / "net.onnx", graphs.threshold_of_brightness()))
    assert (card.tiling, card.window) == ("window", 512)


def test_a_fixed_size_is_padded_and_tiled(tmp_path: Path, user_models: Path, photo: bytes) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.identity(), size=(48, 60))
    for unused in (Given(multiple=8), Given(window=64)):
        with pytest.raises(InvalidOption, match="pictures of 60x48 alone; a multiple or a window has no effect"):
            adopt(path, "fixed", given=unused)
    card = adopt(path, "fixed")
    assert card.foreign is not None
    assert (card.tiling, card.window, card.foreign.size, card.foreign.difference) == ("window", 48, (48, 60), 0.0)
    restored = jpegmend.restore(photo, model="fixed")
    plain = jpegmend.restore(photo, strength=0)
    assert np.abs(restored.to_array(8).astype(int) - plain.to_array(8)).max() <= 1


def test_planes_of_another_shape_are_told_in_words(tmp_path: Path, user_models: Path) -> None:
    tables, facts = np.ones((3, 8, 8), np.float32), PictureFacts()
    adopt(graphs.write(tmp_path / "net.onnx", graphs.needs_multiple(8)), "folds")
    adopt(graphs.write(tmp_path / "net.onnx", graphs.identity(), size=(48, 60)), "fixed")
    for name, shape, words in (
        ("folds", (1, 16, 16), r"planes of shape \[1, 16, 16\]; 'folds' takes an array \[3, H, W\]: R, G and B"),
        ("folds", (3, 16, 12), "cannot take planes of 16 x 12: .* multiples of 8"),
        ("fixed", (3, 48, 64), r"planes of shape \[3, 48, 64\]; 'fixed' takes at most 48 x 60"),
    ):
        with pytest.raises(InvalidOption, match=words):
            jpegmend.load(name)(np.zeros(shape, np.float32), tables, facts)


def two_inputs(model) -> None:
    model.graph.input.append(graphs.helper.make_tensor_value_info("quality", 1, [1]))


@pytest.mark.parametrize(
    ("graph", "facts", "match"),
    [
        (graphs.node("Cast", to=1), {"channels": 4}, "1 or 3"),
        (graphs.identity(), {"batch": 4}, "1 or 3"),
        (graphs.identity(), {"size": (8, 8)}, "16x16"),
        (graphs.node("Neg"), {}, "does not give the picture back"),
        (graphs.node("Sqrt"), {"size": ("h", "w", "d")}, "height, width"),
        (graphs.node("Transpose", perm=[0, 1, 3, 2]), {}, "no output has the size"),
        (graphs.node("Log"), {}, "does not give the picture back"),
        (graphs.node("DepthToSpace", blocksize=3), {}, "fails on pictures"),
    ],
)
def test_what_is_no_restoration_is_refused(tmp_path: Path, graph, facts, match: str) -> None:
    with pytest.raises(ModelRefused, match=match):
        weights.find(graphs.write(tmp_path / "net.onnx", graph, **facts))


def test_several_inputs_and_whole_numbers_are_refused(tmp_path: Path) -> None:
    path = graphs.write(tmp_path / "two.onnx", graphs.identity())
    with pytest.raises(ModelRefused, match="takes x, quality"):
        weights.find(graphs.with_model(path, two_inputs))

    def as_bytes(model) -> None:
        model.graph.input[0].type.tensor_type.elem_type = 2
        model.graph.output[0].type.tensor_type.elem_type = 2

    with pytest.raises(ModelRefused, match=r"tensor\(uint8\)"):
        weights.find(graphs.with_model(graphs.write(tmp_path / "bytes.onnx", graphs.identity()), as_bytes))


def test_enlarging_networks_are_told_apart(tmp_path: Path) -> None:
    nodes = [graphs.helper.make_node("Resize", ["x", "", "factors"], ["y"], mode="nearest")]
    constants = {"factors": np.array([1, 1, 2, 2], np.float32)}
    path = graphs.write(tmp_path / "net.onnx", (nodes, constants))

    def as_float(model) -> None:
        model.graph.initializer[0].data_type = 1

    with pytest.raises(ModelRefused, match="enlarges by 2"):
        weights.find(graphs.with_model(path, as_float))


def test_a_range_that_is_stated_is_not_questioned(tmp_path: Path) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.node("Neg"))
    for values in ((0.0, 255.0), (-1.0, 1.0)):
        card = measured_card(path, Given(values=values))
        assert card.foreign is not None and (card.foreign.black, card.foreign.white) == values


def test_pickles_are_refused_with_the_conversion(tmp_path: Path) -> None:
    for suffix in (".pth", ".pt", ".ckpt"):
        with pytest.raises(ModelRefused, match=r"pickle.*\n.*weights_only=True"):
            weights.find(tmp_path / f"net{suffix}")


def test_names(tmp_path: Path, user_models: Path) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.identity())
    refused = {"mend-s": "is that of", "a/b": "allowed", "jpeg": "allowed"}
    for name, match in (refused | dict.fromkeys(("x.onnx", "x.ONNX", "x.pth"), "taken for a file")).items():
        with pytest.raises(InvalidOption, match=match):
            adopt(path, name)
    adopt(path, "mine")
    with pytest.raises(InvalidOption, match="taken"):
        adopt(path, "mine")
    assert adopt(path, "mine", licence="CC0", overwrite=True).licence == "CC0"
    with pytest.raises(ModelRefused, match="no file"):
        adopt(tmp_path / "none.onnx", "other")


def test_the_catalogue_has_it_and_knows_its_file(tmp_path: Path, user_models: Path) -> None:
    path = graphs.write(tmp_path / "net.onnx", graphs.identity())
    adopt(path, "mine", licence="CC-BY-NC-4.0")
    assert "mine" in weights.MODELS and "mine" not in weights.PACKAGED
    assert weights.find("mine").folder == user_models
    assert weights.find(str(path)).name == "mine", "the same bytes are the adopted network"
    path.write_bytes(path.read_bytes() + b"\x32\x00")
    assert weights.find(path).name == "net"


def test_changed_weights_are_refused(tmp_path: Path, user_models: Path, photo: bytes) -> None:
    adopt(graphs.write(tmp_path / "net.onnx", graphs.identity()), "mine")
    (user_models / "mine.onnx").write_bytes(graphs.write(tmp_path / "b.onnx", graphs.blur(1)).read_bytes())
    with pytest.raises(WeightsDamaged, match="sha256.*adopt it again"):
        jpegmend.restore(photo, model="mine")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="no file"):
        weights.find(tmp_path / "none.onnx")


def test_a_network_that_fails_while_it_is_measured_is_named(tmp_path: Path) -> None:
    """One that looks its height up in a table of 200: trials are smaller, and the measurement of memory is not."""
    nodes = [
        graphs.helper.make_node("Shape", ["x"], ["height"], start=2, end=3),
        graphs.helper.make_node("Gather", ["table", "height"], ["zero"]),
        graphs.helper.make_node("Add", ["x", "zero"], ["y"]),
    ]
    path = graphs.write(tmp_path / "net.onnx", (nodes, {"table": np.zeros(200, np.float32)}))
    with pytest.raises(ModelError, match=r"net\.onnx failed on planes of shape \(3, 320, 320\)"):
        measured_card(path)


def test_tiles_are_not_exact_where_the_answer_is_nan() -> None:
    """A network whose answer is NaN for small tiles: their difference to the whole is no small one."""

    def run(planes: np.ndarray) -> np.ndarray:
        return planes if planes.shape[1] > 300 else planes * np.float32("nan")

    assert tiling.measure_tiles(run, 1, 1).tiling == "window"


def test_answers_that_are_wrong_only_in_use_are_errors(tmp_path: Path, user_models: Path, photo: bytes) -> None:
    """A network that fails above a size: the error names it, and nothing is written."""
    nodes, constants = graphs.identity()
    path = graphs.write(tmp_path / "net.onnx", (nodes, constants))
    card = adopt(path, "mine")
    from dataclasses import replace

    lying = replace(card, planes="y")
    with pytest.raises(jpegmend.ModelError, match="mine"):
        jpegmend.restore(photo, model=lying)
