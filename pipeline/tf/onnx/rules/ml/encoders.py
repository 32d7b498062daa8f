"""Categories: LabelEncoder, CategoryMapper, OneHotEncoder and ZipMap.

Texts that a model computes are numbers beside their names (see `classes`), so what maps texts maps
these numbers. Texts that come from outside are compared with each known text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.value import Category, Value, narrow, wrap
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.ml.classes import hold_names, name_scores, read_classes, take
from pipeline.tf.onnx.rules.ml.rows import check_numbers, note_doubles

_KINDS = (("strings", "str"), ("int64s", "int64"), ("floats", "float32"), ("tensor", ""))
_DEFAULTS = {"str": ("default_string", "_Unused"), "int64": ("default_int64", -1)}
_SINGLES = 2


def _encode(call: Call) -> Value:
    if call.version < _SINGLES:
        names = [str(name) for name in call.attribute("classes_strings")]
        return _translate_both_ways(call, names, list(range(len(names))))
    keys, _ = _read_side(call, "keys")
    values, dtype = _read_side(call, "values")
    if len(keys) != len(values):
        raise FormatError(f"{call.node.label}: {len(keys)} keys, {len(values)} values")
    return _translate(call, keys, values, dtype, _read_default(call, dtype))


def _read_side(call: Call, side: str) -> tuple[Any, str]:
    for name, dtype in _KINDS:
        found = call.attribute(f"{side}_{name}")
        if found is not None and np.size(found):
            array = np.asarray(found, object if dtype == "str" else dtype or None).reshape(-1)
            texts = array.dtype.kind in "OUS"
            return array, "str" if texts else array.dtype.name
    raise FormatError(f"{call.node.label}: it has no {side}")


def _read_default(call: Call, dtype: str) -> Any:
    stated = call.attribute("default_tensor")
    if stated is not None:
        return np.asarray(stated).reshape(-1)[0]
    if dtype in ("int16", "int32", "int64"):
        dtype = "int64"
    name, default = _DEFAULTS.get(dtype, ("default_float", -0.0))
    return call.attribute(name, default)


def _map_categories(call: Call) -> Value:
    names = [str(name) for name in call.attribute("cats_strings")]
    return _translate_both_ways(call, names, [int(n) for n in call.attribute("cats_int64s")])


def _translate_both_ways(call: Call, names: list[str], numbers: list[int]) -> Value:
    """Translate texts into numbers, or numbers into texts, as the input is."""
    if _is_text(call.value(0)):
        number = int(call.attribute("default_int64", -1))
        return _translate(
            call, np.array(names, object), np.array(numbers, np.int64), "int64", number
        )
    default = str(call.attribute("default_string", "_Unused"))
    return _translate(call, np.array(numbers, np.int64), np.array(names, object), "str", default)


def _is_text(value: Value) -> bool:
    return value.dtype == "str" or isinstance(value.dtype, Category)


def _translate(call: Call, keys: Any, values: Any, dtype: str, default: Any) -> Value:
    """Return the value of each key, the first one where it has several."""
    value = call.value(0)
    table = np.array([*values, default], object if dtype == "str" else values.dtype)
    if value.is_known or isinstance(value.dtype, Category):
        found = {_key(key): number for number, key in reversed([*enumerate(keys)])}
        texts = value.dtype.names if isinstance(value.dtype, Category) else value.array.reshape(-1)
        places = np.array([found.get(_key(text), len(keys)) for text in texts], np.int32)
        if value.is_known:
            return _known(value, table[places], dtype)
        return _look_up(call, value, table[places], dtype)
    note_doubles(call, value)
    return _look_up(call, _find(value, keys), table, dtype)


def _known(value: Value, made: Any, dtype: str) -> Value:
    sizes = value.array.shape
    order = tuple(range(len(sizes)))
    return Value(held=made.reshape(sizes), dtype=dtype, order=order, sizes=sizes)


def _key(item: Any) -> Any:
    """Return what equals in a dictionary where the standard says equal: NaN is NaN."""
    return (
        "NaN"
        if isinstance(item, float | np.floating) and np.isnan(item)
        else (str(item) if isinstance(item, str) else item)
    )


def _look_up(call: Call, places: Value, table: Any, dtype: str) -> Value:
    """Return entries of a table; texts as the numbers of different ones."""
    if dtype != "str":
        made = take(places.tensor, table, dtype)
        return wrap(made, dtype, order=places.order, sizes=places.sizes)
    names = list(dict.fromkeys(str(text) for text in table))
    numbers = np.array([names.index(str(text)) for text in table], np.int64)
    made = hold_names(call, take(places.tensor, numbers, "int64"), names)
    return Value(held=made.held, dtype=made.dtype, order=places.order, sizes=places.sizes)


def _find(value: Value, keys: Any) -> Value:
    """Return the place of each value among keys, their count where it is none of them."""
    tensor = tf.expand_dims(value.tensor, -1)
    same = tf.equal(tensor, tf.constant(narrow(keys, value.dtype)))
    if keys.dtype.kind == "f" and np.any(np.isnan(keys)):
        same = tf.logical_or(same, tf.logical_and(tf.math.is_nan(tensor), np.isnan(keys)))
    numbers = np.arange(len(keys), dtype=np.int32)
    places = tf.reduce_min(tf.where(same, numbers, np.int32(len(keys))), -1)
    return wrap(places, "int64", order=value.order, sizes=value.sizes)


def _encode_one_hot(call: Call) -> Value:
    """OneHotEncoder: an axis of ones and zeros behind the others; floats lose their fraction."""
    value = call.value(0)
    if not call.attribute("zeros", 1):
        call.state.notes[
            f"{call.node.label}: an unknown category gives zeros; ONNX Runtime stops there"
        ] = None
    names, numbers = call.attribute("cats_strings"), call.attribute("cats_int64s")
    if isinstance(value.dtype, Category):
        wanted = [str(name) for name in names or ()]
        table = np.array([[float(own == name) for name in wanted] for own in value.dtype.names])
        return wrap(tf.gather(tf.constant(table.astype(np.float32)), value.plain), "float32")
    if value.dtype == "str" and names:
        keys = tf.constant([str(name) for name in names])
        same = tf.equal(tf.expand_dims(value.plain, -1), keys)
        return wrap(tf.cast(same, tf.float32), "float32")
    check_numbers(call, value)
    if not numbers:
        raise FormatError(f"{call.node.label}: it has no categories for numbers")
    whole = tf.cast(value.plain, tf.int32)
    same = tf.equal(tf.expand_dims(whole, -1), tf.constant(narrow(np.array(numbers), "int64")))
    return wrap(tf.cast(same, tf.float32), "float32")


def _zip(call: Call) -> Value:
    """ZipMap: a map for each sample stays a row; the keys become labels of its columns."""
    value = call.value(0)
    keys: Sequence[str] = read_classes(call, "classlabels_int64s").texts
    call.state.notes[
        "maps from classes to scores are rows of scores in this graph; the catalog names columns"
    ] = None
    name_scores(call, 0, keys)
    return value


RULES: Table = {
    "LabelEncoder": _encode,
    "CategoryMapper": _map_categories,
    "OneHotEncoder": _encode_one_hot,
    "ZipMap": _zip,
}

REFUSED = {
    "DictVectorizer": "its input is a map, which TensorFlow.js does not have",
    "CastMap": "its input is a map, which TensorFlow.js does not have",
}
