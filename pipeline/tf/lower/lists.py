"""Lowerings of ops on lists of tensors.

TensorFlow.js stacks no list without elements (`stack` in
tfjs-converter/src/executor/tensor_list.ts), looks for the shape of elements to join among the
attributes, and returns the last element alone where it takes it off, without the list.
"""

from typing import Any

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.tf.lower.lowering_rule import Lowering, NotNeeded

_UNKNOWN = -1


def _stack(
    *,
    input_handle: tf.Tensor,
    element_shape: tf.Tensor,
    element_dtype: tf.DType,
    **_: Any,
) -> tf.Tensor:
    """Stack a list, or make a tensor without rows."""
    shape = _read_shape(element_shape)
    if not shape.is_fully_defined() or element_dtype in (tf.variant, tf.resource):
        raise NotNeeded  # TensorFlow refuses an empty list, too
    length = tf.raw_ops.TensorListLength(input_handle=input_handle)
    is_full = tf.greater(length, 0)
    _, full = tf.raw_ops.Switch(data=input_handle, pred=is_full)
    none, _ = tf.raw_ops.Switch(data=length, pred=is_full)
    stacked = tf.raw_ops.TensorListStack(
        input_handle=full, element_shape=element_shape, element_dtype=element_dtype
    )
    filler = "" if element_dtype == tf.string else tf.zeros([], element_dtype)
    sizes = tf.constant(shape.as_list(), tf.int32)
    empty = tf.fill(tf.concat([[none], sizes], 0), filler)
    merged, _ = tf.raw_ops.Merge(inputs=[stacked, empty])
    return merged


def _read_shape(element_shape: tf.Tensor) -> tf.TensorShape:
    """Return a shape from a tensor of sizes, of which -1 is unknown, as -1 alone is a rank."""
    sizes = tf.get_static_value(element_shape)
    if sizes is None or sizes.ndim == 0:
        return tf.TensorShape(None)
    return tf.TensorShape([None if size == _UNKNOWN else int(size) for size in sizes])


def _join(
    *,
    input_handle: tf.Tensor,
    element_shape: tf.Tensor,
    element_dtype: tf.DType,
    **_: Any,
) -> list[tf.Tensor]:
    """Join elements of one size; others TensorFlow.js refuses when it runs."""
    stacked = tf.raw_ops.TensorListStack(
        input_handle=input_handle, element_shape=element_shape, element_dtype=element_dtype
    )
    sizes = tf.shape(stacked)
    joined = tf.reshape(stacked, tf.concat([[sizes[0] * sizes[1]], sizes[2:]], 0))
    return [joined, tf.cast(tf.fill([sizes[0]], sizes[1]), tf.int64)]


def _take_off(
    *,
    input_handle: tf.Tensor,
    element_shape: tf.Tensor,
    element_dtype: tf.DType,
    **_: Any,
) -> list[tf.Tensor]:
    last = tf.raw_ops.TensorListLength(input_handle=input_handle) - 1
    element = tf.raw_ops.TensorListGetItem(
        input_handle=input_handle,
        index=last,
        element_shape=element_shape,
        element_dtype=element_dtype,
    )
    return [tf.raw_ops.TensorListResize(input_handle=input_handle, size=last), element]


def _may_be_empty(node: NodeDef) -> bool:
    return node.attr["num_elements"].i == _UNKNOWN if "num_elements" in node.attr else True


RULES = {
    "TensorListConcatV2": Lowering(
        lower=_join,
        becomes="Reshape of a TensorListStack",
        why="TensorFlow.js looks for the shape of its elements among the attributes",
    ),
    "TensorListPopBack": Lowering(
        lower=_take_off,
        becomes="the last element and a shorter list",
        why="TensorFlow.js returns no list",
    ),
    "TensorListStack": Lowering(
        is_final=True,
        lower=_stack,
        becomes="one for lists with elements",
        why="TensorFlow.js stacks no empty list",
        applies=_may_be_empty,
    ),
}
