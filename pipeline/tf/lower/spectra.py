"""Lowerings of Fourier transforms: over several axes, one after the other, and of other lengths."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import (
    Lowering,
    NotLowered,
    NotNeeded,
    require_ndim,
    require_sizes,
    require_static,
)

Transform = Callable[[tf.Tensor], tf.Tensor]


def _transform(num_axes: int, *, inverse: bool) -> Callable[..., tf.Tensor]:
    """Return a rule for a transform over the last axes."""
    one = tf.signal.ifft if inverse else tf.signal.fft

    def lower(*, input: tf.Tensor, **_: Any) -> tf.Tensor:
        values = one(input)
        for axis in range(2, num_axes + 1):
            values = _along(values, -axis, one)
        return values

    return lower


def _transform_real(num_axes: int) -> Callable[..., tf.Tensor]:
    """Return a rule for a transform of real numbers: the last axis first, the others after."""

    def lower(*, input: tf.Tensor, fft_length: tf.Tensor, **_: Any) -> tf.Tensor:
        fitted = _fit(input, fft_length, num_axes)
        values = tf.raw_ops.RFFT(input=fitted, fft_length=fft_length[-1:])
        for axis in range(2, num_axes + 1):
            values = _along(values, -axis, tf.signal.fft)
        return values

    return lower


def _restore_real(num_axes: int) -> Callable[..., tf.Tensor]:
    """Return a rule for the inverse transform to real numbers: the last axis last."""

    def lower(*, input: tf.Tensor, fft_length: tf.Tensor, **_: Any) -> tf.Tensor:
        lengths = require_static(fft_length, "length").tolist()
        expected = [*lengths[:-1], lengths[-1] // 2 + 1]
        if require_sizes(input, slice(-num_axes, None)) != expected:
            raise NotLowered("of another length than its input has")
        values = input
        for axis in range(2, num_axes + 1):
            values = _along(values, -axis, tf.signal.ifft)
        return tf.raw_ops.IRFFT(input=values, fft_length=fft_length[-1:])

    return lower


def _shorten(*, input: tf.Tensor, fft_length: tf.Tensor, **_: Any) -> tf.Tensor:
    """Cut or fill the input first."""
    length = tf.get_static_value(fft_length)
    if length is not None and input.shape.rank and input.shape[-1] == int(length[0]):
        raise NotNeeded
    return tf.raw_ops.RFFT(input=_fit(input, fft_length, 1), fft_length=fft_length)


def _restore_odd(*, input: tf.Tensor, fft_length: tf.Tensor, **_: Any) -> tf.Tensor:
    """Transform the whole spectrum: its second half is the conjugate of its first, mirrored."""
    length = int(require_static(fft_length, "length")[0])
    if input.shape.rank and input.shape[-1] == length // 2 + 1 and length % 2 == 0:
        raise NotNeeded
    half = tf.constant([length // 2 + 1])
    real, imag = (_fit(part(input), half, 1) for part in (tf.math.real, tf.math.imag))
    mirrored = [*range(length // 2 + 1), *range((length - 1) // 2, 0, -1)]
    signs = [0.0 if i in (0, length / 2) else 1.0 for i in range(length // 2 + 1)]
    signs += [-1.0] * ((length - 1) // 2)
    whole = tf.complex(
        tf.gather(real, mirrored, axis=-1), tf.gather(imag, mirrored, axis=-1) * tf.constant(signs)
    )
    return tf.math.real(tf.signal.ifft(whole))


def _fit(values: tf.Tensor, lengths: tf.Tensor, num_axes: int) -> tf.Tensor:
    """Cut the last axes, or fill them with zeros, to the lengths of a transform."""
    outer = require_ndim(values) - num_axes
    inner = tf.shape(values)[outer:]
    missing = tf.maximum(lengths - inner, 0)
    paddings = tf.stack([tf.zeros_like(missing), missing], 1)
    padded = tf.pad(values, tf.concat([tf.zeros([outer, 2], tf.int32), paddings], 0))
    ends = [slice(None, lengths[i]) for i in range(num_axes)]
    return padded[(slice(None),) * outer + tuple(ends)]


def _along(values: tf.Tensor, axis: int, transform: Transform) -> tf.Tensor:
    """Transform along an axis other than the last."""
    ndim = require_ndim(values)
    order = list(range(ndim))
    order[axis], order[-1] = order[-1], order[axis]
    return _transpose(transform(_transpose(values, order)), order)


def _transpose(values: tf.Tensor, order: list[int]) -> tf.Tensor:
    """Transpose complex numbers part by part: TensorFlow.js transposes only real numbers."""
    real, imag = tf.math.real(values), tf.math.imag(values)
    return tf.complex(tf.transpose(real, order), tf.transpose(imag, order))


_BY_AXIS = "transforms over one axis each"

RULES = {
    "FFT2D": Lowering(lower=_transform(2, inverse=False), becomes=_BY_AXIS),
    "FFT3D": Lowering(lower=_transform(3, inverse=False), becomes=_BY_AXIS),
    "IFFT2D": Lowering(lower=_transform(2, inverse=True), becomes=_BY_AXIS),
    "IFFT3D": Lowering(lower=_transform(3, inverse=True), becomes=_BY_AXIS),
    "IRFFT": Lowering(
        lower=_restore_odd,
        becomes="IFFT of the whole spectrum",
        why="TensorFlow.js takes its length from the input",
    ),
    "IRFFT2D": Lowering(lower=_restore_real(2), becomes=_BY_AXIS),
    "IRFFT3D": Lowering(lower=_restore_real(3), becomes=_BY_AXIS),
    "RFFT": Lowering(
        lower=_shorten,
        becomes="one of an input that was cut or filled",
        why="TensorFlow.js does not cut its input to the length",
    ),
    "RFFT2D": Lowering(lower=_transform_real(2), becomes=_BY_AXIS),
    "RFFT3D": Lowering(lower=_transform_real(3), becomes=_BY_AXIS),
}
