"""Random ONNX graphs, built by the importer and run beside ONNX Runtime.

Each graph is a convolution, whose result the importer holds with its channels last, and operators
that move, choose, reduce and broadcast it in any order of axes. Every other graph has inputs of
open sizes. All values of a graph are compared. A graph that differs is written to --folder.

    python benchmarks/onnx/random_graphs.py [--count 400] [--seed 0] [--folder FOLDER]

With ONNX Runtime 1.32 and TensorFlow 2.19, 600 graphs of seed 0:

       300 open sizes: right
         3 known sizes: refused, a pool whose window is larger than the padded image
       297 known sizes: right

in about 100 seconds. The first 500 graphs met 53 wrong ones: indices below zero in another order of
axes, an open size of 1 that expands, slices backwards from before the first, and quotients of
sizes below zero.
"""

import argparse
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# As the workers of the pipeline: its fused ops are none of TensorFlow.js.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import onnx
import onnxruntime as ort
import tensorflow as tf
from onnx import helper, numpy_helper

from pipeline.errors import PipelineError
from pipeline.tf.layout.value import held_dtype
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.onnx_model import make_model
from pipeline.tf.onnx.trace import trace_graph

_OPSET = 21
_MAX_SIZE = 6000
_MAX_RANK = 6
_CLOSE = 1e-3
_CLOSE = 1e-3


class Drawing:
    """A graph that grows by random operators.

    Attributes:
        stream: Where random numbers come from.
        values: The arrays of its values by name, as ONNX Runtime computes them.
        nodes: Its operators.
        constants: Its constants by name.
        inputs: Names of its inputs with their shapes, open sizes as names.
    """

    def __init__(self, stream: random.Random) -> None:
        self.stream = stream
        self.numbers = np.random.default_rng(stream.randrange(2**32))
        self.values: dict[str, Any] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Any] = {}
        self.inputs: dict[str, tuple[int | str, ...]] = {}
        self._names = (f"v{number}" for number in itertools.count())

    def draw(self, *shape: int) -> Any:
        """Return random numbers of float32."""
        return self.numbers.normal(size=shape).astype(np.float32)

    def constant(self, array: Any) -> str:
        """Add a constant and return its name."""
        name = next(self._names)
        self.constants[name] = np.asarray(array)
        return name

    def whole(self, *numbers: int) -> str:
        """Add a constant of int64 (number of them,) and return its name."""
        return self.constant(np.array(numbers, np.int64))

    def array(self, name: str) -> Any:
        """Return the array of a value or constant."""
        return self.values[name] if name in self.values else self.constants[name]

    def add(
        self,
        op: str,
        *inputs: str,
        outputs: int = 1,
        captured: Sequence[str] = (),
        **attributes: Any,
    ) -> list[str]:
        """Add an operator, whose graphs read captured values; return the names of its outputs."""
        names = [next(self._names) for _ in range(outputs)]
        node = helper.make_node(op, list(inputs), names, **attributes)
        fed = {name: self.array(name) for name in (*inputs, *captured) if name}
        made = run_runtime(make([node], fed, {}, names), fed)
        if any(each.size > _MAX_SIZE or each.ndim > _MAX_RANK for each in made):
            raise ValueError("too large")
        self.nodes.append(node)
        self.values |= dict(zip(names, made, strict=True))
        return names

    def pick(self, *, rank: int = 0, kind: str = "f") -> str:
        """Return the name of a value, the newer the likelier.

        Raises:
            ValueError: There is none of the kind with so many axes.
        """
        fit = [
            name
            for name, array in self.values.items()
            if array.ndim >= rank and array.dtype.kind in kind and array.size and name != "x"
        ]
        if not fit:
            raise ValueError("none fits")
        return fit[-1 - min(int(self.stream.expovariate(0.5)), len(fit) - 1)]

    def axis(self, array: Any) -> int:
        """Return one of the axes of an array, from the front or the end."""
        return self.stream.randrange(-array.ndim, array.ndim)

    def model(self) -> onnx.ModelProto:
        """Return the model, all values of which are outputs."""
        given = {name: self.values[name] for name in self.inputs}
        outputs = [name for name in self.values if name not in self.inputs]
        return make(self.nodes, given, self.constants, outputs, self.inputs)


def make(
    nodes: Sequence[onnx.NodeProto],
    given: dict[str, Any],
    constants: dict[str, Any],
    outputs: Sequence[str],
    shapes: dict[str, tuple[int | str, ...]] | None = None,
) -> onnx.ModelProto:
    """Return a model of operators."""
    ends = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(array.dtype),
            (shapes or {}).get(name, array.shape),
        )
        for name, array in given.items()
    ]
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(list(nodes), "graph", ends, results, arrays)
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run_runtime(model: onnx.ModelProto, fed: dict[str, Any]) -> list[Any]:
    """Return the outputs of a model in ONNX Runtime, without optimizations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, fed))


def run_importer(model: onnx.ModelProto, fed: dict[str, Any]) -> list[Any]:
    """Return the outputs of a model in the graph that the importer makes of it."""
    read = make_model(model, "model")
    function = trace_graph(GraphBuilder(model=read))
    tensors = [
        tf.constant(fed[end.name].astype(held_dtype(end.dtype or "").as_numpy_dtype))
        for end in read.graph.inputs
    ]
    return [made.numpy() for made in function(*tensors)]


Step = Callable[[Drawing], Any]


def _unary(graph: Drawing) -> None:
    op = graph.stream.choice(["Relu", "Neg", "Abs", "Sigmoid", "Tanh", "Identity"])
    graph.add(op, graph.pick())


def _broadcast_shape(graph: Drawing, shape: Sequence[int]) -> list[int]:
    kept = [size if graph.stream.random() < 0.5 else 1 for size in shape]  # noqa: PLR2004  # half
    return kept[graph.stream.randrange(len(kept) + 1) :]


def _binary_constant(graph: Drawing) -> None:
    name = graph.pick()
    shape = _broadcast_shape(graph, graph.array(name).shape)
    pair = [name, graph.constant(graph.draw(*shape))]
    graph.stream.shuffle(pair)
    graph.add(graph.stream.choice(["Add", "Mul", "Sub", "Max"]), *pair)


def _binary(graph: Drawing) -> None:
    first, second = graph.pick(), graph.pick()
    graph.add(graph.stream.choice(["Add", "Mul", "Sub", "Min"]), first, second)


def _whole_numbers(graph: Drawing) -> None:
    name = graph.pick()
    to = graph.stream.choice([2, 3, 6, 7])
    scale = graph.constant(np.float32(60))
    [scaled] = graph.add("Mul", name, scale)
    if to == 2:  # noqa: PLR2004  # uint8
        [scaled] = graph.add("Abs", scaled)
    [limited] = graph.add(
        "Clip", scaled, graph.constant(np.float32(-120)), graph.constant(np.float32(120))
    )
    apart = graph.array(limited) % 1
    if np.any(np.minimum(apart, 1 - apart)[apart != 0] < _CLOSE):
        raise ValueError("rounding decides")
    graph.add("Cast", limited, to=to)


def _whole_arithmetic(graph: Drawing) -> None:
    name = graph.pick(kind="iu")
    array = graph.array(name)
    shape = _broadcast_shape(graph, array.shape)
    numbers = graph.numbers.integers(1, 9, shape)
    if array.dtype.kind == "i":
        numbers = numbers * graph.numbers.choice([-1, 1], shape)
    other = graph.constant(numbers.astype(array.dtype))
    graph.add(graph.stream.choice(["Add", "Mul", "Sub", "Div", "Mod", "Max"]), name, other)


def _whole_unary(graph: Drawing) -> None:
    name = graph.pick(kind="i")
    graph.add(graph.stream.choice(["Neg", "Abs", "Sign"]), name)


def _transpose(graph: Drawing) -> None:
    name = graph.pick(rank=2, kind="fi")
    axes = list(range(graph.array(name).ndim))
    graph.stream.shuffle(axes)
    graph.add("Transpose", name, perm=axes)


def _reshape(graph: Drawing) -> None:
    name = graph.pick(rank=1, kind="fi")
    shape = list(graph.array(name).shape)
    place = graph.stream.randrange(len(shape))
    if graph.stream.random() < 0.5 and place + 1 < len(shape):  # noqa: PLR2004  # half
        shape[place : place + 2] = [shape[place] * shape[place + 1]]
    else:
        divisors = [n for n in range(1, shape[place] + 1) if shape[place] % n == 0]
        part = graph.stream.choice(divisors)
        shape[place : place + 1] = [part, shape[place] // part]
    own = graph.array(name).shape
    for axis in range(min(place, len(own))):
        shape[axis] = 0 if graph.stream.random() < 0.5 else shape[axis]  # noqa: PLR2004  # half
    if graph.stream.random() < 0.6:  # noqa: PLR2004  # most of them
        shape[graph.stream.randrange(len(shape))] = -1
    graph.add("Reshape", name, graph.whole(*shape))


def _reshape_by_sizes(graph: Drawing) -> None:
    """Reshape to sizes that are taken out of the shape, as PyTorch's exporter writes it."""
    name = graph.pick(rank=2)
    rank = graph.array(name).ndim
    [shape] = graph.add("Shape", name)
    kept = graph.stream.randrange(rank)
    [size] = graph.add("Gather", shape, graph.constant(np.int64(kept)))
    [size] = graph.add("Unsqueeze", size, graph.whole(0))
    pair = [size, graph.whole(-1)]
    graph.stream.shuffle(pair)
    [wanted] = graph.add("Concat", *pair, axis=0)
    graph.add("Reshape", name, wanted)


def _sizes(graph: Drawing) -> None:
    """Compute with sizes."""
    [shape] = graph.add("Shape", graph.pick(rank=1))
    other = graph.constant(np.int64(graph.stream.choice([-3, -2, -1, 2, 3])))
    [sized] = graph.add(graph.stream.choice(["Add", "Sub", "Mul"]), shape, other)
    by = graph.constant(np.int64(graph.stream.choice([-3, 2, 3])))
    [sized] = graph.add(graph.stream.choice(["Div", "Mod"]), sized, by)
    graph.add("Cast", sized, to=1)


def _flatten(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    graph.add("Flatten", name, axis=graph.axis(graph.array(name)))


def _unsqueeze(graph: Drawing) -> None:
    name = graph.pick(kind="fi")
    rank = graph.array(name).ndim + 2
    graph.add("Unsqueeze", name, graph.whole(*graph.stream.sample(range(rank), 2)))


def _squeeze(graph: Drawing) -> None:
    name = graph.pick(kind="fi")
    ones = [axis for axis, size in enumerate(graph.array(name).shape) if size == 1]
    if not ones:
        raise ValueError("no axis of size 1")
    graph.add(
        "Squeeze", name, graph.whole(*graph.stream.sample(ones, graph.stream.randint(1, len(ones))))
    )


def _reduce(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    rank = graph.array(name).ndim
    axes = graph.stream.sample(range(rank), graph.stream.randint(1, max(rank - 1, 1)))
    op = graph.stream.choice(
        ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "ReduceLogSumExp"]
    )
    graph.add(op, name, graph.whole(*axes), keepdims=graph.stream.randint(0, 1))


def _reduce_whole(graph: Drawing) -> None:
    name = graph.pick(rank=1, kind="i")
    if graph.array(name).dtype.itemsize < 4:  # noqa: PLR2004  # bytes of int32
        raise ValueError("too few bits")
    op = graph.stream.choice(["ReduceMean", "ReduceSum", "ReduceMax"])
    graph.add(
        op, name, graph.whole(graph.axis(graph.array(name))), keepdims=graph.stream.randint(0, 1)
    )


def _split(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    axis = graph.axis(graph.array(name))
    size = graph.array(name).shape[axis]
    cut = graph.stream.randint(0, size)
    graph.add("Split", name, graph.whole(cut, size - cut), outputs=2, axis=axis)


def _concat(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    array = graph.array(name)
    fit = [
        n
        for n, each in graph.values.items()
        if each.ndim == array.ndim and each.dtype == array.dtype
    ]
    axis = graph.axis(array)
    graph.add("Concat", name, graph.stream.choice(fit), axis=axis)


def _where(graph: Drawing) -> None:
    name = graph.pick()
    shape = _broadcast_shape(graph, graph.array(name).shape)
    [condition] = graph.add("Greater", graph.pick(), graph.constant(np.float32(0.1)))
    graph.add("Where", condition, name, graph.constant(graph.draw(*shape)))


def _expand(graph: Drawing) -> None:
    name = graph.pick()
    shape = [size if size != 1 else graph.stream.randint(1, 3) for size in graph.array(name).shape]
    shape = [1 if graph.stream.random() < 0.3 else size for size in shape]  # noqa: PLR2004  # some
    graph.add("Expand", name, graph.whole(*([2] * graph.stream.randint(0, 1)), *shape))


def _expand_as(graph: Drawing) -> None:
    [shape] = graph.add("Shape", graph.pick())
    graph.add("Expand", graph.pick(), shape)


def _tile(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    graph.add(
        "Tile", name, graph.whole(*(graph.stream.randint(1, 2) for _ in graph.array(name).shape))
    )


def _slice(graph: Drawing) -> None:
    name = graph.pick(rank=1, kind="fi")
    rank = graph.array(name).ndim
    axes = graph.stream.sample(range(rank), graph.stream.randint(1, rank))
    ends = (-(2**63), -7, -2, -1, 0, 1, 2, 4, 99, 2**31 - 1, 2**63 - 1)
    starts = (-99, -3, -1, 0, 1, 2, 99)
    numbers = [
        [graph.stream.choice(some) for _ in axes] for some in (starts, ends, (-2, -1, 1, 1, 2, 3))
    ]
    graph.add(
        "Slice", name, *(graph.whole(*each) for each in (numbers[0], numbers[1], axes, numbers[2]))
    )


def _pad(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    array = graph.array(name)
    pads = [graph.stream.choice([-1, 0, 0, 1, 2]) for _ in range(2 * array.ndim)]
    mode = graph.stream.choice(["constant", "constant", "edge", "reflect"])
    graph.add("Pad", name, graph.whole(*pads), mode=mode)


def _gather(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    array = graph.array(name)
    axis = graph.axis(array)
    size = array.shape[axis]
    shape = graph.stream.choice([(), (2,), (2, 3), (1,)])
    indices = graph.numbers.integers(-size, size, shape)
    graph.add("Gather", name, graph.constant(np.asarray(indices, np.int64)), axis=axis)


def _gather_elements(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    array = graph.array(name)
    axis = graph.axis(array)
    size = array.shape[axis]
    shape = list(array.shape)
    shape[axis] = graph.stream.randint(1, 4)
    indices = graph.constant(graph.numbers.integers(-size, size, shape).astype(np.int64))
    graph.add("GatherElements", name, indices, axis=axis)


def _along(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    op = graph.stream.choice(["Softmax", "LogSoftmax", "Hardmax", "LayerNormalization", "CumSum"])
    axis = graph.axis(graph.array(name))
    if op == "CumSum":
        options: dict[str, Any] = {
            name: graph.stream.randint(0, 1) for name in ("exclusive", "reverse")
        }
        graph.add(op, name, graph.constant(np.int64(axis)), **options)
    elif op == "LayerNormalization":
        shape = graph.array(name).shape[axis:]
        graph.add(op, name, graph.constant(graph.draw(*shape)), axis=axis)
    else:
        graph.add(op, name, axis=axis)


def _extreme(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    [rounded] = graph.add("Round", name)
    axis = graph.axis(graph.array(name))
    options: dict[str, Any] = {
        key: graph.stream.randint(0, 1) for key in ("keepdims", "select_last_index")
    }
    graph.add(graph.stream.choice(["ArgMax", "ArgMin"]), rounded, axis=axis, **options)


def _top(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    [rounded] = graph.add("Round", name)
    axis = graph.axis(graph.array(name))
    count = graph.whole(graph.stream.randint(1, graph.array(name).shape[axis]))
    graph.add("TopK", rounded, count, outputs=2, axis=axis, largest=graph.stream.randint(0, 1))


def _matmul(graph: Drawing) -> None:
    name = graph.pick(rank=2)
    size = graph.array(name).shape[-1]
    graph.add("MatMul", name, graph.constant(graph.draw(size, 3)))


def _matmul_both(graph: Drawing) -> None:
    name = graph.pick(rank=2)
    axes = list(range(graph.array(name).ndim))
    [turned] = graph.add("Transpose", name, perm=[*axes[:-2], axes[-1], axes[-2]])
    graph.add("MatMul", name, turned)


def _graph(
    nodes: Sequence[onnx.NodeProto], inputs: dict[str, int], outputs: Sequence[str]
) -> onnx.GraphProto:
    """Return a graph inside of an operator, its inputs by name with their dtypes."""
    ends = [helper.make_tensor_value_info(name, kind, None) for name, kind in inputs.items()]
    return helper.make_graph(nodes, "inner", ends, [onnx.ValueInfoProto(name=n) for n in outputs])


def _branch(graph: Drawing) -> None:
    """Choose between two values of one shape, held in different orders."""
    name = graph.pick(rank=2)
    axes = list(range(graph.array(name).ndim))
    graph.stream.shuffle(axes)
    shape = [graph.array(name).shape[axis] for axis in axes]
    wanted = graph.whole(*shape)
    [total] = graph.add("ReduceSum", graph.pick(), keepdims=0)
    [condition] = graph.add("Greater", total, graph.constant(np.float32(0.0123)))
    moved = helper.make_node("Transpose", [name], ["inner_moved"], perm=axes)
    shaped = helper.make_node("Reshape", [name, wanted], ["inner_shaped"])
    branches = [_graph([moved], {}, ["inner_moved"]), _graph([shaped], {}, ["inner_shaped"])]
    graph.stream.shuffle(branches)
    graph.add(
        "If",
        condition,
        captured=[name, wanted],
        then_branch=branches[0],
        else_branch=branches[1],
    )


def _loop(graph: Drawing) -> None:
    """Add a value to a state three times, turning the state round, and collect the states."""
    name = graph.pick(rank=2)
    axes = list(range(graph.array(name).ndim))
    first, second = graph.stream.sample(axes, 2)
    axes[first], axes[second] = axes[second], axes[first]
    [start] = graph.add("Identity", name)
    if graph.stream.random() < 0.5:  # noqa: PLR2004  # half of them
        [count] = graph.add("Gather", graph.whole(3, 2), graph.whole(graph.stream.randint(0, 1)))
    else:
        [sizes] = graph.add("Shape", graph.pick(rank=1))
        [count] = graph.add("Gather", sizes, graph.whole(0))
    nodes = [
        helper.make_node("Transpose", ["inner_state"], ["inner_turned"], perm=axes),
        helper.make_node("Transpose", ["inner_turned"], ["inner_back"], perm=axes),
        helper.make_node("Add", ["inner_back", name], ["inner_after"]),
        helper.make_node("Relu", ["inner_turned"], ["inner_item"]),
        helper.make_node("Identity", ["inner_going"], ["inner_goes"]),
    ]
    inputs = {"inner_number": 7, "inner_going": 9, "inner_state": 1}
    body = _graph(nodes, inputs, ["inner_goes", "inner_after", "inner_item"])
    graph.add("Loop", count, "", start, outputs=2, captured=[name], body=body)


def _scan(graph: Drawing) -> None:
    """Add the slices of an axis up, and collect the sums along another axis."""
    name = graph.pick(rank=2)
    axis = graph.axis(graph.array(name))
    [start] = graph.add("ReduceMax", name, graph.whole(axis), keepdims=0)
    nodes = [
        helper.make_node("Add", ["inner_state", "inner_slice"], ["inner_after"]),
        helper.make_node("Mul", ["inner_after", "inner_slice"], ["inner_item"]),
    ]
    body = _graph(nodes, {"inner_state": 1, "inner_slice": 1}, ["inner_after", "inner_item"])
    graph.add(
        "Scan", start, name, outputs=2, body=body, num_scan_inputs=1, scan_input_axes=[axis],
        scan_output_axes=[graph.axis(graph.array(name))],
        scan_input_directions=[graph.stream.randint(0, 1)],
        scan_output_directions=[graph.stream.randint(0, 1)],
    )  # fmt: skip


def _einsum(graph: Drawing) -> None:
    name = graph.pick(rank=2)
    letters = "abcdef"[: graph.array(name).ndim]
    kept = graph.stream.sample(letters, graph.stream.randint(1, len(letters)))
    graph.add("Einsum", name, name, equation=f"{letters},{letters}->{''.join(kept)}")


def _scatter(graph: Drawing) -> None:
    name = graph.pick(rank=1)
    array = graph.array(name)
    axis = graph.axis(array)
    shape = [graph.stream.randint(1, size) for size in array.shape]
    places = graph.numbers.permutation(array.shape[axis])
    own = places[: shape[axis]] - array.shape[axis] * graph.stream.randint(0, 1)
    spread = np.broadcast_to(
        own.reshape([-1 if each == axis % array.ndim else 1 for each in range(array.ndim)]), shape
    )
    updates = graph.constant(graph.draw(*shape))
    indices = graph.constant(np.ascontiguousarray(spread, np.int64))
    reduction = graph.stream.choice(["none", "add"])
    graph.add("ScatterElements", name, indices, updates, axis=axis, reduction=reduction)


def _pick_image(graph: Drawing) -> tuple[str, int]:
    """Return the name of an image (batch, channels, height, width) and the number of its channels.

    Raises:
        ValueError: There is none.
    """
    name = graph.pick(rank=4)
    if graph.array(name).ndim != 4:  # noqa: PLR2004  # as above
        raise ValueError("no image")
    return name, graph.array(name).shape[1]


def _filter(graph: Drawing) -> None:
    name, channels = _pick_image(graph)
    match graph.stream.randrange(4):
        case 0:
            weights = graph.constant(graph.draw(4, channels, 3, 3))
            graph.add("Conv", name, weights, strides=[2, 1], pads=[1, 1, 1, 1])
        case 1:
            weights = graph.constant(graph.draw(channels, 1, 3, 3))
            graph.add("Conv", name, weights, group=channels, pads=[1, 1, 1, 1])
        case 2:
            weights = graph.constant(graph.draw(channels, 2, 2, 2))
            graph.add("ConvTranspose", name, weights, strides=[2, 1], pads=[0, 1, 1, 0])
        case _:
            op = graph.stream.choice(["MaxPool", "AveragePool"])
            graph.add(op, name, kernel_shape=[3, 2], pads=[1, 0, 0, 1])


def _image(graph: Drawing) -> None:
    name, channels = _pick_image(graph)
    match graph.stream.randrange(6):
        case 0:
            graph.add("GlobalAveragePool", name)
        case 1:
            pair = [graph.constant(graph.draw(channels)) for _ in range(2)]
            graph.add("InstanceNormalization", name, *pair)
        case 2:
            scales = graph.constant(np.array([1, 1, 2, 1.5], np.float32))
            graph.add("Resize", name, "", scales, mode=graph.stream.choice(["nearest", "linear"]))
        case 3:
            graph.add("DepthToSpace", name, blocksize=2, mode=graph.stream.choice(["CRD", "DCR"]))
        case 4:
            graph.add("SpaceToDepth", name, blocksize=2)
        case _:
            graph.add("PRelu", name, graph.constant(graph.draw(channels, 1, 1)))


STEPS: tuple[Step, ...] = (
    _unary, _binary_constant, _binary_constant, _binary, _binary, _whole_numbers, _whole_arithmetic,
    _whole_unary, _transpose, _transpose, _reshape, _reshape, _reshape_by_sizes, _sizes, _flatten,
    _unsqueeze, _squeeze, _reduce, _reduce, _reduce_whole, _split, _concat, _where, _expand,
    _expand_as, _tile, _slice, _slice, _pad, _gather, _gather_elements, _along, _extreme, _top,
    _matmul, _matmul_both, _image,
    _filter, _branch, _loop, _scan, _einsum, _scatter,
)  # fmt: skip


def grow(stream: random.Random, *, is_open: bool) -> Drawing:
    """Return a random graph of 5 to 12 steps."""
    graph = Drawing(stream)
    shape = [stream.choice([1, 2]), 3, stream.choice([1, 3, 4]), stream.choice([1, 4, 5])]
    graph.values["x"] = graph.draw(*shape)
    graph.inputs["x"] = ("n", 3, "h", "w") if is_open else tuple(shape)
    weights = graph.constant(graph.draw(4, 3, 3, 3))
    graph.add("Conv", "x", weights, pads=[1, 1, 1, 1])
    if stream.random() < 0.5:  # noqa: PLR2004  # half of them
        other = [1 if stream.random() < 0.3 else size for size in (shape[0], 4, *shape[2:])]  # noqa: PLR2004
        graph.values["z"] = graph.draw(*other)
        names = [a if size == 1 else b for a, b, size in zip("mckl", "nchw", other, strict=True)]
        graph.inputs["z"] = tuple(names) if is_open else tuple(other)
    wanted = len(graph.nodes) + stream.randint(5, 12)
    for _ in range(100):
        if len(graph.nodes) >= wanted:
            break
        step, before = stream.choice(STEPS), (len(graph.nodes), dict(graph.values))
        try:
            step(graph)
        except Exception:  # noqa: BLE001  # ONNX Runtime refuses what does not fit
            del graph.nodes[before[0] :]
            graph.values = before[1]
    return graph


def check(graph: Drawing) -> str:
    """Return "right", why the importer refuses a graph, or what differs."""
    model = graph.model()
    fed = {name: graph.values[name] for name in graph.inputs}
    try:
        made = run_importer(model, fed)
    except PipelineError as error:
        return f"refused: {error}"
    except Exception as error:  # noqa: BLE001  # any of TensorFlow's
        return f"ERROR: {type(error).__name__}: {str(error)[-300:]}"
    names = [end.name for end in model.graph.output]
    for name, own in zip(names, made, strict=True):
        wanted = graph.values[name]
        if own.shape != wanted.shape:
            return f"WRONG: {_describe(graph, name)}: shape {own.shape}, not {wanted.shape}"
        if not np.allclose(own, wanted, rtol=1e-3, atol=1e-3, equal_nan=True):
            far = np.abs(own.astype(np.float64) - wanted.astype(np.float64)).max()
            return f"WRONG: {_describe(graph, name)}: differs by {far}"
    return "right"


def _describe(graph: Drawing, name: str) -> str:
    node = next(each for each in graph.nodes if name in each.output)
    return f"{node.op_type} {name}"


def main() -> None:
    """Try graphs and print what became of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    ops: Counter[str] = Counter()
    for number in range(options.seed, options.seed + options.count):
        is_open = bool(number % 2)
        graph = grow(random.Random(number), is_open=is_open)  # noqa: S311  # no secret
        outcome = check(graph)
        ops.update(node.op_type for node in graph.nodes)
        outcomes[f"{'open' if is_open else 'known'} sizes: {outcome.split(':')[0]}"] += 1
        if outcome != "right":
            print(number, outcome, flush=True)
        if outcome.startswith(("WRONG", "ERROR")) and options.folder:
            options.folder.mkdir(parents=True, exist_ok=True)
            onnx.save(graph.model(), options.folder / f"{number}.onnx")
    for text, count in sorted(outcomes.items()):
        print(f"{count:6} {text}")
    print(", ".join(f"{op} {count}" for op, count in ops.most_common()))


if __name__ == "__main__":
    main()
