"""Arithmetic on sizes: what models compute from shapes, as expressions that need no graph.

Models ask for a shape, take sizes out of it, multiply them and put them together again. These
rules follow the sizes through such operators, also those that are not known before the model runs
(see `pipeline.tf.layout.sizes`). A rule returns None where it does not apply; the ordinary rule
of the operator then builds it.
"""

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from pipeline.tf.layout.sizes import Size, is_known, is_natural_number
from pipeline.tf.layout.value import Value, is_float, is_integer, natural
from pipeline.tf.onnx.call import Call, Rule

_MAX_NUMBERS = 256
# Beyond it not every whole number is a float64.
_EXACT = 2**53
# Those of fewer bits have other numbers than large sizes.
_WIDE = {"int32", "int64", "uint32", "uint64", "float32", "float64"}


def _small(value: Value | None) -> Any:
    """Return an array of whole numbers and sizes; None where it is something else, or large."""
    if value is None or not value.is_array or value.held.size > _MAX_NUMBERS:
        return None
    array = np.transpose(value.held, np.argsort(value.order))
    if array.dtype != object and not is_integer(value.dtype):
        if not is_float(value.dtype) or not np.all(
            (abs(array) < _EXACT) & (array == np.rint(array))
        ):
            return None
        array = array.astype(np.int64)
    return None if value.dtype == "str" else array.astype(object)


def _make(array: Any, dtype: str) -> Value:
    array = np.asarray(array, object)
    if all(is_known(number) for number in array.flat):
        array = array.astype(dtype)
    return Value(held=array, dtype=dtype, order=natural(array.ndim), sizes=array.shape)


def _has_open(*arrays: Any) -> bool:
    return any(not is_known(number) for array in arrays for number in array.flat)


def _shape(call: Call) -> Value:
    sizes = call.value(0).sizes
    call.state.axis_sizes.update(sizes)
    start, end = call.attribute("start", 0), call.attribute("end")
    return _make(np.array([*sizes, None], object)[:-1][start:end], "int64")


def _size(call: Call) -> Value:
    total: Any = 1
    for size in call.value(0).sizes:
        total = total * size
    call.state.axis_sizes.add(total)
    return _make(np.array(total, object), "int64")


def _divide(call: Call) -> Value | None:
    first, second = _small(call.inputs[0]), _small(call.inputs[1])
    if first is None or second is None or not _has_open(first, second):
        return None
    dtype = call.value(0).dtype
    pairs = np.broadcast(first, second)
    quotients = [_quotient(a, b, call.state.axis_sizes) for a, b in pairs]
    if None in quotients:
        return None
    made = _as_objects(quotients, pairs.shape)
    if is_float(dtype) and any(n != 0 for n in np.ravel(first - made * second)):
        return None
    return _make(made, dtype)


def _as_objects(items: Sequence[Any], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


def _quotient(first: Any, second: Any, sizes: Collection[Size]) -> Any:
    """Return a quotient rounded towards zero; None where the signs are not certain."""
    if is_known(second) and second == 0:
        return None
    quotient = first // second
    is_exact = first - quotient * second == 0
    is_positive = all(is_natural_number(each, sizes) for each in (first, second))
    if is_exact or is_positive:
        return quotient
    if is_known(first) and is_known(second):
        return quotient + (1 if quotient < 0 else 0)
    return None


def _remainder(call: Call) -> Value | None:
    numbers = [_small(value) for value in call.inputs[:2]]
    if any(array is None for array in numbers):
        return None
    are_positive = all(
        is_natural_number(each, call.state.axis_sizes) for array in numbers for each in array.flat
    )
    if call.attribute("fmod", 0) and not are_positive:
        return None
    return _binary(operator.mod)(call)  # type: ignore[no-any-return]


def _binary(compute: Callable[[Any, Any], Any]) -> Rule:
    def rule(call: Call) -> Value | None:
        first, second = _small(call.inputs[0]), _small(call.inputs[1])
        if first is None or second is None or not _has_open(first, second):
            return None
        return _make(compute(first, second), call.value(0).dtype)

    return rule


def _negate(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    if data is None or not _has_open(data):
        return None
    return _make(-data, call.value(0).dtype)


def _compare(is_equal: bool) -> Rule:  # noqa: FBT001  # the one thing that differs
    """Compare sizes, where the answer is the same whatever they are."""

    def rule(call: Call) -> Any:
        first, second = _small(call.inputs[0]), _small(call.inputs[1])
        if first is None or second is None or not _has_open(first, second):
            return None
        pairs = np.broadcast(first, second)
        answers = [_equal(a, b, call.state.axis_sizes) for a, b in pairs]
        if None in answers:
            return None
        return (np.array(answers, bool) == is_equal).reshape(pairs.shape)

    return rule


def _equal(first: Any, second: Any, sizes: Collection[Size]) -> bool | None:
    """Return whether two sizes are equal; None where it depends on them."""
    if first == second:
        return True
    if is_known(first) and is_known(second):
        return False
    # An open size is no negative number, and models compare with -1.
    number, size = (first, second) if is_known(first) else (second, first)
    return False if is_known(number) and number < 0 and is_natural_number(size, sizes) else None


def _gather(call: Call) -> Value | None:
    data, indices = _small(call.inputs[0]), call.known(1)
    if data is None or indices is None or not _has_open(data):
        return None
    axis = call.axis(0)
    return _make(np.take(data, indices.astype(int), axis=axis), call.value(0).dtype)


def _concat(call: Call) -> Value | None:
    arrays = [_small(value) for value in call.inputs]
    if any(array is None for array in arrays) or not _has_open(*arrays):
        return None
    return _make(np.concatenate(arrays, call.axis(0)), call.value(0).dtype)


def _slice(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    if data is None or data.ndim != 1 or not _has_open(data):
        return None
    parts = [call.whole_numbers(i, name, below=10) for i, name in ((1, "starts"), (2, "ends"))]
    steps = call.whole_numbers(4, "steps", below=10) or [1]
    if parts[0] is None or parts[1] is None:
        return None
    end = None if is_end(parts[1][0], steps[0]) else parts[1][0]
    cut = slice(max(parts[0][0], -len(data)), end, steps[0])
    return _make(data[cut], call.value(0).dtype)


def is_end(place: int, step: int) -> bool:
    """Return whether a place that a slice ends at stands for no limit.

    The largest numbers do so backwards too, as ONNX Runtime has them.
    """
    ends = np.iinfo(np.int32)
    return place >= ends.max or (step < 0 and place <= ends.min)


def _unsqueeze(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    axes = call.whole_numbers(1, "axes", below=13)
    if data is None or not _has_open(data) or axes is None:
        return None
    return _make(np.expand_dims(data, tuple(axes)), call.value(0).dtype)


def _squeeze(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    if data is None or not _has_open(data):
        return None
    axes = call.whole_numbers(1, "axes", below=13)
    return _make(np.squeeze(data, tuple(axes) if axes else None), call.value(0).dtype)


def _cast(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    dtype = call.dtypes[0]
    if data is None or not _has_open(data) or dtype not in _WIDE:
        return None
    return _make(data, dtype)


def _reshape(call: Call) -> Value | None:
    data, shape = _small(call.inputs[0]), call.known(1)
    if data is None or not _has_open(data) or shape is None:
        return None
    return _make(data.reshape([int(n) for n in shape]), call.value(0).dtype)


def _multiply_all(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    if data is None or data.ndim != 1 or not _has_open(data):
        return None
    total: Any = 1
    for size in data:
        total = total * size
    kept = np.array([total] if call.attribute("keepdims", 1) else total, object)
    return _make(kept, call.value(0).dtype)


def _repeat(call: Call) -> Value | None:
    """Return a vector of one number, as long as a known shape asks for."""
    data, shape = _small(call.inputs[0]), call.known(1)
    if data is None or not _has_open(data) or shape is None:
        return None
    return _make(
        np.broadcast_to(data, np.broadcast_shapes(data.shape, tuple(shape))), call.value(0).dtype
    )


def _choose(call: Call) -> Value | None:
    condition = call.known(0)
    arrays = [_small(value) for value in call.inputs[1:3]]
    if condition is None or any(array is None for array in arrays) or not _has_open(*arrays):
        return None
    return _make(np.where(condition, *arrays), call.value(1).dtype)


def _as_it_is(call: Call) -> Value | None:
    data = _small(call.inputs[0])
    return None if data is None or not _has_open(data) else call.value(0)


SIZE_RULES: dict[str, Rule] = {
    "Shape": _shape,
    "Size": _size,
    "Add": _binary(operator.add),
    "Sub": _binary(operator.sub),
    "Mul": _binary(operator.mul),
    "Div": _divide,
    "Mod": _remainder,
    "Neg": _negate,
    "Equal": _compare(is_equal=True),
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Cast": _cast,
    "Reshape": _reshape,
    "ReduceProd": _multiply_all,
    "Expand": _repeat,
    "Where": _choose,
    "Identity": _as_it_is,
    "Floor": _as_it_is,
    "Ceil": _as_it_is,
}


def listed_sizes(value: Value) -> list[Any] | None:
    """Return a vector of whole numbers as a list, open sizes among them; None where computed."""
    if not value.is_array:
        return None
    return [int(n) if is_known(n) else n for n in np.atleast_1d(value.held)]
