"""Small ONNX files for tests that do not convert them."""

import numpy as np
import onnx
from onnx import TensorProto, helper


def onnx_model(*locations: str) -> bytes:
    """Return a model whose constants, of one float each, lie in other files."""
    names = [f"c{number}" for number in range(len(locations))]
    constants = [
        TensorProto(name=name, data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
        for name in names
    ]
    for constant, location in zip(constants, locations, strict=True):
        constant.external_data.add(key="location", value=location)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    node = helper.make_node("Sum", ["x", *names], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], initializer=constants)
    return bytes(helper.make_model(graph, producer_name="test").SerializeToString())


def nested_onnx_model(location: str) -> bytes:
    """Return a model with external data in every place that may have them, all different."""

    def outside(name: str) -> TensorProto:
        tensor = TensorProto(name=name, data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=f"{location}/{name}")
        return tensor

    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]
    constant = helper.make_node("Constant", [], ["y"], value=outside("attribute"))
    body = helper.make_graph([constant], "b", [], out, initializer=[outside("body")])
    many = helper.make_node("Many", [], ["z"], tensors=[outside("list")], domain="org.example")
    choice = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    given = onnx.numpy_helper.from_array(np.array(True), "c")
    sparse = onnx.SparseTensorProto(values=outside("values"), dims=[1])
    sparse.indices.CopyFrom(outside("indices"))
    graph = helper.make_graph(
        [choice, many], "g", [], out, initializer=[given], sparse_initializer=[sparse]
    )
    inner = helper.make_node("Constant", [], ["q"], value=outside("function"))
    function = helper.make_function("f", "F", [], ["q"], [inner], [helper.make_opsetid("", 17)])
    return bytes(helper.make_model(graph, functions=[function]).SerializeToString())
