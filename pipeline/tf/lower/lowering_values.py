"""Values of tensors that do not depend on the inputs of a model.

tf.get_static_value knows constants and some shapes. Sizes computed from these, as in
tf.image.resize, become known once the ops in between run.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

# Largest number of values to look for; weights have more.
_NUM_SHOWN = 4096
_NUM_OPS = 64
_OPAQUE = {tf.resource, tf.variant}
_OF_SHAPES = {"Rank", "Shape", "Size"}
# Ops of arithmetic on sizes, and ops that join sizes.
_RUN = {
    "Add", "AddV2", "Cast", "Ceil", "ConcatV2", "Div", "ExpandDims", "Floor", "FloorDiv",
    "FloorMod", "GatherV2", "Identity", "Maximum", "Minimum", "Mul", "Neg", "Pack", "Prod",
    "Range", "RealDiv", "Reciprocal", "Reshape", "Round", "Slice", "Squeeze", "StridedSlice",
    "Sub", "Sum", "Unpack",
}  # fmt: skip


def find_value(tensor: tf.Tensor) -> npt.NDArray[Any] | None:
    """Return a small tensor's value, None if only the run of the model knows it."""
    count = tensor.shape.num_elements()
    if count is None or count > _NUM_SHOWN or tensor.dtype in _OPAQUE:
        return None
    value = tf.get_static_value(tensor)
    if value is not None:
        return np.asarray(value)
    nodes = _copy_below(tensor)
    if nodes is None:
        return None
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        (copied,) = tf.import_graph_def(nodes, return_elements=[tensor.name], name="")
        return np.asarray(session.run(copied))


def _copy_below(tensor: tf.Tensor) -> GraphDef | None:
    """Return the nodes that compute a tensor; None if one of them depends on an input.

    Known values are constants in it.
    """
    waiting = [tensor.op]
    found: dict[str, NodeDef] = {}
    while waiting:
        op = waiting.pop()
        if op.name in found:
            continue
        value = _find_known(op)
        if value is not None:
            found[op.name] = NodeDef(name=op.name, op="Const")
            found[op.name].attr["dtype"].type = op.outputs[0].dtype.as_datatype_enum
            proto = tf.make_tensor_proto(value, op.outputs[0].dtype)
            found[op.name].attr["value"].tensor.CopyFrom(proto)
        elif op.type in _RUN and len(found) < _NUM_OPS:
            found[op.name] = NodeDef()
            found[op.name].CopyFrom(op.node_def)
            found[op.name].input[:] = [tensor.name for tensor in op.inputs]
            waiting += [tensor.op for tensor in op.inputs]
        else:
            return None
    return GraphDef(node=found.values())


def _find_known(op: tf.Operation) -> npt.NDArray[Any] | None:
    """Return an op's result if it is known without the op's inputs."""
    if op.type == "Const" or op.type in _OF_SHAPES:
        known: npt.NDArray[Any] | None = tf.get_static_value(op.outputs[0])
        return known
    if op.type == "StridedSlice" and op.inputs[0].op.type == "Shape":
        return _slice_shape(op, op.inputs[0].op.inputs[0].shape)
    return None


def _slice_shape(op: tf.Operation, shape: tf.TensorShape) -> npt.NDArray[Any] | None:
    """Return a slice of a shape if all its sizes are known."""
    ends = [tf.get_static_value(tensor) for tensor in op.inputs[1:]]
    if shape.rank is None or any(end is None for end in ends):
        return None
    masks = {attr.name: op.get_attr(attr.name) for attr in op.op_def.attr if attr.type == "int"}
    sizes = [-1 if size is None else size for size in shape.as_list()]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        sliced = tf.raw_ops.StridedSlice(
            input=tf.constant(sizes, op.outputs[0].dtype),
            begin=ends[0],
            end=ends[1],
            strides=ends[2],
            **masks,
        )
        value = np.asarray(session.run(sliced))
    return None if (value < 0).any() else value
