"""Complex numbers as pairs of real tensors.

Between ops a pair is one tensor whose last axis has the real and the imaginary part.
"""

from typing import NamedTuple

import tensorflow as tf

WHY = "TensorFlow.js has few ops of complex numbers, and none on wasm"


class Pair(NamedTuple):
    """The real and the imaginary part of a complex tensor, of one shape."""

    real: tf.Tensor
    imag: tf.Tensor


def join(pair: Pair) -> tf.Tensor:
    """Return (..., 2)."""
    return tf.stack(list(pair), -1)


def split(joined: tf.Tensor) -> Pair:
    """Return the pair of (..., 2)."""
    return Pair(*tf.unstack(joined, 2, -1))
