"""Fourier transforms of pairs of real tensors: products with matrices of cosines and sines."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.layout.spectra import transform
from pipeline.tf.layout.value import Value, wrap
from pipeline.tf.lower.lowering_rule import Lowering, require_static
from pipeline.tf.lower.pairs import WHY, Pair, join, split

_TYPE = "float32"


def _transform(num_axes: int, *, inverse: bool) -> Callable[..., Pair]:
    """Return a rule for a transform over the last axes."""

    def lower(*, input: Pair, **_: Any) -> Pair:
        value = wrap(join(input), _TYPE)
        lengths = value.sizes[-1 - num_axes : -1]
        for axis, length in enumerate(lengths, value.rank - 1 - num_axes):
            value = transform(value, axis, length, inverse=inverse, onesided=False)
        return split(value.plain)

    return lower


def _transform_real(*, input: tf.Tensor, fft_length: tf.Tensor, **_: Any) -> Pair:
    """Transform the last axis first."""
    value = wrap(tf.expand_dims(input, -1), _TYPE)
    lengths = _lengths(fft_length)
    value = transform(value, value.rank - 2, lengths[-1], inverse=False, onesided=True)
    return split(_over(value, lengths[:-1], inverse=False).plain)


def _restore_real(*, input: Pair, fft_length: tf.Tensor, **_: Any) -> tf.Tensor:
    """Transform the last axis last."""
    lengths = _lengths(fft_length)
    value = _over(wrap(join(input), _TYPE), lengths[:-1], inverse=True)
    made = transform(value, value.rank - 2, lengths[-1], inverse=True, onesided=True)
    return tf.squeeze(made.plain, -1)


def _over(value: Value, lengths: Sequence[int], *, inverse: bool) -> Value:
    """Transform the axes before the last one."""
    first = value.rank - 2 - len(lengths)
    for axis, length in enumerate(lengths, first):
        value = transform(value, axis, length, inverse=inverse, onesided=False)
    return value


def _lengths(fft_length: tf.Tensor) -> list[int]:
    return [int(length) for length in require_static(fft_length, "length").reshape(-1)]


_BY_MATRICES = "products with matrices of cosines and sines"


def _table() -> dict[str, Lowering]:
    rules: dict[str, Callable[..., Any]] = {}
    for number in (1, 2, 3):
        suffix = f"{number}D" if number > 1 else ""
        rules[f"FFT{suffix}"] = _transform(number, inverse=False)
        rules[f"IFFT{suffix}"] = _transform(number, inverse=True)
        rules[f"RFFT{suffix}"] = _transform_real
        rules[f"IRFFT{suffix}"] = _restore_real
    return {op: Lowering(lower=rule, becomes=_BY_MATRICES, why=WHY) for op, rule in rules.items()}


RULES = _table()
