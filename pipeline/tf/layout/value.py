"""Values of a model whose axes may be held in another order than the model has them.

ONNX and OpenVINO put the channels of an image before its height, TensorFlow.js computes with the
channels last. A value therefore carries the order in which its axes are held: a transposition
changes the order and no data, operators compute in whatever order comes, and a Transpose is
written only where the order matters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.sizes import Size, is_known, materialize, new_size

Order = tuple[int, ...]
"""For each axis as it is held, the number of the model's axis."""

_INT32 = np.iinfo(np.int32)
_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_HELD: Mapping[str, tf.DType] = {
    "bool": tf.bool, "str": tf.string, "complex64": tf.complex64, "complex128": tf.complex64,
}  # fmt: skip


class Category(str):
    """The dtype of texts that are held as numbers: the places of the texts among their names.

    TensorFlow.js moves no texts, so what a model chooses among known texts is the number of one.

    Attributes:
        names: The texts.
    """

    __slots__ = ("names",)
    names: tuple[str, ...]

    def __new__(cls, names: Sequence[str]) -> Self:
        """Return the dtype; as a name it is "category"."""
        made = super().__new__(cls, "category")
        made.names = tuple(names)
        return made


def held_dtype(dtype: str) -> tf.DType:
    """Return the dtype that TensorFlow.js has for a dtype of the source.

    Args:
        dtype: Name of a dtype of numpy or ml_dtypes: "int64", "bfloat16"; "str" for texts.

    Returns:
        float32 for all floats, int32 for all integers and categories.
    """
    if dtype in _HELD:
        return _HELD[dtype]
    return tf.float32 if is_float(dtype) else tf.int32


def is_float(dtype: str) -> bool:
    """Return whether a dtype of the source has fractions."""
    return dtype in _FLOATS or dtype.startswith("float")


def is_integer(dtype: str) -> bool:
    """Return whether a dtype of the source is one of whole numbers."""
    return dtype not in _HELD and not is_float(dtype)


def natural(rank: int) -> Order:
    """Return the order of axes that are held as the model has them."""
    return tuple(range(rank))


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """A value of a model.

    Attributes:
        held: A tensor of TensorFlow; or an array where the value is known, of the source's own
            dtype. An array of small whole numbers may have sizes among them that are known only
            when the model runs (see `pipeline.tf.layout.sizes`).
        dtype: The dtype in the source: "int64", "float16", "str".
        order: The order in which its axes are held.
        sizes: The size of each axis of the model.
    """

    held: Any
    dtype: str
    order: Order
    sizes: tuple[Size, ...]

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.order)

    @property
    def is_array(self) -> bool:
        """Whether the value is known, but for sizes."""
        return isinstance(self.held, np.ndarray)

    @property
    def is_known(self) -> bool:
        """Whether every number of the value is known."""
        return self.is_array and (
            self.dtype == "str" or self.held.dtype != object or all(map(is_known, self.held.flat))
        )

    @property
    def array(self) -> Any:
        """The known value in the model's order of axes, in the source's dtype."""
        assert self.is_known
        array = np.transpose(self.held, np.argsort(self.order))
        return array.astype(self.dtype) if array.dtype == object and self.dtype != "str" else array

    @property
    def tensor(self) -> Any:
        """The value as a tensor, its axes in the order in which they are held."""
        if not self.is_array:
            return self.held
        if not self.is_known:
            return tf.cast(_stack(self.held), held_dtype(self.dtype))
        return tf.constant(narrow(self.held, self.dtype))

    @property
    def plain(self) -> Any:
        """The value as a tensor, its axes in the model's order."""
        return arrange(self, natural(self.rank)).tensor

    @property
    def is_natural(self) -> bool:
        """Whether the axes are held as the model has them."""
        return self.order == natural(self.rank)

    def with_dtype(self, dtype: str) -> "Value":
        """Return the same numbers under another dtype of the source."""
        held = self.held
        if self.is_known and dtype != "str":
            held = self.array.transpose(self.order).astype(dtype)
        return Value(held=held, dtype=dtype, order=self.order, sizes=self.sizes)


def narrow(array: Any, dtype: str) -> Any:
    """Return a constant in the dtype that TensorFlow.js has for it.

    Raises:
        ConversionError: A whole number is too large for int32.
    """
    wanted = held_dtype(dtype)
    if wanted == tf.string:
        return np.asarray(array, object)
    if wanted == tf.int32 and array.size:
        low, high = int(array.min()), int(array.max())
        if low < _INT32.min or high > _INT32.max:
            worst = low if low < _INT32.min else high
            raise ConversionError(
                f"the number {worst} of a constant is too large for int32, the only whole numbers "
                "of TensorFlow.js"
            )
    return np.ascontiguousarray(array).astype(wanted.as_numpy_dtype).reshape(array.shape)


def _stack(array: Any) -> Any:
    """Return whole numbers, some known only when the model runs, as a tensor of int32."""
    numbers = [materialize(size) for size in array.flat]
    if array.ndim == 0:
        return tf.convert_to_tensor(numbers[0], tf.int32)
    stacked = tf.stack([tf.convert_to_tensor(number, tf.int32) for number in numbers])
    return stacked if array.ndim == 1 else tf.reshape(stacked, array.shape)


def constant(array: Any, dtype: str | None = None) -> Value:
    """Return a known value.

    Args:
        array: Its numbers, in the model's order of axes.
        dtype: Its dtype in the source; None for that of the array.
    """
    array = np.asarray(array)
    name = dtype or ("str" if array.dtype.kind in "OUS" else array.dtype.name)
    return Value(held=array, dtype=name, order=natural(array.ndim), sizes=array.shape)


def wrap(
    tensor: Any,
    dtype: str,
    *,
    order: Order | None = None,
    sizes: Sequence[Size | None] | None = None,
) -> Value:
    """Return the value that a tensor is.

    Args:
        tensor: A tensor of TensorFlow with a known rank, or an array.
        dtype: Its dtype in the source.
        order: The order of its axes; None for the model's.
        sizes: What is known of the model's sizes beside the static shape of the tensor, by axis.

    Raises:
        ConversionError: The rank is not known.
    """
    tensor = tensor if isinstance(tensor, np.ndarray) else tf.convert_to_tensor(tensor)
    if tensor.shape is not None and not isinstance(tensor, np.ndarray):
        if tensor.shape.rank is None:
            raise ConversionError("the number of axes is not known before the model runs")
        wanted = held_dtype(dtype)
        tensor = tensor if tensor.dtype == wanted else tf.cast(tensor, wanted)
    order = order or natural(len(tensor.shape))
    found: list[Size] = [0] * len(order)
    for axis, (number, size) in enumerate(zip(order, tensor.shape, strict=True)):
        hint = sizes[number] if sizes else None
        found[number] = (
            int(size) if size is not None else new_size(tensor, axis) if hint is None else hint
        )
    return Value(held=tensor, dtype=dtype, order=order, sizes=tuple(found))


def arrange(value: Value, order: Order) -> Value:
    """Return a value with its axes held in another order."""
    if value.order == order:
        return value
    moves = tuple(value.order.index(axis) for axis in order)
    if value.is_array:
        held = np.transpose(value.held, moves)
    elif _moves_only_ones(value, moves):
        held = reshape_held(value.held, [value.sizes[axis] for axis in order])
    else:
        held = tf.transpose(value.held, moves)
    return Value(held=held, dtype=value.dtype, order=order, sizes=value.sizes)


def _moves_only_ones(value: Value, moves: Sequence[int]) -> bool:
    real = [axis for axis in moves if value.sizes[value.order[axis]] != 1]
    return real == sorted(real)


def reshape_held(tensor: Any, sizes: Sequence[Size]) -> Any:
    """Return a tensor with its data in another shape.

    Args:
        tensor: A tensor of TensorFlow, or an array.
        sizes: The new size of each axis as it is held.
    """
    unknown = [number for number, size in enumerate(sizes) if not is_known(size)]
    if isinstance(tensor, np.ndarray) and not unknown:
        return tensor.reshape(sizes_tensor(sizes))
    # -1 cannot stand beside a size of 0.
    if len(unknown) == 1 and 0 not in sizes:
        return tf.reshape(tensor, [-1 if not is_known(size) else size for size in sizes])
    return tf.reshape(tensor, sizes_tensor(sizes))


def sizes_tensor(sizes: Sequence[Size]) -> Any:
    """Return sizes as what an op takes for a shape: a list, or a vector of int32."""
    if all(map(is_known, sizes)):
        return [int(size) for size in sizes if is_known(size)]
    return tf.stack([materialize(size) for size in sizes])


def transpose(value: Value, axes: Sequence[int]) -> Value:
    """Return a value with the model's axes in another order; no data moves."""
    places = {axis: number for number, axis in enumerate(axes)}
    return Value(
        held=value.held,
        dtype=value.dtype,
        order=tuple(places[axis] for axis in value.order),
        sizes=tuple(value.sizes[axis] for axis in axes),
    )


def expand_rank(value: Value, rank: int) -> Value:
    """Return a value with axes of size 1 before its own, up to a rank."""
    added = rank - value.rank
    if added <= 0:
        return value
    sizes = (1,) * added + value.sizes
    order = natural(added) + tuple(axis + added for axis in value.order)
    held = reshape_held(value.held, [sizes[axis] for axis in order])
    return Value(held=held, dtype=value.dtype, order=order, sizes=sizes)
