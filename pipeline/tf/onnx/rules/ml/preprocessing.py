"""Features before a model: scaled, normalized, filled in, joined and chosen."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.sizes import is_known
from pipeline.tf.layout.value import Value, constant, is_integer, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.ml.classes import hold_names, take
from pipeline.tf.onnx.rules.ml.rows import check_numbers, floats, read_rows

_RANK = 2


def _scale(call: Call) -> Value:
    value = call.value(0)
    check_numbers(call, value)
    offset, scale = (floats(call, name).astype(np.float32) for name in ("offset", "scale"))
    if len(scale) != len(offset) or not len(scale):
        raise FormatError(f"{call.node.label}: {len(offset)} offsets, {len(scale)} scales")
    return elementwise(
        lambda x, by, times: (tf.cast(x, tf.float32) - by) * times,
        [value, constant(_fit(value, offset)), constant(_fit(value, scale))],
        "float32",
    )


def _fit(value: Value, numbers: Any) -> Any:
    """Return numbers of features along the second axis; a single one is for all."""
    if len(numbers) == 1 or value.rank <= _RANK:
        return numbers
    return numbers.reshape(-1, *[1] * (value.rank - _RANK))


def _normalize(call: Call) -> Any:
    """Divide samples by their norm; those of norm 0 stay. MAX is the largest number."""
    rows = read_rows(call)
    kind = call.attribute("norm", "MAX")
    if kind == "MAX":
        norm = tf.reduce_max(rows, axis=1, keepdims=True)
    elif kind == "L1":
        norm = tf.reduce_sum(tf.abs(rows), axis=1, keepdims=True)
    elif kind == "L2":
        norm = tf.sqrt(tf.reduce_sum(tf.square(rows), axis=1, keepdims=True))
    else:
        raise call.refuse(f"norm is {kind!r}")
    made = rows / tf.where(tf.equal(norm, 0.0), tf.ones_like(norm), norm)
    return made if call.value(0).rank == _RANK else tf.reshape(made, [-1])


def _binarize(call: Call) -> Value:
    limit = float(call.attribute("threshold", 0.0))
    value = call.value(0)
    check_numbers(call, value)
    return elementwise(lambda x: tf.cast(x > tf.cast(limit, x.dtype), x.dtype), [value])


def _impute(call: Call) -> Value:
    value = call.value(0)
    check_numbers(call, value)
    kind = "int64" if is_integer(value.dtype) else "float32"
    name = "imputed_value_int64s" if kind == "int64" else "imputed_value_floats"
    by = np.asarray(call.attribute(name) or (), value.dtype)
    if not len(by):
        raise FormatError(f"{call.node.label}: nothing is stated for what it replaces")
    if is_known(value.sizes[-1]) and len(by) != value.sizes[-1]:
        by = by[:1]
    replaced = call.attribute(f"replaced_value_{'int64' if kind == 'int64' else 'float'}", 0)

    def impute(tensor: Any, instead: Any) -> Any:
        missing = (
            tf.math.is_nan(tensor)
            if np.isnan(replaced)
            else tf.equal(tensor, tf.cast(replaced, tensor.dtype))
        )
        return tf.where(missing, instead, tensor)

    return elementwise(impute, [value, constant(by)])


def _join(call: Call) -> Any:
    """FeatureVectorizer: features side by side, each cut or filled up with zeros to its width."""
    widths = [int(n) for n in call.attribute("inputdimensions")]
    if len(widths) != len(call.inputs):
        raise FormatError(f"{call.node.label}: {len(call.inputs)} inputs, {len(widths)} widths")
    parts = []
    for index, width in enumerate(widths):
        rows = read_rows(call, index)
        size = rows.shape[1]
        if size is None:
            raise call.refuse("the number of its features is not known")
        parts.append(rows[:, :width] if size > width else rows)
        if size < width:
            parts[-1] = tf.pad(rows, [[0, 0], [0, width - size]])
    return tf.concat(parts, 1) if len(parts) > 1 else parts[0]


def _extract(call: Call) -> Any:
    """ArrayFeatureExtractor: places of the last axis; a vector becomes a row."""
    value = call.value(0)
    places = tf.reshape(call.plain(1), [-1])
    if value.is_known and value.rank == 1:
        table = value.array
        places = tf.reshape(places, [1, -1])
        if value.dtype == "str":
            return hold_names(call, places, [str(text) for text in table])
        return wrap(take(places, table, value.dtype), value.dtype)
    made = tf.gather(value.plain, places, axis=value.rank - 1)
    return wrap(tf.reshape(made, [1, -1]) if value.rank == 1 else made, value.dtype)


RULES: Table = {
    "Scaler": _scale,
    "Normalizer": _normalize,
    "Binarizer": _binarize,
    "Imputer": _impute,
    "FeatureVectorizer": _join,
    "ArrayFeatureExtractor": _extract,
}
