"""The type of a lowering, and functions that the rules share.

A rule takes an op's inputs and attributes under the names of tf.raw_ops, ignores those that it
does not need, and returns the op's result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

SMALL = {tf.uint8: 8, tf.int8: 8, tf.uint16: 16, tf.int16: 16}
"""The widths of the types of fewer than 32 bits."""


class NotLowered(Exception):  # noqa: N818  # it is no error: the op stays as it is
    """A rule has no equal form for this node; the message says why."""


class NotNeeded(NotLowered):
    """TensorFlow.js computes this node right."""


@dataclass(frozen=True, kw_only=True)
class Lowering:
    """A rule.

    Attributes:
        lower: The function.
        becomes: The result, as a noun for the sentence on the change.
        why: The fault of the op in TensorFlow.js; None if TensorFlow.js lacks the op.
        applies: Whether the rule is for a node, decided by the node alone.
        is_final: Whether the ops of its result are right as they are, whatever their own rules say.
    """

    lower: Callable[..., Any]
    becomes: str
    why: str | None = None
    applies: Callable[[NodeDef], bool] = lambda _: True
    is_final: bool = False

    def describe(self, op: str) -> str:
        """Return the sentence on the change: "Erfc became 1 - Erf: TensorFlow.js has no Erfc"."""
        return f"{op} became {self.becomes}: {self.why or f'TensorFlow.js has no {op}'}"


def least_of(dtype: tf.DType) -> Any:
    """Return a number that no maximum takes; of int64 that of int32, which it becomes."""
    if dtype.is_floating:
        return -np.inf
    return tf.int32.min if dtype == tf.int64 else dtype.min


def greatest_of(dtype: tf.DType) -> Any:
    """Return a number that no minimum takes; of int64 that of int32, which it becomes."""
    if dtype.is_floating:
        return np.inf
    return tf.int32.max if dtype == tf.int64 else dtype.max


def require_static(tensor: tf.Tensor, name: str) -> Any:
    """Return the value of a constant as a numpy array.

    Raises:
        NotLowered: The value is known only when the model runs.
    """
    value = tf.get_static_value(tensor)
    if value is None:
        raise NotLowered(f"its {name} is computed")
    return np.asarray(value)


def require_ndim(tensor: tf.Tensor) -> int:
    """Return the number of axes.

    Raises:
        NotLowered: The number is known only when the model runs.
    """
    ndim = tensor.shape.rank
    if ndim is None:
        raise NotLowered("the number of axes is not known")
    return int(ndim)


def count_axis(axis: int, tensor: tf.Tensor) -> int:
    """Return the number of an axis, which may be counted from the end.

    Raises:
        NotLowered: It counts from the end, and the number of axes is known only in the run.
    """
    return axis if axis >= 0 else axis + require_ndim(tensor)


def require_sizes(tensor: tf.Tensor, axes: slice) -> list[int]:
    """Return the sizes of some axes.

    Raises:
        NotLowered: A size is known only when the model runs.
    """
    require_ndim(tensor)
    sizes: list[int | None] = tensor.shape.as_list()[axes]
    if None in sizes:
        raise NotLowered(f"the sizes {tuple(sizes)} are not all known")
    return [int(size) for size in sizes if size is not None]


def size_of(tensor: tf.Tensor, axis: int) -> Any:
    """Return the size of an axis: a number if known, else an int32 tensor."""
    known = None if tensor.shape.rank is None else tensor.shape[axis]
    return tf.shape(tensor)[axis] if known is None else known


def gather_rows(params: tf.Tensor, indices: tf.Tensor, batch_dims: int) -> tf.Tensor:
    """Gather along the axis after the batch axes, from each batch by its own indices.

    The wasm backend reads beyond the batch in a gather with batch axes, so the batches are joined,
    and the start of each batch is added to its indices.
    """
    size = size_of(params, batch_dims)
    batches = tf.shape(params)[:batch_dims]
    inner = tf.shape(params)[batch_dims + 1 :]
    flat = tf.reshape(params, tf.concat([[-1], inner], 0))
    number = tf.reduce_prod(tf.concat([[1], batches], 0))
    rest = tf.ones([tf.rank(indices) - batch_dims], tf.int32)
    starts = tf.reshape(tf.range(number) * size, tf.concat([batches, rest], 0))
    return tf.gather(flat, tf.cast(indices, tf.int32) + starts)


def sort_places(numbers: tf.Tensor) -> tf.Tensor:
    """Return the indices that sort a vector of int32; of equal numbers the first comes first.

    It has at least one number: TensorFlow.js returns an index for the order of none.
    """
    return tf.math.top_k(-1 - numbers, tf.size(numbers))[1]
