"""Hostile ONNX files: refused before ONNX Runtime sees them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from tests.adoption import graphs

from jpegmend.errors import ModelError, ModelRefused, WeightsDamaged
from jpegmend.runtimes.onnx import open_session
from jpegmend.weights import onnx_guard, protobuf


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return graphs.write(tmp_path / "good.onnx", graphs.blur(1))


def refused(path: Path, match: str) -> None:
    with pytest.raises(ModelRefused, match=match):
        onnx_guard.check(path.read_bytes(), path.name)


def test_ordinary_files_pass(good: Path) -> None:
    onnx_guard.check(good.read_bytes(), "good.onnx")
    assert open_session(good, 1).get_inputs()[0].name == "x"


def external(tensor: onnx.TensorProto) -> None:
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def in_constants(model: onnx.ModelProto) -> None:
    external(model.graph.initializer[0])


def in_an_attribute(model: onnx.ModelProto) -> None:
    value = onnx.TensorProto(dims=[4], data_type=1)
    external(value)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=value))


def in_a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "branch", [], [])
    branch.initializer.add(name="w", dims=[4], data_type=1)
    external(branch.initializer[0])
    model.graph.node.insert(0, helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))


def in_a_sparse_tensor(model: onnx.ModelProto) -> None:
    external(model.graph.sparse_initializer.add(dims=[4]).values)


def in_a_function(model: onnx.ModelProto) -> None:
    value = onnx.TensorProto(dims=[4], data_type=1)
    external(value)
    node = helper.make_node("Constant", [], ["out"], value=value)
    model.functions.append(helper.make_function("local", "F", [], ["out"], [node], [helper.make_opsetid("", 18)]))


def in_training(model: onnx.ModelProto) -> None:
    external(model.training_info.add().initialization.initializer.add(dims=[4], data_type=1))


@pytest.mark.parametrize(
    "place", [in_constants, in_an_attribute, in_a_branch, in_a_sparse_tensor, in_a_function, in_training]
)
def test_tensors_in_other_files_are_refused_wherever_they_stand(good: Path, place) -> None:
    refused(graphs.with_model(good, place), "another file")


def test_a_location_without_its_flag_is_refused_too(good: Path) -> None:
    refused(
        graphs.with_model(good, lambda model: model.graph.initializer[0].external_data.add(key="location", value="x")),
        "another file",
    )


def test_operators_that_onnx_does_not_define_are_refused(good: Path) -> None:
    def custom(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "com.evil"

    refused(graphs.with_model(good, custom), "operator 'Conv' of 'com.evil'")


def test_functions_of_the_file_itself_are_operators(good: Path) -> None:
    def local(model: onnx.ModelProto) -> None:
        inner = helper.make_node("Relu", ["a"], ["b"])
        model.functions.append(
            helper.make_function("local", "Mine", ["a"], ["b"], [inner], [helper.make_opsetid("", 18)])
        )
        model.opset_import.append(helper.make_opsetid("local", 1))
        model.graph.node[0].CopyFrom(helper.make_node("Mine", ["x"], ["layer0"], domain="local"))

    path = graphs.with_model(good, local)
    onnx_guard.check(path.read_bytes(), path.name)
    assert open_session(path, 1) is not None


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ({f"f{i}": [f"f{i + 1}"] * 2 for i in range(20)}, "become more than 50000 operators"),
        ({f"f{i}": [f"f{i + 1}"] for i in range(100)}, "more than 32 deep"),
        ({"f0": ["f0"]}, "more than 32 deep"),
    ],
    ids=["twice each", "a long chain", "itself"],
)
def test_functions_that_become_too_much_are_refused(good: Path, calls: dict[str, list[str]], message: str) -> None:
    def nested(model: onnx.ModelProto) -> None:
        imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
        last = {name for called in calls.values() for name in called} - calls.keys()
        for name, called in {**calls, **dict.fromkeys(last, [])}.items():
            steps = [(other, "local") for other in called] or [("Relu", "")]
            places = ["a", *(f"t{i}" for i in range(len(steps) - 1)), "b"]
            nodes = [
                helper.make_node(step, [places[i]], [places[i + 1]], domain=domain)
                for i, (step, domain) in enumerate(steps)
            ]
            model.functions.append(helper.make_function("local", name, ["a"], ["b"], nodes, imports))
        model.opset_import.append(imports[1])
        model.graph.node[0].CopyFrom(helper.make_node("f0", ["x"], ["layer0"], domain="local"))

    refused(graphs.with_model(good, nested), message)


@pytest.mark.parametrize("operator", ["Loop", "Scan"])
def test_loops_are_refused(good: Path, operator: str) -> None:
    def loop(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type = operator

    refused(graphs.with_model(good, loop), "may never end")


def test_graphs_inside_graphs_end(good: Path) -> None:
    def nest(model: onnx.ModelProto) -> None:
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "inner", [], [])
        for _ in range(18):
            graph = helper.make_graph(
                [helper.make_node("If", ["c"], ["z"], then_branch=graph, else_branch=graph)][:1], "g", [], []
            )
            # Only one branch, or the file would have 2 ** 18 nodes.
            del graph.node[0].attribute[1:]
        model.graph.node.extend(graph.node)

    refused(graphs.with_model(good, nest), "graphs inside graphs")


def test_giants_are_refused_by_their_size(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpegmend.weights.foreign.MAX_BYTES", good.stat().st_size - 1)
    with pytest.raises(ModelRefused, match="GB"):
        open_session(good, 1)


def test_many_parts_are_refused(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_guard, "_MAX_FIELDS", 10)
    refused(good, "more than 10 parts")


def test_keys_of_which_protobuf_drops_bits_are_refused(good: Path) -> None:
    def field(number: int, content: bytes, beyond: int = 0) -> bytes:
        key = number << 3 | 2 | beyond << 32
        written = bytes(key >> 7 * place & 127 | 128 for place in range(4)) + bytes([key >> 28])
        return written + bytes([len(content)]) + content

    node = onnx.NodeProto(input=["x"], output=["z"]).SerializeToString()
    for beyond, error in ((0, ModelRefused), (1, WeightsDamaged)):  # ONNX Runtime runs a Loop in both
        loop = field(7, field(1, node + field(4, b"Loop", beyond)))
        with pytest.raises(error, match="Loop|32 bits"):
            onnx_guard.check(good.read_bytes() + loop, good.name)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip file", b"\x08\x09", b"\xff" * 64, b"<html></html>"])
def test_other_files_are_no_networks(data: bytes) -> None:
    with pytest.raises(WeightsDamaged, match="no network"):
        onnx_guard.check(data, "some.onnx")


def test_every_cut_is_damaged_or_has_nothing_after_it(good: Path) -> None:
    data = good.read_bytes()
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(ModelError):
            onnx_guard.check(data[:length], "cut.onnx")


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_error_of_the_family(data: bytes) -> None:
    with pytest.raises(ModelError):
        onnx_guard.check(data, "any.onnx")


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_numbers_are_read_as_protobuf_writes_them(value: int, more: bytes) -> None:
    message = onnx.ModelProto(ir_version=value - 2**64 if value >= 2**63 else value)
    data = message.SerializeToString()
    if not value:
        return
    (field,) = protobuf.fields(data, 0, len(data))
    assert (field.number, field.value) == (1, value)
    assert protobuf.varint(data[1:] + more, 0, len(data) + len(more) - 1) == (value, len(data) - 1)


@given(st.lists(st.binary(max_size=40), max_size=5), st.lists(st.floats(width=32), max_size=5))
def test_fields_are_those_that_protobuf_wrote(texts: list[bytes], floats: list[float]) -> None:
    message = onnx.AttributeProto(strings=texts, floats=floats, f=1.5)
    data = message.SerializeToString()
    found = list(protobuf.fields(data, 0, len(data)))
    assert [data[field.start : field.stop] for field in found if field.number == 9] == texts
    assert {field.number for field in found} <= {2, 7, 9}
