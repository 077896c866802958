"""Check of an ONNX file before ONNX Runtime opens it: no external data, no custom operators, no loops, no giants.

ONNX Runtime has no option for this, and the package ``onnx`` is not in the plain install, so the messages that matter
are read here, by the field numbers of onnx.proto. Large fields (the tensors) are skipped without being copied.
"""

from __future__ import annotations

from collections import Counter

from jpegmend.errors import ModelRefused, WeightsDamaged
from jpegmend.weights.foreign import check_size
from jpegmend.weights.protobuf import fields

_MAX_FIELDS = 3_000_000
"""Fields that are looked at; a graph of ten thousand nodes has a tenth of this."""
_MAX_DEPTH = 16
"""Graphs inside graphs (the branches of If)."""
_MAX_OPERATORS = 50_000
"""Operators after every call of a function of the file is replaced by its nodes, as ONNX Runtime does."""
_MAX_CALLS = 32
"""Functions inside functions."""
STANDARD_DOMAINS = ("", "ai.onnx")
_LOOPS = ("Loop", "Scan")

# Field numbers of onnx.proto that hold messages in which an operator or a tensor can be.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "tensor": {},
}


def check(data: memoryview | bytes, name: str) -> None:
    """Refuse what must not reach ONNX Runtime; ``name`` is that of the file, for the message.

    Raises:
        ModelRefused: larger than ``foreign.MAX_BYTES``, a tensor in another file, an operator that ONNX does not
            define, a loop, or too many parts, also those that functions of the file become.
        WeightsDamaged: no protobuf, or no graph in it.
    """
    check_size(len(data), name)
    try:
        walk = _Walk(memoryview(data), name)
        walk.visit("model", 0, len(data), 0)
    except ValueError as error:
        raise WeightsDamaged(f"{name} is no network that ONNX Runtime can open: {error}; fetch it again") from error
    walk.check_operators()
    walk.check_functions()


class _Walk:
    """A walk through all graphs, nodes and tensors of a model."""

    def __init__(self, data: memoryview, name: str) -> None:
        self._data = data
        self._name = name
        self._count = 0
        self._graphs = 0
        self._operators: set[tuple[str, str]] = set()
        self._functions: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
        """Functions that the file defines, and how often each uses an operator."""
        self._used: Counter[tuple[str, str]] = Counter()
        """Operators of the function, or of the graph, that is walked through."""

    def visit(self, kind: str, start: int, stop: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ModelRefused(f"{self._name}: graphs inside graphs, more than {_MAX_DEPTH} deep")
        inside, texts = _INSIDE[kind], {}
        outside, self._used = self._used, Counter() if kind == "function" else self._used
        for field in fields(self._data, start, stop):
            self._count += 1
            if self._count > _MAX_FIELDS:
                raise ModelRefused(f"{self._name} has more than {_MAX_FIELDS} parts; no network needs as many")
            if kind == "tensor" and (field.number == 13 or (field.number == 14 and field.value)):
                raise ModelRefused(
                    f"{self._name} keeps tensors in another file, which could be any file of this machine; give a "
                    "model in one file: onnx.save(onnx.load('model.onnx'), 'one.onnx')"
                )
            child = inside.get(field.number)
            if child and field.stop:
                self._graphs += kind == "model" and child == "graph"
                self.visit(child, field.start, field.stop, depth + (child == "graph"))
            elif kind in ("node", "function") and field.stop:
                texts[field.number] = bytes(self._data[field.start : min(field.stop, field.start + 256)])
        self._note(kind, texts)
        self._used = outside

    def _note(self, kind: str, texts: dict[int, bytes]) -> None:
        """Operators of nodes (name 4, domain 7), and functions that the file defines (name 1, domain 10)."""
        if kind == "node":
            operator = _text(texts.get(7)), _text(texts.get(4))
            self._operators.add(operator)
            self._used[operator] += 1
        elif kind == "function":
            # Functions of one name that differ in their types count as one that holds the nodes of all.
            self._functions.setdefault((_text(texts.get(10)), _text(texts.get(1))), Counter()).update(self._used)

    def check_operators(self) -> None:
        """Refuse operators that neither ONNX nor the file itself defines, and loops."""
        if not self._graphs or not self._operators:
            raise WeightsDamaged(
                f"{self._name} is no network that ONNX Runtime can open: there is no graph in it; fetch it again"
            )
        foreign = sorted(
            (domain, operator)
            for domain, operator in self._operators - self._functions.keys()
            if domain not in STANDARD_DOMAINS
        )
        if foreign:
            domain, operator = foreign[0]
            raise ModelRefused(
                f"{self._name} uses the operator {operator!r} of {domain!r}; only operators of the ONNX standard are "
                "run: export the network again, without optimisation for one runtime"
            )
        if loops := sorted(operator for _, operator in self._operators if operator in _LOOPS):
            raise ModelRefused(f"{self._name} has a {loops[0]}, which may never end; export the network by tracing")

    def check_functions(self) -> None:
        """Refuse functions that call themselves, or that become too many operators: a few hundred bytes can be 2^n."""
        sizes: dict[tuple[str, str], int] = {}

        def size(operator: tuple[str, str], depth: int) -> int:
            if operator not in self._functions:
                return 1
            if depth > _MAX_CALLS:
                raise ModelRefused(f"{self._name}: functions inside functions, more than {_MAX_CALLS} deep")
            if operator not in sizes:
                sizes[operator] = sum(n * size(used, depth + 1) for used, n in self._functions[operator].items())
            return sizes[operator]

        if sum(n * size(used, 1) for used, n in self._used.items()) > _MAX_OPERATORS:
            raise ModelRefused(
                f"{self._name}: its functions become more than {_MAX_OPERATORS} operators; export the network without "
                "functions"
            )


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
