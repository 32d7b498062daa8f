"""Reading ONNX files: sound ones of every shape, and what damage makes of them."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.onnx.onnx_model import OnnxModel, make_model, read_onnx

FLOAT = TensorProto.FLOAT
SIGNATURE = (
    [helper.make_tensor_value_info("x", FLOAT, ["batch", 3])],
    [helper.make_tensor_value_info("y", FLOAT, ["batch", 3])],
)


def node(op: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    """Return a node; its inputs and outputs are separated by blanks."""
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def graph(
    nodes: Sequence[onnx.NodeProto], constants: Sequence[TensorProto] = (), **more: Any
) -> onnx.GraphProto:
    """Return a graph from x to y."""
    return helper.make_graph(nodes, "g", *SIGNATURE, initializer=constants, **more)


def proto(main: onnx.GraphProto, opset: int = 17, **more: Any) -> onnx.ModelProto:
    """Return a model of one opset."""
    return helper.make_model(main, opset_imports=[helper.make_opsetid("", opset)], **more)


def constant(name: str, *values: float) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.float32), name)


def relu(**more: Any) -> onnx.ModelProto:
    return proto(graph([node("Relu", "x", "y")]), **more)


def read(model: onnx.ModelProto, folder: Path | None = None) -> OnnxModel:
    return make_model(model, "m.onnx", folder=folder)


def ops(model: OnnxModel) -> list[str]:
    return [each.op for each in model.graph.nodes]


def test_a_file_has_inputs_outputs_operators_and_what_it_says_of_itself(tmp_path: Path) -> None:
    model = relu(producer_name="pytorch", producer_version="2.5", doc_string="Cuts.")
    model.model_version = 3
    helper.set_model_props(model, {"task": "cut"})
    onnx.save(model, tmp_path / "m.onnx")

    found = read_onnx(tmp_path / "m.onnx")

    assert [(end.name, end.dtype, end.sizes) for end in found.graph.inputs] == [
        ("x", "float32", ("batch", 3))
    ]
    assert [(each.op, each.domain, each.version) for each in found.graph.nodes] == [
        ("Relu", "", 17)
    ]
    assert (found.producer, found.description, found.version) == ("pytorch 2.5", "Cuts.", 3)
    assert found.metadata == {"task": "cut"}


def test_nodes_out_of_order_are_sorted_and_others_stay() -> None:
    nodes = [
        node("Neg", "a", "y"),
        node("Abs", "x", "unread"),
        node("Relu", "b", "a"),
        node("Exp", "x", "b"),
    ]

    assert ops(read(proto(graph(nodes)))) == ["Abs", "Exp", "Relu", "Neg"]
    assert ops(read(proto(graph(nodes[::-1])))) == ["Exp", "Relu", "Abs", "Neg"]


def branches(body: onnx.GraphProto) -> onnx.NodeProto:
    return node("If", "c", "y", then_branch=body, else_branch=body)


def body(*nodes: onnx.NodeProto, result: str = "r") -> onnx.GraphProto:
    return helper.make_graph(
        nodes, "body", [], [helper.make_tensor_value_info(result, FLOAT, None)]
    )


def test_a_body_waits_for_the_values_around_it() -> None:
    inner = body(node("Neg", "r0", "r"), node("Abs", "a", "r0"))
    given = numpy_helper.from_array(np.array(True), "c")

    found = read(proto(graph([branches(inner), node("Relu", "x", "a")], [given])))

    assert ops(found) == ["Relu", "If"]
    assert [each.op for each in found.graph.nodes[1].attributes["then_branch"].nodes] == [
        "Abs",
        "Neg",
    ]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Add", "x b", "a", "first"), node("Neg", "a", "b"), node("Exp", "b", "y")],
         'wait for each other: node 0 (Add "first"), node 1 (Neg), node 2 (Exp)'),
        ([node("Relu", "z", "y", "cut")], 'node 0 (Relu "cut") reads \'z\', which nothing makes'),
        ([node("Relu", "x", "y"), node("Neg", "x", "y")],
         "node 1 (Neg) makes 'y': node 0 (Relu) makes it, too"),
        ([node("Relu", "y", "x"), node("Neg", "x", "y")],
         "node 0 (Relu) makes 'x': an input or constant is"),
        ([node("Relu", "x", "z")], "its output reads 'y', which nothing makes"),
        ([branches(body(node("Neg", "q", "r")))],
         "node 0 (Neg) reads 'q', which nothing makes"),
    ],
)  # fmt: skip
def test_names_that_do_not_fit_are_named(nodes: list[onnx.NodeProto], message: str) -> None:
    given = numpy_helper.from_array(np.array(True), "c")

    with pytest.raises(FormatError) as caught:
        read(proto(graph(nodes, [given])))
    assert caught.value.message.startswith("m.onnx: ")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (relu(opset=6), ConversionError, "opset 6; 7 is the oldest that is converted"),
        (relu(opset=0), FormatError, "version 0 of the operators of ''"),
        (relu(opset=2**40), FormatError, "version 1099511627776 of the operators"),
        (relu(opset=99), ConversionError, "opset 99 of ai.onnx; onnx"),
        (relu(ir_version=99), ConversionError, "version 99 of the format"),
        (relu(ir_version=0), FormatError, "no ONNX model"),
        (onnx.ModelProto(ir_version=8), FormatError, "no ONNX model"),
        (onnx.ModelProto(ir_version=8, graph=onnx.GraphProto(name="g")), FormatError, "no outputs"),
    ],
)
def test_versions_that_nobody_reads(
    model: onnx.ModelProto, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(model)


def test_a_domain_has_one_version_and_two_names() -> None:
    other = relu()
    del other.opset_import[:]
    with pytest.raises(FormatError, match="states no version of its operators"):
        read(other)

    other.opset_import.append(helper.make_opsetid("ai.onnx", 13))
    assert read(other).opsets == {"": 13}

    other = relu()
    other.opset_import.append(helper.make_opsetid("ai.onnx", 13))
    with pytest.raises(FormatError, match="two versions"):
        read(other)


def test_operators_of_other_domains_keep_their_names() -> None:
    model = proto(graph([node("Sharpen", "x", "y", domain="org.example")]))

    (found,) = read(model).graph.nodes
    assert (found.domain, found.version, found.label) == (
        "org.example",
        1,
        "node 0 (org.example.Sharpen)",
    )


def test_a_constant_that_is_also_an_input_is_a_constant() -> None:
    main = graph([node("Add", "x c", "y")], [constant("c", 1, 2, 3)])
    main.input.append(helper.make_tensor_value_info("c", FLOAT, [3]))

    found = read(proto(main))

    assert [end.name for end in found.graph.inputs] == ["x"]
    assert found.graph.constants["c"].tolist() == [1, 2, 3]


def sparse(indices: Any, dims: Sequence[int], *values: float) -> onnx.SparseTensorProto:
    places = numpy_helper.from_array(np.array(indices, np.int64), "places")
    return helper.make_sparse_tensor(constant("c", *values), places, dims)


@pytest.mark.parametrize("indices", [[1, 3], [[0, 1], [1, 0]]])
def test_sparse_constants_become_dense(indices: Any) -> None:
    main = graph(
        [node("MatMul", "x c", "y")],
        sparse_initializer=[sparse(indices, (2, 3), 5, 7)],
    )

    found = read(proto(main)).graph.constants["c"]

    assert found.tolist() == [[0, 5, 0], [7, 0, 0]]


@pytest.mark.parametrize(
    ("indices", "dims"),
    [([1, 6], (2, 3)), ([-1, 2], (2, 3)), ([[0, 1], [2, 0]], (2, 3)), ([1], (2, 3)),
     ([0, 1], (2**40, 2**20))],
)  # fmt: skip
def test_sparse_constants_that_do_not_fit(indices: Any, dims: Sequence[int]) -> None:
    broken = onnx.SparseTensorProto(values=constant("c", 5, 7), dims=dims)
    broken.indices.CopyFrom(numpy_helper.from_array(np.array(indices, np.int64), "i"))

    with pytest.raises(FormatError, match="constant 'c' is sparse"):
        read(proto(graph([node("MatMul", "x c", "y")], sparse_initializer=[broken])))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (TensorProto(name="c", data_type=1, dims=[2**40], raw_data=b"abcd"), "has 4 bytes; exp"),
        (TensorProto(name="c", data_type=1, dims=[2**40]), "constant 'c'"),
        (TensorProto(name="c", data_type=1, dims=[-1], raw_data=b"abcd"), "negative size"),
        (TensorProto(name="c", data_type=77, dims=[1], raw_data=b"abcd"), "dtype 77, which is not"),
        (TensorProto(name="c", data_type=1, dims=[3], float_data=[1, 2]), "constant 'c'"),
        (TensorProto(name="c", data_type=8, dims=[2], raw_data=b"ab"), "texts cannot"),
        (TensorProto(name="c", data_type=22, dims=[5], raw_data=b"ab"), "has 2 bytes; expected 3"),
    ],
)
def test_constants_whose_bytes_do_not_fit(tensor: TensorProto, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(proto(graph([node("Add", "x c", "y")], [tensor])))
    with pytest.raises(FormatError, match=rf'm\.onnx: node 0 \(Constant "k"\): .*{message}'):
        read(proto(graph([node("Constant", "", "y", "k", value=tensor)])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"Softsign", "a name of node 0"),
        (b"the graph", "the name of a graph is no text in UTF-8"),
        (b"the constant", "the name of a value is no text in UTF-8"),
        (b"the size", "a size of 'the input' is no text"),
        (b"the key", "what it says of itself is no text"),
        (b"local.domain", "a domain is no text|a name of node 0"),
    ],
)
def test_names_that_are_no_texts_are_refused(tmp_path: Path, text: bytes, message: str) -> None:
    ends = [helper.make_tensor_value_info(name, FLOAT, ["the size"]) for name in ("the input", "y")]
    made = helper.make_node("Softsign", ["the input"], ["y"], domain="local.domain")
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local.domain", 1)]
    model = helper.make_model(
        helper.make_graph(
            [made], "the graph", *(ends[:1], ends[1:]), [constant("the constant", 1)]
        ),
        opset_imports=imports,
    )
    helper.set_model_props(model, {"the key": "value"})
    content = model.SerializeToString().replace(text, b"\xff" + text[1:], 1)
    (tmp_path / "m.onnx").write_bytes(content)

    with pytest.raises(FormatError, match=message):
        read_onnx(tmp_path / "m.onnx")


def test_an_attribute_of_a_function_outside_of_one_is_refused() -> None:
    bad = node("LeakyRelu", "x", "y")
    bad.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)

    with pytest.raises(FormatError, match=r"node 0 \(LeakyRelu\): attribute 'alpha' is that of a"):
        read(proto(graph([bad])))


@pytest.mark.parametrize("kind", ["sequence", "optional", "map", "sparse tensor"])
def test_inputs_that_are_no_tensors_say_what_they_are(kind: str) -> None:
    tensor = helper.make_tensor_type_proto(FLOAT, [3])
    types = {
        "sequence": helper.make_sequence_type_proto(tensor),
        "optional": helper.make_optional_type_proto(tensor),
        "map": helper.make_map_type_proto(TensorProto.INT64, tensor),
        "sparse tensor": helper.make_sparse_tensor_type_proto(FLOAT, [3]),
    }
    main = graph([node("Relu", "x", "y")])
    main.input.append(helper.make_value_info("z", types[kind]))

    end = read(proto(main)).graph.inputs[1]

    assert (end.name, end.dtype, end.sizes, end.kind) == ("z", None, None, kind)


def test_a_negative_size_is_an_open_one() -> None:
    main = graph([node("Relu", "x", "y")])
    main.input[0].type.tensor_type.shape.dim[0].dim_value = -1

    assert read(proto(main)).graph.inputs[0].sizes == (None, 3)


def test_shapes_that_contradict_each_other_do_not_stop_the_reader(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = graph([node("MatMul", "x c", "a"), node("Relu", "a", "y")], [constant("c", 1, 2)])

    assert ops(read(proto(main))) == ["MatMul", "Relu"]
    capsys.readouterr()


# Functions of the file's own.


def functions(opset: int, *made: tuple[str, list[onnx.NodeProto]]) -> list[onnx.FunctionProto]:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return [
        helper.make_function("local", name, ["p"], ["q"], nodes, imports) for name, nodes in made
    ]


def calling(defined: list[onnx.FunctionProto], opset: int = 17) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    main = graph([node("F", "x", "y", domain="local")])
    return helper.make_model(main, opset_imports=imports, functions=defined)


def test_functions_of_the_file_are_written_out() -> None:
    inner = ("G", [node("Exp", "p", "q")])
    outer = ("F", [node("G", "p", "a", domain="local"), node("Neg", "a", "q")])

    found = read(calling(functions(17, outer, inner)))

    assert ops(found) == ["Exp", "Neg"]
    assert found.functions == ("F", "G")


def test_functions_of_an_older_opset_are_brought_to_that_of_the_model() -> None:
    old = ("F", [node("ReduceSum", "p", "q", axes=[1], keepdims=1)])

    found = read(calling(functions(11, old)))

    assert ops(found) == ["Constant", "ReduceSum"]
    assert found.graph.nodes[1].version == 17


def test_functions_that_call_themselves_are_refused() -> None:
    with pytest.raises(FormatError, match="function 'F' of 'local' calls itself"):
        read(calling(functions(17, ("F", [node("F", "p", "q", domain="local")]))))


def test_functions_of_functions_that_grow_without_bounds_are_refused() -> None:
    def twice(name: str) -> list[onnx.NodeProto]:
        first = node(name, "p", "a", domain="local")
        return [first, node(name, "a", "q", domain="local")]

    names = ["F", *(f"F{i}" for i in range(40)), "End"]
    made = [(name, twice(after)) for name, after in itertools.pairwise(names)]

    with pytest.raises(FormatError, match="more than 500,000 nodes"):
        read(calling(functions(17, *made, ("End", [node("Neg", "p", "q")]))))


# Data beside the model.


def external(folder: Path, **stated: str) -> onnx.ModelProto:
    """Return a model whose only constant, 3 floats, lies in a file; and write the file."""
    (folder / "m.data").write_bytes(b"four" + np.arange(3, dtype="<f4").tobytes())
    tensor = TensorProto(name="c", data_type=1, dims=[3], data_location=TensorProto.EXTERNAL)
    values = {"location": "m.data", "offset": "4", "length": "12"} | stated
    for key, value in values.items():
        tensor.external_data.add(key=key, value=value)
    return proto(graph([node("Add", "x c", "y")], [tensor]))


def test_data_beside_the_model_are_read(tmp_path: Path) -> None:
    onnx.save(external(tmp_path), tmp_path / "m.onnx")

    found = read_onnx(tmp_path / "m.onnx")

    assert found.graph.constants["c"].tolist() == [0, 1, 2]
    assert found.files == {"m.data": 16}


def test_what_the_library_saves_is_read(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    large = numpy_helper.from_array(weights, "c")
    nested = node("Constant", "", "d", value=constant("", 1, 2, 3))
    model = proto(graph([nested, node("MatMul", "x c", "a"), node("Add", "a d", "y")], [large]))
    (tmp_path / "weights").mkdir()
    onnx.save(
        model,
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="weights/all.bin",
        size_threshold=0,
        convert_attribute=True,
    )

    found = read_onnx(tmp_path / "m.onnx")

    assert np.array_equal(found.graph.constants["c"], weights)
    assert found.graph.nodes[0].attributes["value"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"location": "/etc/hostname"}, "expected a path below the model's folder"),
        ({"location": "../m.data"}, "expected a path below the model's folder"),
        ({"location": "a/../../m.data"}, "expected a path below the model's folder"),
        ({"location": "a\\m.data"}, "expected a path below the model's folder"),
        ({"location": "m\0.data"}, "expected a path below the model's folder"),
        ({"location": ""}, "expected a path below the model's folder"),
        ({"location": "."}, "expected a path below the model's folder"),
        ({"location": "n.data"}, "not beside the model; did you mean 'm.data'"),
        ({"location": "m.data/m.data"}, "not beside the model"),
        ({"location": "link.data"}, "which is a link"),
        ({"location": "linked/m.data"}, "which is a link"),
        ({"location": "folder"}, "which is no file"),
        ({"offset": "8"}, "too short: bytes 8 to 20 of 16"),
        ({"offset": "99999999999999999999"}, "too short"),
        ({"offset": "-4"}, "states offset: '-4'; expected a number"),
        ({"offset": "many"}, "states offset: 'many'; expected a number"),
        ({"length": "13"}, "states 13 bytes of data, and has 12"),
        ({"length": "8"}, "states 8 bytes of data, and has 12"),
    ],
)
def test_data_that_are_not_there_or_elsewhere(
    tmp_path: Path, stated: dict[str, str], message: str
) -> None:
    folder = tmp_path / "model"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "m.data").write_bytes(bytes(16))
    (folder / "link.data").symlink_to("m.data")
    (folder / "linked").symlink_to("..")
    onnx.save(external(folder, **stated), folder / "m.onnx")

    with pytest.raises(FormatError) as caught:
        read_onnx(folder / "m.onnx")
    assert caught.value.message.startswith("m.onnx: constant 'c'")
    assert message in caught.value.message


def test_a_named_pipe_beside_the_model_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FormatError, match="which is no file"):
        read(external(tmp_path, location="pipe"), tmp_path)


def test_a_model_without_a_folder_has_no_data_beside_it(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"has its data in 'm\.data', beside the model"):
        read(external(tmp_path))


# Damage.


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x08\x07", bytes(64), b"\xff" * 9])
def test_files_that_are_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)

    with pytest.raises(FormatError, match=r"m\.onnx"):
        read_onnx(tmp_path / "m.onnx")


def test_every_cut_is_an_error_of_ours(tmp_path: Path) -> None:
    given = numpy_helper.from_array(np.array(True), "c")
    nodes = [branches(body(node("Neg", "x", "r"))), node("Relu", "x", "a")]
    content = proto(graph(nodes, [given])).SerializeToString()
    path = tmp_path / "m.onnx"

    for end in range(len(content)):
        path.write_bytes(content[:end])
        try:
            read_onnx(path)
        except (FormatError, ConversionError) as error:
            assert "m.onnx" in error.message  # noqa: PT017  # many of one kind


def field(number: int, content: bytes) -> bytes:
    """Return a field of a message as protobuf writes it."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_graphs_in_graphs_without_end_are_refused(tmp_path: Path) -> None:
    content = b""
    for _ in range(2000):
        content = field(1, field(5, field(6, content)))  # node, attribute, graph
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08" + field(7, content))

    with pytest.raises(FormatError, match="cannot be decoded"):
        read_onnx(tmp_path / "m.onnx")
