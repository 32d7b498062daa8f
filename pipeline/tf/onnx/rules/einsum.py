"""Einsum."""

from pipeline.tf.layout.einsum import einsum
from pipeline.tf.layout.value import Value
from pipeline.tf.onnx.call import Call, Table


def _einsum(call: Call) -> Value:
    values = [call.value(index) for index in range(len(call.inputs))]
    return einsum(call.attribute("equation"), values)


RULES: Table = {"Einsum": _einsum}
