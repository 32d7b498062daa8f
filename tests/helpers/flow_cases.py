"""Small functions with loops, branches and lists, for both ways to write control flow.

It imports TensorFlow; tests/helpers/flows.py runs it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

Case = tuple[Callable[..., Any], tuple[Any, ...]]

_RANDOM = np.random.default_rng(5)
_ROWS = _RANDOM.normal(size=(5, 3)).astype(np.float32)
_CUBE = _RANDOM.normal(size=(3, 4, 5)).astype(np.float32)
_CORNERS = _RANDOM.uniform(0, 0.5, (2, 9, 2))
_BOXES = np.concatenate([_CORNERS, _CORNERS + 0.4], -1).astype(np.float32)
_SCORES = _RANDOM.uniform(size=(2, 9)).astype(np.float32)


def _while(condition: Any, body: Any, *start: Any) -> Any:
    return tf.while_loop(condition, body, list(start))


def _stack(handle: Any) -> Any:
    return tf.raw_ops.TensorListStack(
        input_handle=handle, element_shape=tf.constant([3]), element_dtype=tf.float32
    )


def _list_of(rows: Any) -> Any:
    return tf.raw_ops.TensorListFromTensor(tensor=rows, element_shape=tf.constant([3]))


def _suppress(boxes: Any, scores: Any) -> Any:
    def suppress_one(given: Any) -> Any:
        _, kept = tf.image.non_max_suppression_with_scores(given[0], given[1], 4, 0.5, 0.1)
        return tf.ensure_shape(tf.pad(kept, [[0, 4 - tf.size(kept)]]), [4])

    return tf.map_fn(suppress_one, (boxes, scores), fn_output_signature=tf.float32)


def _sort(rows: Any) -> Any:
    return tf.map_fn(lambda row: tf.gather(row, tf.math.top_k(row, 2).indices), rows)


def _choose_constants(rows: Any) -> Any:
    return tf.cond(
        tf.reduce_sum(rows) > 100,
        lambda: (tf.constant([1, 2]), rows[0]),
        lambda: (tf.cast(tf.math.top_k(rows[1], 2).indices, tf.int32), rows[1]),
    )


def _stop_by_flag(rows: Any) -> Any:
    def step(i: Any, total: Any, stop: Any) -> Any:
        return (
            i + 1,
            total + tf.abs(rows[i, 0]),
            tf.cond(total > 0.5, lambda: tf.constant(True), lambda: stop),
        )

    def goes_on(i: Any, _: Any, stop: Any) -> Any:
        return tf.cond(i < 5, lambda: tf.logical_not(stop), lambda: tf.constant(False))

    return _while(goes_on, step, 0, 0.0, False)[1]


def _choose_by_case(rows: Any) -> Any:
    def choose(row: Any) -> Any:
        number = tf.cast(tf.argmax(row), tf.int32)
        return tf.switch_case(number, [lambda: row * 2, lambda: row - 1, lambda: row * 3])

    return tf.map_fn(choose, rows)


def _end_early(rows: Any) -> Any:
    array = tf.TensorArray(tf.float32, tf.shape(rows)[0], element_shape=[3])
    _, array = _while(
        lambda i, _: tf.logical_and(i < 5, rows[tf.minimum(i, 4), 0] < 0.5),
        lambda i, array: (i + 1, array.write(i, rows[i])),
        0,
        array,
    )
    return array.stack()


def _grow_inside(rows: Any) -> Any:
    """Write fewer rows in each iteration to a list that is made in it."""

    def sum_some(i: Any) -> Any:
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[3])
        _, array = _while(
            lambda j, _: j < 4 - i, lambda j, array: (j + 1, array.write(j, rows[j])), 0, array
        )
        return tf.reduce_sum(array.stack(), 0)

    return tf.map_fn(sum_some, tf.range(4), fn_output_signature=tf.float32)


def _write_beside(rows: Any) -> Any:
    before = _list_of(rows)
    after = tf.raw_ops.TensorListSetItem(input_handle=before, index=1, item=rows[0])
    return _stack(before), _stack(after)


def _take_off(rows: Any) -> Any:
    rest, last = tf.raw_ops.TensorListPopBack(
        input_handle=_list_of(rows), element_shape=tf.constant([3]), element_dtype=tf.float32
    )
    return last, _stack(rest)


def _join(rows: Any) -> Any:
    array = tf.TensorArray(tf.float32, tf.shape(rows)[0], infer_shape=False)
    _, array = _while(
        lambda i, _: i < tf.shape(rows)[0],
        lambda i, array: (i + 1, array.write(i, rows[i, :2])),
        0,
        array,
    )
    return array.concat()


def _map_both(rows: Any) -> Any:
    return tf.map_fn(lambda row: row * 2, rows), tf.map_fn(lambda row: row + 1, rows)


def _map_of_maps(cube: Any) -> Any:
    def add_sum(rows: Any) -> Any:
        return tf.map_fn(lambda row: row * 2 + tf.reduce_sum(rows), rows)

    return tf.map_fn(add_sum, cube)


def _map_of_scans(cube: Any) -> Any:
    return tf.map_fn(lambda rows: tf.scan(lambda total, row: total / 2 + row, rows), cube)


def _map_of_truths(rows: Any) -> Any:
    def are_positive(row: Any) -> Any:
        return tf.map_fn(lambda each: each > 0, row, fn_output_signature=tf.bool)

    return tf.map_fn(are_positive, rows, fn_output_signature=tf.bool)


def _loops_in_branches(rows: Any) -> Any:
    def choose(row: Any) -> Any:
        return tf.cond(
            row[0] > 0,
            lambda: tf.map_fn(lambda each: each * 2, row),
            lambda: tf.scan(lambda total, each: total + each, row),
        )

    return tf.map_fn(choose, rows)


def _map_nothing(rows: Any) -> Any:
    return tf.map_fn(tf.reduce_sum, rows[:0])


def _count_ragged(counts: Any) -> Any:
    def sum_below(count: Any) -> Any:
        return tf.reduce_sum(tf.map_fn(lambda each: each * 2, tf.range(count)))

    return tf.map_fn(sum_below, counts)


CASES: Mapping[str, Case] = {
    "indices of the greatest": (_sort, (_ROWS,)),
    "suppressed boxes": (_suppress, (_BOXES, _SCORES)),
    "constants in branches": (_choose_constants, (_ROWS,)),
    "a loop that a flag ends": (_stop_by_flag, (_ROWS,)),
    "one of three branches": (_choose_by_case, (_ROWS,)),
    "a loop that ends early": (_end_early, (_ROWS,)),
    "lists made in a loop": (_grow_inside, (_ROWS,)),
    "a list written beside another": (_write_beside, (_ROWS,)),
    "the last of a list": (_take_off, (_ROWS,)),
    "a joined list": (_join, (_ROWS,)),
    "two lists": (_map_both, (_ROWS,)),
    "a map of maps": (_map_of_maps, (_CUBE,)),
    "a map of scans": (_map_of_scans, (_CUBE,)),
    "a map of truths": (_map_of_truths, (_ROWS,)),
    "loops in branches": (_loops_in_branches, (_ROWS,)),
    "a map of nothing": (_map_nothing, (_ROWS,)),
    "maps of some or nothing": (_count_ragged, (np.array([3, 0, 2], np.int32),)),
}
