"""Shape inference: op by op, then through functions, loops and computed sizes.

What TensorFlow itself infers on the same nodes is compared in test_inspect_saved_model.py.
"""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from topology_nodes import ints, node

from pipeline.records.shape import Shape
from pipeline.tfjs.model.topology import Node
from pipeline.tfjs.shapes import infer_shapes as shapes
from pipeline.tfjs.shapes import values
from pipeline.tfjs.shapes.facts import Fact
from pipeline.tfjs.shapes.infer_shapes import Body, Graph, Inference

X = "x"


def scalar(value: int) -> Fact:
    """Return a known integer."""
    return Fact(shape=(), values=(value,))


def infer(
    nodes: Sequence[Node],
    given: Mapping[str, Shape | Fact],
    wanted: str,
    functions: Mapping[str, Body] | None = None,
) -> Fact:
    """Return what is known of a tensor; shapes in `given` are inputs, facts are constants."""
    facts = {k: v if isinstance(v, Fact) else Fact(shape=v) for k, v in given.items()}
    leaves = {name: Node(name=name, op="Const", inputs=(), attrs={}) for name in facts}
    body = Body(nodes={**leaves, **{n.name: n for n in nodes}})
    graph = Graph(body=body, functions=functions or {}, constants={"": facts})
    return Inference(graph=graph).run({}, [wanted])[0]


CONV = {"strides": [1, 2, 2, 1], "padding": "SAME"}
VALID = {"strides": [1, 1, 1, 1], "padding": "VALID"}


@pytest.mark.parametrize(
    ("made", "given", "shape"),
    [
        pytest.param(
            node("y", "Conv2D", X, "w", **CONV),
            {X: (1, 225, 224, 3), "w": (3, 3, 3, 32)},
            (1, 113, 112, 32),
            id="convolution, same padding",
        ),
        pytest.param(
            node("y", "_FusedConv2D", X, "w", **VALID, dilations=[1, 2, 2, 1]),
            {X: (1, 10, None, 3), "w": (3, 3, 3, 8)},
            (1, 6, None, 8),
            id="convolution, dilated, an unknown size",
        ),
        pytest.param(
            node("y", "Conv2D", X, "w", strides=[1, 1, 1, 1], padding="VALID", data_format="NCHW"),
            {X: (1, 3, 10, 10), "w": (3, 3, 3, 8)},
            (1, 8, 8, 8),
            id="convolution, channels first",
        ),
        pytest.param(
            node(
                "y",
                "Conv2D",
                X,
                "w",
                strides=[1, 1, 1, 1],
                padding="EXPLICIT",
                explicit_paddings=[0, 0, 1, 1, 0, 2, 0, 0],
            ),
            {X: (1, 10, 10, 3), "w": (3, 3, 3, 8)},
            (1, 10, 10, 8),
            id="convolution, explicit padding",
        ),
        pytest.param(
            node("y", "DepthwiseConv2dNative", X, "w", **CONV),
            {X: (1, 8, 8, 3), "w": (3, 3, 3, 2)},
            (1, 4, 4, 6),
            id="depthwise convolution",
        ),
        pytest.param(
            node("y", "Conv2DBackpropInput", "s", "w", X, **CONV),
            {X: (1, 4, 4, 8), "w": (3, 3, 16, 8), "s": ints(1, 8, 8, 16)},
            (1, 8, 8, 16),
            id="transposed convolution",
        ),
        pytest.param(
            node("y", "MaxPool", X, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="VALID"),
            {X: (1, 9, 10, 4)},
            (1, 4, 4, 4),
            id="pooling",
        ),
        pytest.param(
            node("y", "Conv2D", X, "w", **CONV),
            {X: None, "w": (3, 3, 3, 32)},
            (None, None, None, 32),
            id="convolution of an unknown shape",
        ),
        pytest.param(
            node("y", "Conv2D", X, "w", strides=[1, 0, 1, 1], padding="SAME"),
            {X: (1, 8, 8, 3), "w": (3, 3, 3, 32)},
            None,
            id="convolution that stands still",
        ),
        pytest.param(
            node("y", "MatMul", X, "w", transpose_a=True),
            {X: (4, 3), "w": (4, 5)},
            (3, 5),
            id="product of matrices, one transposed",
        ),
        pytest.param(
            node("y", "BatchMatMulV2", X, "w", adj_y=True),
            {X: (2, 1, 6, 3), "w": (7, 5, 3)},
            (2, 7, 6, 5),
            id="batched product, broadcast",
        ),
        pytest.param(
            node("y", "Einsum", X, "w", equation="abc,cde->abde"),
            {X: (1, 50, 256), "w": (256, 4, 64)},
            (1, 50, 4, 64),
            id="einsum",
        ),
        pytest.param(
            node("y", "Mean", X, "a", keep_dims=True),
            {X: (1, 7, 7, 9), "a": ints(1, -2)},
            (1, 1, 1, 9),
            id="mean, axes kept",
        ),
        pytest.param(
            node("y", "Sum", X, "a"), {X: (1, 7, 9), "a": scalar(-1)}, (1, 7), id="sum over an axis"
        ),
        pytest.param(
            node("y", "Sum", X, "a"), {X: (1, 7), "a": (1,)}, None, id="sum, axes unknown"
        ),
        pytest.param(
            node("y", "AddV2", X, "b"), {X: (None, 1, 3), "b": (5, 1)}, (None, 5, 3), id="broadcast"
        ),
        pytest.param(node("y", "AddV2", X, "b"), {X: (4,), "b": (3,)}, None, id="misfits"),
        pytest.param(
            node("y", "Reshape", X, "s"), {X: (2, 6), "s": ints(3, -1)}, (3, 4), id="reshape"
        ),
        pytest.param(
            node("y", "Reshape", X, "s"),
            {X: (None, 6), "s": ints(-1, 3)},
            (None, 3),
            id="reshape of an unknown size",
        ),
        pytest.param(
            node("y", "Reshape", X, "s"), {X: (2, 6), "s": (3,)}, (None,) * 3, id="to unknown sizes"
        ),
        pytest.param(
            node("y", "ConcatV2", X, "b", "a"),
            {X: (None, 4, 2), "b": (1, 5, 2), "a": scalar(1)},
            (1, 9, 2),
            id="concatenation",
        ),
        pytest.param(
            node("y", "Pack", X, "b", axis=-1), {X: (3, 4), "b": (3, 4)}, (3, 4, 2), id="stack"
        ),
        pytest.param(
            node("y", "Split", "a", X, num_split=3),
            {X: (2, 9), "a": scalar(-1)},
            (2, 3),
            id="split",
        ),
        pytest.param(
            node("y", "SplitV", X, "s", "a"),
            {X: (2, 9), "s": ints(-1, 4), "a": scalar(1)},
            (2, 5),
            id="split into unequal parts",
        ),
        pytest.param(
            node("y", "Slice", X, "b", "s"),
            {X: (2, 9), "b": ints(0, 2), "s": ints(2, -1)},
            (2, 7),
            id="slice to the end",
        ),
        pytest.param(
            node("y", "StridedSlice", X, "b", "e", "s", begin_mask=1, end_mask=3),
            {X: (5, 9), "b": ints(0, 1), "e": ints(0, 0), "s": ints(2, 2)},
            (3, 4),
            id="strided slice, open ends",
        ),
        pytest.param(
            node(
                "y",
                "StridedSlice",
                X,
                "b",
                "e",
                "s",
                ellipsis_mask=1,
                new_axis_mask=2,
                shrink_axis_mask=4,
            ),
            {X: (5, 6, 9), "b": ints(0, 0, 2), "e": ints(0, 0, 3), "s": ints(1, 1, 1)},
            (5, 6, 1),
            id="x[..., newaxis, 2]",
        ),
        pytest.param(
            node("y", "GatherV2", X, "i", "a", batch_dims=1),
            {X: (2, 9, 4), "i": (2, 3), "a": scalar(1)},
            (2, 3, 4),
            id="gather in a batch",
        ),
        pytest.param(
            node("y", "GatherNd", X, "i"), {X: (2, 9, 4), "i": (7, 2)}, (7, 4), id="gather points"
        ),
        pytest.param(
            node("y", "Pad", X, "p"),
            {X: (2, None), "p": Fact(shape=(2, 2), values=(1, 2, 0, 0))},
            (5, None),
            id="pad",
        ),
        pytest.param(
            node("y", "Squeeze", X, squeeze_dims=[1, -1]),
            {X: (None, 1, 3, 1)},
            (None, 3),
            id="squeeze",
        ),
        pytest.param(node("y", "Squeeze", X), {X: (None, 1)}, None, id="squeeze what may be 1"),
        pytest.param(
            node("y", "Transpose", X, "p"),
            {X: (1, 2, 3), "p": ints(2, 0, 1)},
            (3, 1, 2),
            id="transpose",
        ),
        pytest.param(
            node("y", "TopKV2", X, "k"), {X: (1, 80), "k": scalar(5)}, (1, 5), id="top of each row"
        ),
        pytest.param(
            node("y", "ResizeBilinear", X, "s"),
            {X: (1, None, 4, 3), "s": ints(8, 9)},
            (1, 8, 9, 3),
            id="resize",
        ),
        pytest.param(
            node("y", "SpaceToBatchND", X, "b", "p"),
            {X: (1, 10, 9, 3), "b": ints(2, 2), "p": Fact(shape=(2, 2), values=(0, 0, 0, 1))},
            (4, 5, 5, 3),
            id="space to batch",
        ),
        pytest.param(
            node("y", "DepthToSpace", X, block_size=2),
            {X: (1, 4, 4, 8)},
            (1, 8, 8, 2),
            id="depth to space",
        ),
        pytest.param(node("y", "Where", X), {X: (3, 4)}, (None, 2), id="where"),
        pytest.param(node("y", "NotAnOp", X), {X: (3, 4)}, None, id="an unknown op"),
    ],
)
def test_shape_of(made: Node, given: Mapping[str, Shape | Fact], shape: Shape) -> None:
    assert infer([made], given, "y").shape == shape


def test_an_output_other_than_the_first() -> None:
    split = node("s", "SplitV", X, "sizes", "a")

    assert infer([split], {X: (2, 9), "sizes": ints(2, 3, 4), "a": scalar(1)}, "s:2").shape == (
        2,
        4,
    )


def test_a_condition_has_the_sizes_that_both_branches_have() -> None:
    nodes = [
        node("switch", "Switch", X, "b"),
        node("small", "ResizeBilinear", "switch:1", "sizes"),
        node("y", "Merge", "switch", "small"),
    ]

    found = infer(nodes, {X: (1, 8, 8, 3), "b": (), "sizes": ints(4, 8)}, "y")

    assert found.shape == (1, None, 8, 3)


# One op for each rule.
OPS = {
    rules[op]: op for rules in (shapes._RULES, values._RULES) for op in sorted(rules, reverse=True)
}


@pytest.mark.parametrize("op", sorted(OPS.values()))
def test_a_node_that_contradicts_itself_has_an_unknown_shape_and_no_error(op: str) -> None:
    """Inputs and attributes of a stranger's graph may be anything."""
    random = Random(op)
    facts = [
        Fact(),
        Fact(shape=()),
        Fact(shape=(None, 0, 3, 2**53 - 1)),
        Fact(shape=(2, 2), values=(1, -1, None, 2**70)),
        ints(),
        ints(0),
        ints(-1, 0, 7),
        scalar(0),
        scalar(-9),
    ]
    attributes = ("num", "num_split", "axis", "block_size", "batch_dims", "shrink_axis_mask")
    for _ in range(200):
        given = {f"x{i}": random.choice(facts) for i in range(random.randrange(5))}
        attrs = {
            **{name: random.choice((-1, 0, 3, 2**62)) for name in attributes},
            **{
                name: random.choice(([], [0], [1, -1, 1, 1], [1, 1, 1, 1]))
                for name in ("strides", "ksize", "dilations", "squeeze_dims", "explicit_paddings")
            },
            "padding": random.choice(("SAME", "VALID", "EXPLICIT", "?")),
            "equation": random.choice(("a,b->ab", "aa,b->c", "", "->")),
            "T": "DT_INT32",
        }

        infer([node("y", op, *given, **attrs)], given, "y")


def test_sizes_computed_in_the_graph_are_followed() -> None:
    """x.reshape(shape(x)[0], shape(x)[1] * 2, -1), as the converter leaves it."""
    nodes = [
        node("shape", "Shape", X),
        node("first", "StridedSlice", "shape", "zero", "one", "one", shrink_axis_mask=1),
        node("second", "StridedSlice", "shape", "one", "two", "one", shrink_axis_mask=1),
        node("twice", "Mul", "second", "factor", T="DT_INT32"),
        node("sizes", "Pack", "first", "twice", "rest"),
        node("y", "Reshape", X, "sizes"),
    ]
    given: dict[str, Shape | Fact] = {
        X: (3, 4, 6),
        "zero": ints(0),
        "one": ints(1),
        "two": ints(2),
        "factor": scalar(2),
        "rest": scalar(-1),
    }

    assert infer(nodes, given, "y").shape == (3, 8, 3)
    assert infer(nodes, given | {X: (None, 4, 6)}, "y").shape == (None, 8, None)


def test_floating_point_values_are_not_taken_for_integers() -> None:
    nodes = [
        node("half", "Mul", "s", "s", T="DT_FLOAT"),
        node("sizes", "Cast", "half", SrcT="DT_FLOAT", DstT="DT_INT32"),
        node("y", "Reshape", X, "sizes"),
    ]

    assert infer(nodes, {X: (4, 6), "s": ints(2, 3)}, "y").shape == (None, None)


def test_calls_are_followed_and_variables_read() -> None:
    function = Body(
        nodes={
            "a": node("a", "_Arg"),
            "v": node("v", "_Arg"),
            "read": node("read", "ReadVariableOp", "v"),
            "product": node("product", "MatMul", "a", "read"),
        },
        arguments=["a", "v"],
        results=["product:0"],
    )
    variable = Node(
        name="kernel",
        op="VarHandleOp",
        inputs=(),
        attrs={"shape": {"shape": {"dim": [{"size": "8"}, {"size": "4"}]}}},
    )
    call = Node(
        name="y",
        op="StatefulPartitionedCall",
        inputs=(X, "kernel"),
        attrs={"f": {"func": {"name": "serve"}}},
    )

    assert infer([variable, call], {X: (2, 8)}, "y", {"serve": function}).shape == (2, 4)


def test_what_is_stated_fills_in_and_a_contradiction_is_unknown() -> None:
    def stated(*sizes: int) -> Node:
        shape = {"dim": [{"size": str(size)} for size in sizes]}
        attrs = {"_output_shapes": {"list": {"shape": [shape]}}}
        return Node(name="y", op="Relu", inputs=(X,), attrs=attrs)

    assert infer([stated(-1, 3)], {X: (2, None)}, "y").shape == (2, 3)
    assert infer([stated(5, 3)], {X: (2, None)}, "y").shape is None


def map_loop() -> list[Node]:
    """Return tf.map_fn of a resize over a batch, as the converter writes it."""
    return [
        node("list", "TensorListFromTensor", X, "element"),
        node("made", "TensorListReserve", "element", "count"),
        node("enter", "Enter", "made"),
        node("enter/i", "Enter", "zero"),
        node("enter/list", "Enter", "list"),
        node("merge", "Merge", "enter", "next"),
        node("merge/i", "Merge", "enter/i", "next/i"),
        node("less", "Less", "merge/i", "count"),
        node("cond", "LoopCond", "less"),
        node("switch", "Switch", "merge", "cond"),
        node("switch/i", "Switch", "merge/i", "cond"),
        node("item", "TensorListGetItem", "enter/list", "switch/i:1", "element"),
        node("image", "ExpandDims", "item", "zero"),
        node("resized", "ResizeBilinear", "image", "sizes"),
        node("value", "Squeeze", "resized", squeeze_dims=[0]),
        node("written", "TensorListSetItem", "switch:1", "switch/i:1", "value"),
        node("next", "NextIteration", "written"),
        node("next/i", "NextIteration", "switch/i:1"),
        node("exit", "Exit", "switch"),
        node("stacked", "TensorListStack", "exit", "element"),
        node("y", "Relu", "stacked"),
    ]


def test_the_stack_behind_a_loop_has_the_shape_of_what_was_written() -> None:
    given: dict[str, Shape | Fact] = {
        X: (1, 640, 480, 3),
        "element": ints(-1, -1, 3),
        "count": scalar(1),
        "zero": scalar(0),
        "sizes": ints(320, 320),
    }

    assert infer(map_loop(), given, "y").shape == (1, 320, 320, 3)


def test_only_what_is_in_a_loop_is_uncertain() -> None:
    nodes = {n.name: n for n in map_loop()}
    leaves = ("element", "count", "zero", "sizes", X)
    nodes |= {name: node(name, "Const") for name in leaves}
    inference = Inference(graph=Graph(body=Body(nodes=nodes), functions={}, constants={}))

    inference.run({}, ["y"])

    certain = {visit.node.name for visit in inference.visits if visit.certain}
    assert certain == {*leaves, "list", "made", "exit", "stacked", "y"}
