"""Summary of a TensorFlow Lite file, for its inspection: plain values, no graph is built."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import ConversionError
from pipeline.records.shape import format_sizes
from pipeline.text.suggest import list_first
from pipeline.tf.tflite.build_graph import check_operators
from pipeline.tf.tflite.read_tflite import parse_tflite
from pipeline.tf.tflite.rewrite_file import find_hybrid_weights
from pipeline.tf.tflite.tflite_metadata import find_contracts, find_labels, read_metadata
from pipeline.tf.tflite.tflite_model import Operator, SubGraph, Tensor, TfliteModel
from pipeline.tf.tflite.tflite_signature import Ends, list_ends

_FLOATING = ("float16", "float32", "float64", "bfloat16")
_NUM_LABELS = 5
_ROUNDED = ("int4", "int8", "uint8", "int16")


def summarize_tflite(*, source: Path) -> dict[str, Any]:
    """Return what a file holds: signatures, operators, constants, remarks.

    Raises:
        FormatError: It is damaged; the message names the place.
    """
    model = parse_tflite(source.read_bytes(), source.name)
    constants = [
        (graph, tensor) for graph in model.subgraphs for tensor in graph.tensors
        if tensor.data is not None
    ]  # fmt: skip
    return {
        "producer": model.description,
        "signatures": {ends.key: _describe(ends, model) for ends in list_ends(model)},
        "operators": dict(Counter(_label(each) for each in model.operators)),
        "subgraphs": len(model.subgraphs),
        "constants": [
            {
                "name": tensor.name,
                "shape": [size or 0 for size in tensor.shape or ()],
                "dtype": tensor.dtype,
                "quantized": tensor.quantization is not None and tensor.dtype in _ROUNDED,
                "bytes": int(tensor.data.size) if tensor.data is not None else 0,
            }
            for _, tensor in constants
        ],
        "parameters": sum(
            math.prod(size or 0 for size in tensor.shape or ()) for _, tensor in constants
            if tensor.dtype in _FLOATING or (tensor.quantization and tensor.dtype in _ROUNDED)
        ),
        "remarks": list(_find_remarks(model)),
    }  # fmt: skip


def _label(operator: Operator) -> str:
    """Return an operator with its version: "CONV_2D version 3"."""
    return operator.name if operator.is_custom else f"{operator.name} version {operator.version}"


def _describe(ends: Ends, model: TfliteModel) -> dict[str, Any]:
    graph = model.subgraphs[ends.subgraph]
    products = list(_count_products(graph))
    return {
        "inputs": [_describe_end(name, each) for name, each in ends.all_inputs(graph).items()],
        "outputs": [_describe_end(name, each) for name, each in ends.all_outputs(graph).items()],
        "multiply_adds": dict(
            sum((Counter({name: number}) for name, number in products if number), Counter())
        ),
        "counted": sum(number is not None for _, number in products),
        "unknown": [name for name, number in products if number is None],
        "operators": len(graph.operators),
        "contracts": {
            name: contract.to_json()
            for name, contract in (find_contracts(ends, read_metadata(model)) or {}).items()
        },
    }


def _describe_end(name: str, tensor: Tensor) -> dict[str, Any]:
    return {
        "name": name,
        "tensor": tensor.name or None,
        "dtype": tensor.dtype,
        "shape": format_sizes(tensor.shape),
    }


def _count_products(graph: SubGraph) -> Iterator[tuple[str, int | None]]:
    """Yield the multiply-adds of each operator that has any; None where sizes are open."""
    for operator in graph.operators:
        if operator.name in _MATRICES:
            yield operator.name, _multiply_in_steps(graph, operator)
            continue
        weights = 0 if operator.name == "BATCH_MATMUL" else 1
        if operator.name not in _KERNEL_AXES or len(operator.inputs) <= weights:
            continue
        kernel = graph.tensors[operator.inputs[weights]].shape
        # A deconvolution multiplies each number of its input.
        places = operator.inputs[2:3] if operator.name == "TRANSPOSE_CONV" else operator.outputs
        sizes = graph.tensors[places[0]].shape if places else None
        axes = _KERNEL_AXES[operator.name]
        if not kernel or sizes is None or len(kernel) < len(axes):
            yield operator.name, None
            continue
        # An open size counts as 1, which is the batch.
        yield (
            operator.name,
            math.prod(size or 1 for size in sizes) * math.prod(kernel[axis] or 1 for axis in axes),
        )


def _multiply_in_steps(graph: SubGraph, operator: Operator) -> int | None:
    """Return the multiply-adds of a layer with steps: in each it multiplies with its matrices."""
    numbers = dict(enumerate(operator.inputs))
    is_basic = operator.name == "LSTM" and len(numbers) == _BASIC_INPUTS
    wanted = (2,) if is_basic else _MATRICES[operator.name]
    places = [numbers.get(place, -1) for place in (0, *wanted)]
    given, *matrices = (graph.tensors[place].shape for place in places if place >= 0)
    if not given or not all(matrices):
        return None
    sums = sum(math.prod(size or 1 for size in shape or ()) for shape in matrices)
    return sums * math.prod(size or 1 for size in given[:-1])


# The older LSTM has its gates in one matrix: input, output before, matrix, bias, cells before.
_BASIC_INPUTS = 5
# The inputs of a layer with steps that are its matrices: weights, recurrent weights, projection.
_LSTM = (*range(1, 9), 16)
_MATRICES = {
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*_LSTM, *range(18, 26), 33),
    "RNN": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6),
    "SVDF": (1, 2),
}
_KERNEL_AXES = {
    "CONV_2D": (1, 2, 3),
    "CONV_3D": (0, 1, 2, 3),
    "DEPTHWISE_CONV_2D": (1, 2),
    "TRANSPOSE_CONV": (0, 1, 2),
    "FULLY_CONNECTED": (1,),
    "BATCH_MATMUL": (-1,),
}


def _find_remarks(model: TfliteModel) -> Iterator[str]:
    """Yield sentences on what a conversion would make of the file."""
    try:
        check_operators(model)
    except ConversionError as error:
        yield error.message
    kinds = {
        tensor.dtype for graph in model.subgraphs for tensor in graph.tensors
        if tensor.quantization is not None and tensor.data is None and tensor.dtype in _ROUNDED
    }  # fmt: skip
    if kinds:
        yield (
            f"computes with whole numbers ({', '.join(sorted(kinds))}): the graph model computes "
            "the same numbers, held in float32; with `dequantize: true` it computes with real "
            "values, and rounds none"
        )
    if find_hybrid_weights(model):
        yield "weights of 8 bits under activations of float32: the graph model rounds no activation"
    for ends in list_ends(model):
        for name in ends.state:
            yield f"keeps {name} from run to run: it becomes an input and an output"
    metadata = read_metadata(model)
    if metadata is not None:
        about = metadata.about.to_json()
        yield f"metadata of its author: {'; '.join(f'{name}: {about[name]}' for name in about)}"
    for ends in list_ends(model):
        labels, remarks = find_labels(model, ends, metadata)
        yield from remarks
        for name, found in (labels or {}).items():
            yield f"labels of {name}: {list_first(found.names, _NUM_LABELS)}"
