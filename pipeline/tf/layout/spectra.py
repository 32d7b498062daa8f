"""Fourier transforms as products with matrices of cosines and sines.

TensorFlow.js has FFT on some backends only, and none of more axes; products of matrices are fast
on all. A long transform is one of two short ones (Cooley and Tukey), which multiply by the same
numbers in fewer steps.

Complex numbers are pairs along the last axis: the real part, then the imaginary one.
"""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.sizes import Size, is_known, materialize
from pipeline.tf.layout.value import Value, natural, reshape_held, transpose, wrap

# A longer transform is split in two.
_MAX_WHOLE = 512
# The largest matrix, in numbers, of a transform that cannot be split.
_MAX_MATRIX = 2**24


def transform(value: Value, axis: int, length: Size, *, inverse: bool, onesided: bool) -> Value:
    """Return the Fourier transform of a value along an axis.

    Args:
        value: Real numbers (…, 1), or pairs (…, 2).
        axis: An axis other than the last.
        length: Length of the transform; a longer signal is cut, a shorter one filled with zeros.
        inverse: Whether it is the inverse transform.
        onesided: Whether of a spectrum only the first half and its middle are there: the output's
            for real numbers; with `inverse`, the input's, and the output is real.

    Returns:
        Pairs; real numbers (…, 1) for an inverse transform of one side.
    """
    kind = value.sizes[-1]
    if not is_known(kind):
        raise ConversionError("whether the numbers are complex is not known")
    order = [*(each for each in range(value.rank - 1) if each != axis), axis, value.rank - 1]
    moved = transpose(value, order)
    made = _transform_last(moved, int(kind), length, inverse=inverse, onesided=onesided)
    return transpose(made, [order.index(each) for each in range(value.rank)])


def _transform_last(
    value: Value, kind: int, length: Size, *, inverse: bool, onesided: bool
) -> Value:
    """Transform along the last axis but one."""
    if not is_known(length):
        matrix, half = _open_matrix(kind, length, inverse=inverse, onesided=onesided)
        return _multiply(value, _cut(value, length), matrix, half, 2)
    number = int(length)
    size = number // 2 + 1 if onesided and inverse else number
    rows = _cut(value, size)
    split = _split(number)
    if number > _MAX_WHOLE and split and not (onesided and inverse):
        made = _transform_in_two(value, rows, kind, split, inverse=inverse)
        return _keep_half(made, number) if onesided else made
    matrix = _matrix(number, kind, inverse=inverse, onesided=onesided)
    if matrix.size > _MAX_MATRIX:
        raise ConversionError(f"a transform of {number} numbers is too long for one matrix")
    parts = 1 if onesided and inverse else 2
    count: Size = number // 2 + 1 if onesided and not inverse else number
    return _multiply(value, rows, matrix, count, parts)


def _cut(value: Value, size: Size) -> Value:
    """Return a signal of a size: cut, or filled with zeros."""
    own = value.sizes[-2]
    if own == size:
        return value
    tensor = value.plain
    if is_known(own) and is_known(size):
        if size < own:
            tensor = tensor[..., :size, :]
        else:
            pads = [[0, 0]] * (value.rank - 2) + [[0, size - own], [0, 0]]
            tensor = tf.pad(tensor, pads)
    else:
        wanted = materialize(size)
        missing = tf.maximum(wanted - materialize(own), 0)
        pads = tf.pad(tf.reshape(missing, [1, 1]), [[value.rank - 2, 1], [1, 0]])
        tensor = tf.pad(tensor, pads)[..., :wanted, :]
    return wrap(tensor, value.dtype, sizes=[*value.sizes[:-2], size, value.sizes[-1]])


def _multiply(value: Value, rows: Value, matrix: Any, count: Size, parts: int) -> Value:
    """Return the product of the last two axes as one with a matrix, as numbers of some parts."""
    width = materialize(rows.sizes[-2] * rows.sizes[-1])
    flat = tf.reshape(rows.plain, [-1, width])
    made = tf.matmul(flat, matrix)
    sizes = [*value.sizes[:-2], count, parts]
    return wrap(reshape_held(made, sizes), value.dtype, sizes=sizes)


def _angles(rows: Any, columns: Any, length: int) -> Any:
    """Return the angles of a transform, exact also for large products."""
    return np.outer(rows, columns) % length * (2 * np.pi / length)


def _matrix(length: int, kind: int, *, inverse: bool, onesided: bool) -> Any:
    """Return the matrix of a transform: from parts of all inputs to parts of all outputs."""
    half = length // 2 + 1
    if onesided and inverse:
        return _half_inverse(length)
    columns = np.arange(half if onesided else length)
    return _pairs(_angles(np.arange(length), columns, length), kind, inverse, length)


def _pairs(angles: Any, kind: int, inverse: bool, length: int) -> Any:  # noqa: FBT001
    """Return (inputs * parts, outputs * 2) for angles of inputs and outputs."""
    real, imag = np.cos(angles), -np.sin(angles)
    if inverse:
        real, imag = real / length, -imag / length
    by_part = np.stack([np.stack([real, imag], -1), np.stack([-imag, real], -1)], 1)[:, :kind]
    return by_part.reshape(angles.shape[0] * kind, -1).astype(np.float32)


def _half_inverse(length: int) -> Any:
    """Return the matrix from half of a spectrum to real numbers: the other half mirrors it."""
    rows = np.arange(length // 2 + 1)
    angles = _angles(rows, np.arange(length), length)
    twice = np.where((rows == 0) | (2 * rows == length), 1.0, 2.0)[:, None] / length
    both = np.stack([twice * np.cos(angles), -twice * np.sin(angles)], 1)
    return both.reshape(-1, length).astype(np.float32)


def _open_matrix(kind: int, length: Size, *, inverse: bool, onesided: bool) -> Any:
    """Return the matrix of a transform whose length is open, and the number of its outputs."""
    if onesided and inverse:
        raise ConversionError("a transform to real numbers has an open length")
    number = materialize(length)
    count = length // 2 + 1 if onesided else length
    product = tf.range(number)[:, None] * tf.range(materialize(count))[None, :]
    turns = tf.cast(tf.math.floormod(product, number), tf.float32) / tf.cast(number, tf.float32)
    real, imag = tf.cos(turns * (2 * math.pi)), -tf.sin(turns * (2 * math.pi))
    if inverse:
        scale = tf.cast(number, tf.float32)
        real, imag = real / scale, -imag / scale
    by_part = [tf.stack([real, imag], -1), tf.stack([-imag, real], -1)][:kind]
    columns = materialize(count * 2)
    matrix = tf.reshape(tf.stack(by_part, 1), tf.stack([number * kind, columns]))
    return matrix, count


def _split(length: int) -> tuple[int, int] | None:
    """Return two factors of a length, as close as can be; None for a prime."""
    for first in range(math.isqrt(length), 1, -1):
        if length % first == 0:
            return first, length // first
    return None


def _transform_in_two(
    value: Value, rows: Value, kind: int, split: tuple[int, int], *, inverse: bool
) -> Value:
    """Transform every second-th number, then across what that gives.

    Number n = second * i + j becomes number k = p + first * q.
    """
    first, second = split
    length = first * second
    # (rows, i, j, parts) to (j, rows, i * parts)
    grid = tf.reshape(rows.plain, [-1, first, second, kind])
    by_rest = tf.reshape(tf.transpose(grid, [2, 0, 1, 3]), [second, -1, first * kind])
    steps = [_first_step(first, second, j, kind, inverse) for j in range(second)]
    # (j, rows, p, 2) to (rows, p, j, 2)
    turned = tf.reshape(tf.matmul(by_rest, np.stack(steps)), [second, -1, first, 2])
    across = tf.reshape(tf.transpose(turned, [1, 2, 0, 3]), [-1, second * 2])
    angles = _angles(np.arange(second), np.arange(second), second)
    made = tf.matmul(across, _pairs(angles, 2, inverse, second))
    # (rows, p, q, 2) to (rows, q, p, 2)
    placed = tf.transpose(tf.reshape(made, [-1, first, second, 2]), [0, 2, 1, 3])
    sizes = [*value.sizes[:-2], length, 2]
    return wrap(reshape_held(placed, sizes), value.dtype, order=natural(value.rank), sizes=sizes)


def _first_step(first: int, second: int, rest: int, kind: int, inverse: bool) -> Any:  # noqa: FBT001
    """Return the matrix of one of the short transforms, with the turn that its place gives it."""
    length = first * second
    places = second * np.arange(first) + rest
    return _pairs(_angles(places, np.arange(first), length), kind, inverse, first)


def _keep_half(value: Value, length: int) -> Value:
    half = length // 2 + 1
    sizes = [*value.sizes[:-2], half, 2]
    return wrap(value.plain[..., :half, :], value.dtype, sizes=sizes)


def transform_frames(value: Value, step: int, window: Any, length: int, *, onesided: bool) -> Value:
    """Return the Fourier transforms of frames of a signal.

    Args:
        value: (batch, numbers, 1), or pairs (batch, numbers, 2).
        step: From the start of a frame to that of the next.
        window: A factor for each number of a frame, or None.
        length: Length of a frame.
        onesided: Whether only the first half of a spectrum and its middle are there.

    Returns:
        (batch, frames, numbers of a spectrum, 2).
    """
    kind = value.sizes[-1]
    if not is_known(kind):
        raise ConversionError("whether the numbers are complex is not known")
    frames = (value.sizes[1] - length) // step + 1
    factors = np.ones(length) if window is None else np.asarray(window, np.float64)
    if length > _MAX_WHOLE and _split(length):
        cut = _frames(value, step, length, frames)
        windowed = cut * factors.astype(np.float32)[:, None]
        sizes = (value.sizes[0], frames, length, kind)
        return transform(
            wrap(windowed, value.dtype, sizes=sizes), 2, length, inverse=False, onesided=onesided
        )
    half = length // 2 + 1 if onesided else length
    angles = _angles(np.arange(length), np.arange(half), length)
    matrix = _pairs(angles, int(kind), False, 1).reshape(length, int(kind), -1)
    kernel = (matrix * factors[:, None, None]).astype(np.float32)
    made = tf.nn.conv2d(value.plain[:, None], kernel[None], [1, 1, step, 1], "VALID")
    sizes = (value.sizes[0], frames, half, 2)
    return wrap(reshape_held(made, sizes), value.dtype, sizes=sizes)


def _frames(value: Value, step: int, length: int, frames: Size) -> Any:
    """Return the frames of a signal: (batch, frames, length, parts)."""
    offsets = np.arange(length, dtype=np.int32)[None, :]
    starts: Any = tf.range(materialize(frames))[:, None] * step
    if is_known(frames):
        starts = np.arange(frames, dtype=np.int32)[:, None] * step
    return tf.gather(value.plain, starts + offsets, axis=1)
