"""Lowering of slices that TensorFlow.js computes wrongly or refuses.

With steps other than 1, an index or a new axis in the same slice shifts the other axes: the kernels
walk through the shape that lacks the axes of the indices (`finalShapeSparse` in StridedSlice.ts of
tfjs-backend-cpu and tfjs-backend-wasm), and the wasm kernel returns float32 for every dtype.
Without steps, an end before the begin is a negative size, which is refused (`computeOutShape` in
tfjs-core/src/ops/slice_util.ts).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotNeeded, require_static, size_of


def _slice(  # the inputs and masks of the op
    *,
    input: tf.Tensor,
    begin: tf.Tensor,
    end: tf.Tensor,
    strides: tf.Tensor,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
    **_: Any,
) -> tf.Tensor:
    """Gather along each axis with steps, then slice the others."""
    steps = require_static(strides, "steps")
    special = ellipsis_mask | new_axis_mask | shrink_axis_mask
    stepped = [i for i, step in enumerate(steps.tolist()) if step != 1 and not special >> i & 1]
    if input.dtype.is_floating and not new_axis_mask | shrink_axis_mask:
        stepped = []
    last = _cut(begin, end, special | begin_mask | end_mask, steps)
    if not stepped and last is None:
        raise NotNeeded
    for i in stepped:
        axis = _axis(i, len(steps), new_axis_mask, ellipsis_mask)
        ends = (
            None if begin_mask >> i & 1 else begin[i],
            None if end_mask >> i & 1 else end[i],
        )
        input = tf.gather(input, _indices(size_of(input, axis), *ends, int(steps[i])), axis=axis)
    taken = sum(1 << i for i in stepped)
    return tf.raw_ops.StridedSlice(
        input=input,
        begin=begin,
        end=end if last is None else tf.constant(last),
        strides=tf.constant(np.where([i in stepped for i in range(len(steps))], 1, steps)),
        begin_mask=begin_mask | taken,
        end_mask=end_mask | taken,
        ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
    )


def _cut(
    begin: tf.Tensor, end: tf.Tensor, masked: int, steps: npt.NDArray[Any]
) -> npt.NDArray[Any] | None:
    """Return the ends, none before its begin; None if that changes nothing or is not known."""
    first, last = tf.get_static_value(begin), tf.get_static_value(end)
    if first is None or last is None:
        return None
    free = np.array([not masked >> i & 1 for i in range(len(steps))], bool)
    one_side = (first < 0) == (last < 0)
    cut = np.where(free & one_side & (steps == 1), np.maximum(first, last), last)
    return None if np.array_equal(cut, last) else cut


def _axis(position: int, count: int, new_axis_mask: int, ellipsis_mask: int) -> int:
    """Return the axis of a position in the slice; from the end behind an ellipsis."""
    if 0 < ellipsis_mask < 1 << position:
        return -sum(not new_axis_mask >> i & 1 for i in range(position, count))
    return sum(not new_axis_mask >> i & 1 for i in range(position))


def _indices(size: Any, begin: Any, end: Any, step: int) -> tf.Tensor:
    """Return the indices from begin to end, which count from the end if they are negative."""
    least, greatest = (0, size) if step > 0 else (-1, size - 1)
    first, last = (least, greatest) if step > 0 else (greatest, least)
    if begin is not None:
        first = _clip(begin, size, least, greatest)
    if end is not None:
        last = _clip(end, size, least, greatest)
    return tf.range(first, last, step)


def _clip(index: tf.Tensor, size: Any, least: int, greatest: Any) -> tf.Tensor:
    whole = tf.cast(index, tf.int32)
    counted = tf.where(tf.less(whole, 0), whole + size, whole)
    return tf.minimum(tf.maximum(counted, least), greatest)


RULES = {
    "StridedSlice": Lowering(
        lower=_slice,
        becomes="GatherV2 along the axes with steps, and a slice of the others",
        why="TensorFlow.js confuses steps with indices and new axes, returns float32 on wasm, and "
        "refuses an end before its begin",
    ),
}
