"""Operators that move values and compute shapes: their numbers stay as they are."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import Call, Row, Table, activate, rows


def _reshape(call: Call) -> Any:
    value = call.real(0)
    if call.has(1):
        shape = call.known(1)
        wanted = call.real(1) if shape is None else shape.reshape(-1).tolist()
    else:
        wanted = np.asarray(call.option("newShape", [])).reshape(-1).tolist()
    if isinstance(value, np.ndarray) and isinstance(wanted, list):
        return value.reshape(wanted)
    return tf.reshape(value, wanted)


def _squeeze(call: Call) -> Any:
    axes = np.asarray(call.option("squeezeDims", [])).reshape(-1).tolist()
    return tf.squeeze(call.real(0), axis=axes or None)


def _expand(call: Call) -> Any:
    return tf.expand_dims(call.real(0), int(call.require(1, "axis").reshape(-1)[0]))


def _transpose(call: Call) -> Any:
    order = call.known(1)
    value = call.real(0)
    if order is not None and isinstance(value, np.ndarray):
        return np.transpose(value, order)
    return tf.transpose(value, call.real(1) if order is None else order.tolist())


def _pad_with(call: Call) -> Any:
    filling = call.real(2)
    filling = filling.reshape(-1)[0] if isinstance(filling, np.ndarray) else tf.reshape(filling, [])
    return tf.pad(call.real(0), call.real(1), constant_values=filling)


def _mirror(call: Call) -> Any:
    mode = "SYMMETRIC" if call.option("mode") else "REFLECT"
    return tf.pad(call.real(0), call.real(1), mode=mode)


def _concatenate(call: Call) -> Any:
    parts = [call.real(i) for i in range(len(call.inputs))]
    joined = tf.concat(parts, call.option("axis"))
    return activate(joined, call.option("fusedActivationFunction"))


def _pack(call: Call) -> Any:
    return tf.stack([call.real(i) for i in range(len(call.inputs))], axis=call.option("axis"))


def _unpack(call: Call) -> Any:
    return tf.unstack(call.real(0), num=len(call.outputs), axis=call.option("axis"))


def _split(call: Call) -> Any:
    axis = int(call.require(0, "axis").reshape(-1)[0])
    return tf.split(call.real(1), len(call.outputs), axis=axis)


def _split_sizes(call: Call) -> Any:
    axis = int(call.require(2, "axis").reshape(-1)[0])
    sizes = call.known(1)
    return tf.split(
        call.real(0), call.real(1) if sizes is None else sizes.tolist(), axis=axis,
        num=len(call.outputs),
    )  # fmt: skip


def _strided_slice(call: Call) -> Any:
    begin, end = call.real(1), call.real(2)
    if call.option("offset"):
        end = begin + end
    return tf.strided_slice(
        call.real(0),
        begin,
        end,
        call.real(3),
        begin_mask=call.option("beginMask"),
        end_mask=call.option("endMask"),
        ellipsis_mask=call.option("ellipsisMask"),
        new_axis_mask=call.option("newAxisMask"),
        shrink_axis_mask=call.option("shrinkAxisMask"),
    )


def _gather(call: Call) -> Any:
    return tf.gather(
        call.real(0), call.real(1), axis=call.option("axis"), batch_dims=call.option("batchDims")
    )


def _one_hot(call: Call) -> Any:
    on, off = (tf.reshape(call.real(i), []) for i in (2, 3))
    depth = call.known(1)
    depth = tf.reshape(call.real(1), []) if depth is None else int(depth.reshape(-1)[0])
    return tf.one_hot(call.real(0), depth, on, off, axis=call.option("axis", -1))


def _one_hot_integers(call: Call) -> Any:
    """Return held numbers: the kernel copies those of its values, whatever their scale."""
    target = call.outputs[0].quantization
    assert target is not None
    plain = {}
    for index in (2, 3):
        own = call.spec(index).quantization
        plain[index] = call.held[index] + np.float32(
            (own.zero_point if own else 0) - target.zero_point
        )
    held = [*call.held[:2], plain[2], plain[3]]
    return _one_hot(call.of_held(held))


def _set_diagonal_integers(call: Call) -> Any:
    """Return held numbers: the kernel copies those of the diagonal, whatever their scale."""
    own, diagonal, target = (
        each.quantization for each in (call.spec(0), call.spec(1), call.outputs[0])
    )
    assert own is not None
    assert diagonal is not None
    assert target is not None
    parts = [
        call.held[i] + np.float32(known.zero_point - target.zero_point)
        for i, known in enumerate((own, diagonal))
    ]
    return tf.linalg.set_diag(*parts)


def _select(call: Call) -> Any:
    condition, first, second = (tf.convert_to_tensor(call.real(i)) for i in range(3))
    rank = first.shape.rank
    # The older operator chooses whole rows by a vector.
    if condition.shape.rank == 1 and rank is not None and rank > 1:
        condition = tf.reshape(condition, [-1, *[1] * (rank - 1)])
    return tf.where(condition, first, second)


def _shape(call: Call) -> Any:
    target = tf.int64 if call.outputs[0].dtype == "int64" else tf.int32
    value = call.real(0)
    if isinstance(value, np.ndarray):
        return np.array(value.shape, target.as_numpy_dtype)
    if value.shape.is_fully_defined():
        return np.array(value.shape.as_list(), target.as_numpy_dtype)
    return tf.shape(value, out_type=target)


def _fill(call: Call) -> Any:
    value = call.real(1)
    return tf.fill(call.real(0), tf.reshape(value, []))


def _range(call: Call) -> Any:
    return tf.range(*(tf.reshape(call.real(i), []) for i in range(3)))


def _reverse_sequence(call: Call) -> Any:
    return tf.reverse_sequence(
        call.real(0),
        call.real(1),
        seq_axis=call.option("seqDim"),
        batch_axis=call.option("batchDim"),
    )


def _sparse_to_dense(call: Call) -> Any:
    indices = tf.convert_to_tensor(call.real(0))
    if indices.shape.rank == 0:
        indices = tf.reshape(indices, [1, 1])
    elif indices.shape.rank == 1:
        indices = tf.reshape(indices, [-1, 1])
    return tf.raw_ops.SparseToDense(
        sparse_indices=indices,
        output_shape=tf.cast(call.real(1), indices.dtype),
        sparse_values=call.real(2),
        default_value=tf.reshape(call.real(3), []),
        validate_indices=False,
    )


def _update_slice(call: Call) -> Any:
    """Write a part over a value; the start is moved so that the part fits."""
    value, part = (tf.convert_to_tensor(call.real(i)) for i in (0, 1))
    sizes = part.shape.as_list()
    if None in sizes or None in value.shape.as_list():
        raise call.refuse("its sizes are open")
    room = [a - b for a, b in zip(value.shape.as_list(), sizes, strict=True)]
    start = tf.clip_by_value(tf.cast(call.real(2), tf.int32), 0, room)
    pads = tf.stack([start, tf.constant(room) - start], 1)
    mask = tf.pad(tf.ones(sizes, tf.int32), pads)
    return tf.where(mask > 0, tf.pad(part, pads), value)


def _dilate(call: Call) -> Any:
    """Put `step - 1` fillings between neighbours on each axis."""
    value = tf.convert_to_tensor(call.real(0))
    steps = call.require(1, "list of steps").reshape(-1).tolist()
    filling = tf.reshape(call.real(2), [])
    for axis, step in enumerate(steps):
        if step > 1:
            size = value.shape[axis]
            wide = tf.expand_dims(value, axis + 1)
            pads = [[0, 0]] * (len(value.shape) + 1)
            pads[axis + 1] = [0, step - 1]
            shape = value.shape.as_list()
            shape[axis] = size * step
            value = tf.reshape(tf.pad(wide, pads, constant_values=filling), shape)
            value = tf.gather(value, tf.range((size - 1) * step + 1), axis=axis)
    return value


def _diagonal(call: Call) -> Any:
    return tf.linalg.diag(call.real(0))


def _where(call: Call) -> Any:
    return tf.where(call.real(0))


_MOVING = {
    "RESHAPE": _reshape,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expand,
    "TRANSPOSE": _transpose,
    "PAD": lambda call: tf.pad(call.real(0), call.real(1)),
    "PADV2": _pad_with,
    "MIRROR_PAD": _mirror,
    "CONCATENATION": _concatenate,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT": _split,
    "SPLIT_V": _split_sizes,
    "SLICE": lambda call: tf.slice(*(call.real(i) for i in range(3))),
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _gather,
    "GATHER_ND": lambda call: tf.gather_nd(call.real(0), call.real(1)),
    "EMBEDDING_LOOKUP": lambda call: tf.gather(call.real(1), call.real(0)),
    "TILE": lambda call: tf.tile(call.real(0), call.real(1)),
    "BROADCAST_TO": lambda call: tf.broadcast_to(call.real(0), call.real(1)),
    "REVERSE_V2": lambda call: tf.reverse(call.real(0), call.real(1)),
    "REVERSE_SEQUENCE": _reverse_sequence,
    "SPACE_TO_DEPTH": lambda call: tf.nn.space_to_depth(call.real(0), call.option("blockSize")),
    "DEPTH_TO_SPACE": lambda call: tf.nn.depth_to_space(call.real(0), call.option("blockSize")),
    "SPACE_TO_BATCH_ND": lambda call: tf.space_to_batch(*(call.real(i) for i in range(3))),
    "BATCH_TO_SPACE_ND": lambda call: tf.raw_ops.BatchToSpaceND(
        input=call.real(0), block_shape=call.real(1), crops=call.real(2)
    ),
    "SELECT": _select,
    "SELECT_V2": lambda call: tf.where(*(call.real(i) for i in range(3))),
    "SCATTER_ND": lambda call: tf.scatter_nd(*(call.real(i) for i in range(3))),
    "MATRIX_DIAG": _diagonal,
    "DYNAMIC_UPDATE_SLICE": _update_slice,
    "DILATE": _dilate,
    "FILL": _fill,
    "SPARSE_TO_DENSE": _sparse_to_dense,
}

ROWS: Table = (
    rows(_MOVING, moves=True)
    | rows(
        {
            "BROADCAST_ARGS": lambda call: tf.broadcast_dynamic_shape(call.real(0), call.real(1)),
            "RANGE": _range,
            "RANK": lambda call: np.array(len(call.spec(0).shape or ()), np.int32),
            "SHAPE": _shape,
            "WHERE": _where,
        }
    )
    | {
        "ONE_HOT": Row(build=_one_hot, integer=_one_hot_integers),
        "MATRIX_SET_DIAG": Row(
            build=lambda call: tf.linalg.set_diag(call.real(0), call.real(1)),
            integer=_set_diagonal_integers,
        ),
    }
)
