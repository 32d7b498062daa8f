"""Summary of an ONNX file, for its inspection: plain values.

Its graph is built as a conversion does, so that the summary says what stands in the way.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import PipelineError
from pipeline.records.contract import InputContract
from pipeline.records.source import Labels
from pipeline.text.printable import printable
from pipeline.text.quantity import format_bytes
from pipeline.text.suggest import list_first
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.convert_onnx import find_class_names
from pipeline.tf.onnx.input_advice import find_deciding, wants_channels_last
from pipeline.tf.onnx.onnx_graph import SIGNATURE_KEY, End, Graph, GraphModel, Node
from pipeline.tf.onnx.onnx_metadata import find_contracts, find_labels
from pipeline.tf.onnx.onnx_model import OnnxModel, read_onnx
from pipeline.tf.onnx.operators import check_operators
from pipeline.tf.onnx.trace import trace_graph

_FLOATING = ("float", "bfloat")
_ROUNDED = ("int8", "uint8", "int4", "uint4")
_NUM_LABELS = 5
_MAX_VALUE = 200
# Its operators have what they learned in attributes.
_LEARNED = "ai.onnx.ml"
_UNREAD = {"nodes_hitrates"}
# The place of the weights among the inputs, of operators that multiply.
_WEIGHTS = {
    "Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "FusedMatMul": 1, "Gemm": 1, "MatMul": 1,
    "MatMulInteger": 1, "QLinearConv": 3, "QLinearMatMul": 3,
}  # fmt: skip
# The work of these is not counted.
_UNCOUNTED = {
    "Attention", "DeformConv", "DynamicQuantizeLSTM", "Einsum", "GRU", "LSTM", "MatMulNBits",
    "MultiHeadAttention", "RNN",
}  # fmt: skip


def summarize_onnx(*, source: Path) -> dict[str, Any]:
    """Return what a file holds: inputs and outputs, operators, constants, remarks.

    Raises:
        FormatError: It is damaged; the message names the place.
        ConversionError: It is for versions of operators that are not known.
    """
    model = read_onnx(source)
    graphs = list(_walk_graphs(model.graph))
    return {
        "producer": model.producer,
        "opsets": {domain or "ai.onnx": version for domain, version in model.opsets.items()},
        "metadata": shorten_texts(model.metadata),
        "signatures": {SIGNATURE_KEY: describe_signature(model, find_contracts(model))},
        "operators": dict(Counter(_label(node) for node in model.graph.walk())),
        "subgraphs": len(graphs),
        **describe_constants(pair for graph in graphs for pair in _list_constants(graph)),
        "remarks": list(_find_remarks(model)),
    }


def shorten_texts(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as people can read them."""
    return {
        printable(key, limit=_MAX_VALUE): printable(value, limit=_MAX_VALUE)
        for key, value in metadata.items()
    }


def describe_constants(constants: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the description of each constant, and how many parameters they are.

    Args:
        constants: Name and value of each.
    """
    described = [_describe_constant(name, array) for name, array in constants]
    return {
        "constants": described,
        "parameters": sum(
            math.prod(each["shape"])
            for each in described
            if each["quantized"] or each["dtype"].startswith(_FLOATING)
        ),
    }


def _walk_graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for node in graph.nodes:
        for body in node.graphs:
            yield from _walk_graphs(body)


def _list_constants(graph: Graph) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each constant of a graph, whichever way it is written."""
    yield from graph.constants.items()
    for node in graph.nodes:
        value = node.attributes.get("value")
        if node.op == "Constant" and hasattr(value, "dtype"):
            yield node.outputs[0], value
        if node.domain == _LEARNED:
            for key, numbers in node.attributes.items():
                if key not in _UNREAD and _are_floats(numbers):
                    yield f"{node.outputs[0]}.{key}", np.asarray(numbers, np.float32)


def _are_floats(numbers: Any) -> bool:
    return isinstance(numbers, list | tuple) and any(isinstance(each, float) for each in numbers)


def _describe_constant(name: str, array: Any) -> dict[str, Any]:
    dtype = "string" if array.dtype == object else array.dtype.name
    return {
        "name": name,
        "shape": list(array.shape),
        "dtype": dtype,
        "quantized": dtype in _ROUNDED and array.size > 1,
        "bytes": math.ceil(array.size / 2) if dtype.endswith("int4") else int(array.nbytes),
    }


def _label(node: Node) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op


def describe_signature(
    model: GraphModel, contracts: Mapping[str, InputContract] | None
) -> dict[str, Any]:
    """Return the inputs and outputs of a file, its work, and what it states of inputs."""
    products = list(_count_products(model.graph))
    total: Counter[str] = Counter()
    for op, number in products:
        total[op] += number or 0
    return {
        "inputs": [_describe_end(end) for end in model.graph.inputs],
        "outputs": [_describe_end(end) for end in model.graph.outputs],
        "multiply_adds": {op: number for op, number in total.items() if number},
        "counted": sum(number is not None for _, number in products),
        "unknown": [op for op, number in products if number is None],
        "operators": len(model.graph.nodes),
        "contracts": {name: contract.to_json() for name, contract in (contracts or {}).items()},
    }


def _describe_end(end: End) -> dict[str, Any]:
    sizes = end.sizes
    return {
        "name": end.name,
        "tensor": None,
        "dtype": "string" if end.dtype == "str" else end.dtype,
        "shape": None if sizes is None else [s if isinstance(s, int) else -1 for s in sizes],
        "size_names": [s if isinstance(s, str) else None for s in sizes or ()],
    }


def _count_products(graph: Graph) -> Iterator[tuple[str, int | None]]:
    """Yield the multiply-adds of each operator that has any; None where sizes are open."""
    for node in graph.walk():
        if node.op in _UNCOUNTED:
            yield node.op, None
        elif node.op in _WEIGHTS and len(node.inputs) > _WEIGHTS[node.op]:
            yield node.op, _count_of(node, graph)


def _count_of(node: Node, graph: Graph) -> int | None:
    weights = _sizes_of(node.inputs[_WEIGHTS[node.op]], graph)
    first, made = _sizes_of(node.inputs[0], graph), _sizes_of(node.outputs[0], graph)
    if not weights or not first or not made:
        return None
    if node.op == "ConvTranspose":
        return _multiply([*_batch_is_one(first), *weights[1:]])
    if "Conv" in node.op:
        return _multiply([*_batch_is_one(made), *weights[1:]])
    is_turned = node.attributes.get("transA")
    return _multiply([*_batch_is_one(made), first[-2 if is_turned and len(first) > 1 else -1]])


def _sizes_of(name: str, graph: Graph) -> Sequence[int | str | None] | None:
    if name in graph.constants:
        return tuple(graph.constants[name].shape)
    return graph.sizes.get(name)


def _batch_is_one(sizes: Sequence[int | str | None]) -> list[int | str | None]:
    """Return sizes with 1 for an open batch."""
    return [sizes[0] if isinstance(sizes[0], int) else 1, *sizes[1:]]


def _multiply(sizes: Sequence[int | str | None]) -> int | None:
    known = [size for size in sizes if isinstance(size, int)]
    return math.prod(known) if len(known) == len(sizes) else None


def _find_remarks(model: OnnxModel) -> Iterator[str]:
    """Yield sentences on the file, and on what a conversion would make of it."""
    builder = GraphBuilder(model=model)
    yield from find_graph_remarks(builder)
    if model.functions:
        listed = list_first(model.functions, _NUM_LABELS)
        yield f"functions of its own, which are written out: {listed}"
    if model.files:
        sizes = [f"{name} ({format_bytes(size)})" for name, size in model.files.items()]
        yield f"data beside it: {list_first(sizes, _NUM_LABELS)}"
    labels, remarks = find_labels(model)
    yield from remarks
    yield from list_labels({**(labels or {}), **find_class_names(builder)})


def list_labels(labels: Mapping[str, Labels]) -> Iterator[str]:
    """Yield the first labels of each output."""
    for name, found in labels.items():
        yield f"labels of {name}: {list_first(found.names, _NUM_LABELS)}"


def find_graph_remarks(builder: GraphBuilder) -> Iterator[str]:
    """Yield sentences on the graph of a file, which is built for them."""
    model = builder.model
    yield from _find_faults(builder)
    yield from builder.state.notes
    for end in model.graph.inputs:
        if wants_channels_last(model.graph, end):
            yield (
                f"input {end.name} is a picture with its channels in front; with "
                f"{_entry(end.name, 'layout: nhwc')} it has them last, as in TensorFlow.js"
            )
    for name, (count, numbers) in find_deciding(model.graph).items():
        value = f"{numbers[0]:g}" if numbers else "…"
        yield (
            f"input {name} decides {count} If: with {_entry(name, f'constant: {value}')} the graph "
            "has only the branch that is taken"
        )
    yield from _describe_quantization(model.graph)


def _find_faults(builder: GraphBuilder) -> Iterator[str]:
    """Build the graph; yield why the file cannot be converted as it stands."""
    try:
        check_operators(builder.model)
        trace_graph(builder)
    except PipelineError as error:
        yield f"it cannot be converted as it stands: {error.message}"


def _entry(name: str, stated: str) -> str:
    """Return a line of models.yaml: "`inputs: {sr: {constant: 16000}}`"."""
    key = name if name.isidentifier() else json.dumps(name)
    return f"`inputs: {{{key}: {{{stated}}}}}`"


def _describe_quantization(graph: Graph) -> Iterator[str]:
    counts = Counter(node.op for node in graph.walk() if _is_quantized(node))
    if counts:
        listed = ", ".join(f"{number:,} {op}" for op, number in sorted(counts.items()))
        yield f"computes with numbers of 8 bits or fewer: {listed}"


def _is_quantized(node: Node) -> bool:
    return node.op.startswith(("QLinear", "DynamicQuantize", "MatMulNBits")) or node.op in {
        "ConvInteger", "DequantizeLinear", "MatMulInteger", "QuantizeLinear",
    }  # fmt: skip
