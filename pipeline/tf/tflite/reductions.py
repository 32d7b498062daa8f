"""Operators that make one value of many: sums, extremes, positions, segments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import Build, Call, Table, rows


def _reduce(function: Callable[..., Any]) -> Build:
    def build(call: Call) -> Any:
        axes = call.require(1, "list of axes").reshape(-1).tolist()
        return function(call.real(0), axis=axes, keepdims=bool(call.option("keepDims")))

    return build


def _position(function: Callable[..., Any]) -> Build:
    def build(call: Call) -> Any:
        axis = int(call.require(1, "axis").reshape(-1)[0])
        target = tf.int64 if call.outputs[0].dtype == "int64" else tf.int32
        return function(call.real(0), axis=axis, output_type=target)

    return build


def _cumulate(call: Call) -> Any:
    axis = int(call.require(1, "axis").reshape(-1)[0])
    return tf.cumsum(
        call.real(0),
        axis=axis,
        exclusive=bool(call.option("exclusive")),
        reverse=bool(call.option("reverse")),
    )


def _top(call: Call) -> Any:
    values, indices = tf.math.top_k(call.real(0), k=call.real(1))
    if call.outputs[1].dtype == "int16":
        raise call.refuse("positions of int16")
    return [values, indices]


def _add_all(call: Call) -> Any:
    return tf.add_n([call.real(i) for i in range(len(call.inputs))])


def _unique(call: Call) -> Any:
    target = tf.int64 if call.outputs[1].dtype == "int64" else tf.int32
    return list(tf.unique(call.real(0), out_idx=target))


def _bucketize(call: Call) -> Any:
    boundaries = [float(n) for n in np.asarray(call.option("boundaries", []))]
    return tf.raw_ops.Bucketize(input=call.real(0), boundaries=boundaries)


def _segment(function: Callable[..., Any]) -> Build:
    return lambda call: function(call.real(0), call.real(1), call.real(2))


ROWS: Table = rows(
    {
        "MEAN": _reduce(tf.reduce_mean),
        "SUM": _reduce(tf.reduce_sum),
        "REDUCE_PROD": _reduce(tf.reduce_prod),
        "REDUCE_ANY": _reduce(tf.reduce_any),
        "REDUCE_ALL": _reduce(tf.reduce_all),
        "ARG_MAX": _position(tf.argmax),
        "ARG_MIN": _position(tf.argmin),
        "CUMSUM": _cumulate,
        "ADD_N": _add_all,
        "UNIQUE": _unique,
        "BUCKETIZE": _bucketize,
        "SEGMENT_SUM": lambda call: tf.math.segment_sum(call.real(0), call.real(1)),
        "UNSORTED_SEGMENT_SUM": _segment(tf.math.unsorted_segment_sum),
        "UNSORTED_SEGMENT_MAX": _segment(tf.math.unsorted_segment_max),
        "UNSORTED_SEGMENT_MIN": _segment(tf.math.unsorted_segment_min),
        "UNSORTED_SEGMENT_PROD": _segment(tf.math.unsorted_segment_prod),
    }
) | rows(
    {
        "REDUCE_MAX": _reduce(tf.reduce_max),
        "REDUCE_MIN": _reduce(tf.reduce_min),
        "TOPK_V2": _top,
    },
    moves=True,
)
