"""Operators of OpenVINO that decode sequences, fill lists and invert matrices."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import is_known, materialize
from pipeline.tf.layout.suppression import ascending
from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.onnx.call import Call, Table

_LAST = np.iinfo(np.int32).max
_MAX_UNROLLED = 32
_MAX_ROWS = 16


def _decode(call: Call) -> list[Any]:
    """DecodeSequences: the best class of each step, without blanks and repetitions.

    Inputs are (batch, steps, classes), and how many steps there are, or a mask whose first zero
    ends a sequence; the blank class is an input, or the last one. Places behind the end hold -1.
    """
    value = call.value(0)
    steps = materialize(value.sizes[1])
    best = tf.argmax(call.plain(0), -1, tf.int32)
    places = tf.range(steps)[None]
    if call.attribute("is_masked"):
        there = tf.equal(tf.cumsum(tf.cast(tf.equal(call.plain(1), 0), tf.int32), 1), 0)
    else:
        there = places < tf.reshape(call.plain(1), [-1, 1])
    blank = materialize(value.sizes[2] - 1)
    if call.has(2):
        blank = tf.reshape(call.plain(2), [])
    kept = tf.logical_and(there, tf.not_equal(best, blank))
    if call.attribute("merges"):
        before = tf.pad(best, [[0, 0], [1, 0]], constant_values=-1)[:, :-1]
        kept = tf.logical_and(kept, tf.not_equal(best, before))
    number = tf.reduce_sum(tf.cast(kept, tf.int32), 1)
    if is_known(value.sizes[1]):
        order = ascending(tf.where(kept, places, _LAST))
        order = tf.where(order < _LAST, order, 0)
    else:
        order = tf.math.top_k(-tf.where(kept, places, _LAST), steps)[1]
    found = tf.gather(best, order, batch_dims=1)
    found = tf.where(places < number[:, None], found, -1)
    return [wrap(found, "int64", sizes=value.sizes[:2]), wrap(number, "int64")]


def _gather_tree(call: Call) -> Value:
    """GatherTree: the tokens of each beam, followed back from the end of its sequence."""
    value = call.value(0)
    tokens, parents = call.plain(0), tf.cast(call.plain(1), tf.int32)
    lengths = tf.cast(tf.reshape(call.plain(2), [-1, 1]), tf.int32)
    end = tf.reshape(call.plain(3), [])
    steps, beams = materialize(value.sizes[0]), materialize(value.sizes[2])
    first = tf.zeros_like(parents[0]) + tf.range(beams)[None]

    def step(time: Any, parent: Any) -> tuple[Any, Any]:
        own = time < lengths
        token = tf.gather(tf.gather(tokens, time), parent, batch_dims=1)
        above = tf.gather(tf.gather(parents, time), parent, batch_dims=1)
        return tf.where(own, token, end), tf.where(own, above, parent)

    if isinstance(steps, int) and steps <= _MAX_UNROLLED:
        rows, parent = [], first
        for time in reversed(range(steps)):
            token, parent = step(time, parent)
            rows.append(token)
        made = tf.stack(rows[::-1])
    else:

        def run(time: Any, parent: Any, made: Any) -> tuple[Any, Any, Any]:
            token, above = step(time, parent)
            place = tf.reshape(time, [1, 1])
            return time - 1, above, tf.tensor_scatter_nd_update(made, place, token[None])

        start = [tf.convert_to_tensor(steps) - 1, first, tf.zeros_like(tokens)]
        made = tf.while_loop(lambda time, *_: time >= 0, run, start)[2]
    ended = tf.cumsum(tf.cast(tf.equal(made, end), tf.int32), 0, exclusive=True) > 0
    return wrap(tf.where(ended, end, made), value.dtype, sizes=value.sizes)


def _invert(call: Call) -> Value:
    """Inverse: by Gauss and Jordan, the largest element of each column in front.

    The adjoint of a real matrix is the matrix turned.
    """
    value = call.value(0)
    count = value.sizes[-1]
    if not is_known(count) or count > _MAX_ROWS:
        raise call.refuse(f"a matrix of more than {_MAX_ROWS} rows, or of an open number of them")
    size = int(count)
    matrix = tf.reshape(call.plain(0), [-1, size, size])
    if call.attribute("adjoint"):
        matrix = tf.transpose(matrix, [0, 2, 1])
    unit = np.eye(size, dtype=np.float32)
    wide = tf.concat([matrix, tf.zeros_like(matrix) + unit], -1)
    for column in range(size):
        height = tf.abs(wide[:, column:, column])
        chosen = tf.argmax(height, 1, tf.int32) + column
        pick = tf.one_hot(chosen, size)
        below = tf.reduce_sum(wide * pick[..., None], 1)
        own = wide[:, column]
        change = unit[column][None] - pick
        wide = wide + change[..., None] * (below - own)[:, None]
        pivot = below[:, column]
        row = below / pivot[:, None]
        factor = wide[:, :, column] * (1.0 - unit[column])[None]
        kept = wide * (1.0 - unit[column])[None, :, None]
        wide = kept - factor[..., None] * row[:, None] + unit[column][None, :, None] * row[:, None]
    held = tf.reshape(wide[:, :, size:], tf.shape(call.plain(0)))
    return wrap(held, value.dtype, sizes=value.sizes)


def _fill_rows(call: Call) -> list[Any]:
    """SparseFillEmptyRows: a default element in the first column of each empty row."""
    values, indices = call.plain(0), call.plain(2)
    shape = tf.reshape(call.plain(1), [-1])
    row = indices[:, 0]
    counts = tf.scatter_nd(row[:, None], tf.ones_like(row), tf.reshape(shape[0], [1]))
    empty = tf.equal(counts, 0)
    missing = tf.cast(tf.where(empty), tf.int32)
    listed = tf.concat([indices, tf.pad(missing, [[0, 0], [0, 1]])], 0)
    default = tf.reshape(call.plain(3), [1])
    filled = tf.concat([values, tf.tile(default, [tf.shape(missing)[0]])], 0)
    for column in (1, 0):
        keys = -1 - listed[:, column]
        order = tf.math.top_k(keys, tf.size(keys))[1]
        listed, filled = tf.gather(listed, order), tf.gather(filled, order)
    return [
        wrap(listed, call.dtypes[0] or "int64"),
        wrap(filled, call.value(0).dtype),
        wrap(empty, "bool"),
    ]


RULES: Table = {
    "DecodeSequences": _decode,
    "GatherTree": _gather_tree,
    "Inverse": _invert,
    "SparseFillEmptyRows": _fill_rows,
}
