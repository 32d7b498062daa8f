"""Operators that choose among elements."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.selection import choose_boxes, compress, corners, find_true, highest, top
from pipeline.tf.layout.selection import unique as find_unique
from pipeline.tf.layout.sizes import is_known, product
from pipeline.tf.layout.value import Value, constant, wrap
from pipeline.tf.onnx.call import Call, Table

_INT32_MAX = 2**31 - 1
_MAX_ROWS = 16


def _top(call: Call) -> list[Value]:
    """TopK: an attribute says how many before version 10."""
    value = call.value(0)
    if call.version < 10:  # noqa: PLR2004
        count: Any = int(call.attribute("k"))
    else:
        known = call.known(1)
        count = tf.reshape(call.plain(1), []) if known is None else int(known.reshape(()))
    return top(value, count, call.axis(-1), largest=bool(call.attribute("largest", 1)))


def _find_true(call: Call) -> Value:
    if call.value(0).dtype == "str":
        raise call.refuse("it looks for empty texts")
    return find_true(call.value(0))


def _flat(value: Value) -> Value:
    return reshape(value, [product(value.sizes)])


def _compress(call: Call) -> Value:
    """Compress: of all elements where no axis is stated."""
    value = call.value(0)
    if "axis" not in call.node.attributes:
        return compress(_flat(value), call.value(1), 0)
    return compress(value, call.value(1), call.axis(0))


def _unique(call: Call) -> list[Value]:
    """Unique: of all elements where no axis is stated."""
    value = call.value(0)
    if value.dtype in ("str", "bool"):
        raise call.refuse(f"it compares {'texts' if value.dtype == 'str' else 'truth values'}")
    in_order = bool(call.attribute("sorted", 1))
    if "axis" not in call.node.attributes:
        return find_unique(_flat(value), 0, in_order=in_order)
    return find_unique(value, call.axis(0), in_order=in_order)


def _choose_boxes(call: Call) -> Value:
    """NonMaxSuppression: nothing is chosen where no limit is stated."""
    boxes, scores = call.value(0), call.value(1)
    if call.attribute("center_point_box", 0):
        boxes = corners(boxes)
    if not call.has(2) or _is_zero(call.known(2)):
        return constant(np.zeros((0, 3), np.int64))
    known = call.known(2)
    limit = (
        tf.reshape(call.plain(2), []) if known is None else min(int(known.reshape(())), _INT32_MAX)
    )
    least = _scalar(call, 4)
    return choose_boxes(boxes, scores, limit, overlap=_overlap(call), least=least)


def _is_zero(number: Any) -> bool:
    return number is not None and int(number.reshape(())) <= 0


def _scalar(call: Call, index: int) -> Any:
    if not call.has(index):
        return None
    known = call.known(index)
    return tf.reshape(call.plain(index), []) if known is None else np.float32(known.reshape(()))


def _overlap(call: Call) -> Any:
    """Return the least overlap that counts: TensorFlow.js leaves out boxes of the limit itself."""
    limit = _scalar(call, 3)
    limit = np.float32(0) if limit is None else limit
    if isinstance(limit, np.float32):
        if not 0 <= limit < 1:
            raise call.refuse(f"its limit of overlap is {limit}; it has to be within 0 and 1")
        return np.nextafter(limit, np.float32(1))
    tiny = float(np.finfo(np.float32).tiny)
    return tf.minimum(limit * np.float32(1 + 2.0**-23) + tiny, 1.0)


def _highest(call: Call) -> Value:
    """Hardmax: over one axis, or before version 13 over all behind it."""
    value = call.value(0)
    if call.version >= 13:  # noqa: PLR2004
        return highest(value, call.axis(-1))
    axis = call.axis(1)
    flat = reshape(value, [product(value.sizes[:axis]), product(value.sizes[axis:])])
    return reshape(highest(flat, 1), value.sizes)


def _determinant(call: Call) -> Value:
    """Det: by Gaussian elimination, the greatest element of each column in front."""
    value = call.value(0)
    size = value.sizes[-1]
    if not is_known(size) or size > _MAX_ROWS:
        raise call.refuse(f"a matrix of more than {_MAX_ROWS} rows, or of an open number of them")
    matrix, total = value.plain, None
    for left in range(int(size), 0, -1):
        if left == 1:
            factor = matrix[..., 0, 0]
        elif left == 2:  # noqa: PLR2004
            factor = matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
        else:
            matrix, factor = _eliminate(matrix, left)
        total = factor if total is None else total * factor
        if left <= 2:  # noqa: PLR2004
            break
    return wrap(total, value.dtype, sizes=value.sizes[:-2])


def _eliminate(matrix: Any, rows: int) -> tuple[Any, Any]:
    """Return a matrix without its first column and one row, and what that takes out of it."""
    numbers = np.arange(rows, dtype=np.int32)
    best = tf.expand_dims(tf.argmax(tf.abs(matrix[..., 0]), -1, tf.int32), -1)
    # The row goes to the front, and those before it down by one, which turns the sign each time.
    moved = tf.where(numbers == 0, best, tf.where(numbers <= best, numbers - 1, numbers))
    is_taken = tf.cast(tf.equal(moved[..., :, None], numbers), tf.float32)
    sorted_rows = tf.matmul(is_taken, matrix)
    sign = 1.0 - 2.0 * tf.cast(tf.math.floormod(best[..., 0], 2), tf.float32)
    pivot = sorted_rows[..., 0, 0]
    safe = tf.where(tf.equal(pivot, 0.0), tf.ones_like(pivot), pivot)
    ratios = sorted_rows[..., 1:, :1] / safe[..., None, None]
    rest = sorted_rows[..., 1:, 1:] - ratios * sorted_rows[..., :1, 1:]
    return rest, pivot * sign


RULES: Table = {
    "TopK": _top,
    "NonZero": _find_true,
    "Compress": _compress,
    "Unique": _unique,
    "NonMaxSuppression": _choose_boxes,
    "Hardmax": _highest,
    "Det": _determinant,
}
