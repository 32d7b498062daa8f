"""Probabilities of classes from those of their pairs.

The method: Wu, Lin, Weng: Probability Estimates for Multi-class Classification by Pairwise
Coupling, second approach, in the steps and with the limit of LIBSVM, whose results depend on
where it stops.
"""

from typing import Any

import numpy as np
import tensorflow as tf

_MAX_ROUNDS = 100
_LIMIT = 0.005


def couple(first: Any, pairs: list[tuple[int, int]], count: int) -> Any:
    """Return the probability of each class.

    Args:
        first: float32 (num_samples, num_pairs): the probability of the first class of a pair
            among the two.
        pairs: The two classes of each pair.
        count: How many classes there are.

    Returns:
        float32 (num_samples, count).
    """
    matrix = _make_matrix(first, pairs, count)
    start = tf.zeros_like(matrix[:, :, 0]) + 1.0 / count

    def goes_on(number: Any, _chances: Any, is_open: Any) -> Any:
        return tf.logical_and(number < _MAX_ROUNDS, tf.reduce_max(is_open) > 0)

    def improve(number: Any, chances: Any, _is_open: Any) -> Any:
        products = tf.reduce_sum(matrix * tf.expand_dims(chances, 1), 2)
        total = tf.reduce_sum(chances * products, 1, keepdims=True)
        error = tf.reduce_max(tf.abs(products - total), 1, keepdims=True)
        still = tf.cast(error >= _LIMIT / count, tf.float32)
        better = _sweep(matrix, chances, products, total, count)
        return number + 1, tf.where(still > 0, better, chances), still

    everything = tf.ones_like(start[:, :1])
    _, chances, _ = tf.while_loop(
        goes_on,
        improve,
        [tf.constant(0), start, everything],
        shape_invariants=[
            tf.TensorShape([]), tf.TensorShape([None, count]), tf.TensorShape([None, 1])
        ],
    )  # fmt: skip
    return tf.ensure_shape(chances, [first.shape[0], count])


def _make_matrix(first: Any, pairs: list[tuple[int, int]], count: int) -> Any:
    """Return the quadratic form that the probabilities minimize: (num_samples, count, count)."""
    squares, products = np.zeros((2, 2 * len(pairs), count * count), np.float32)
    for number, (a, b) in enumerate(pairs):
        # The square of what b wins adds to a, that of what a wins adds to b.
        squares[number, b * count + b] = 1
        squares[number + len(pairs), a * count + a] = 1
        products[number, a * count + b] = products[number, b * count + a] = 1
    second = 1.0 - first
    both = tf.concat([first, second], 1)
    crossed = tf.concat([first * second, tf.zeros_like(first)], 1)
    flat = tf.matmul(tf.square(both), tf.constant(squares)) - tf.matmul(
        crossed, tf.constant(products)
    )
    return tf.reshape(flat, [-1, count, count])


def _sweep(matrix: Any, chances: Any, products: Any, total: Any, count: int) -> Any:
    """Improve one class after the other."""
    for number in range(count):
        own = matrix[:, number, number : number + 1]
        change = (total - products[:, number : number + 1]) / own
        scale = 1.0 + change
        total = (total + change * (change * own + 2.0 * products[:, number : number + 1])) / (
            scale * scale
        )
        products = (products + change * matrix[:, number, :]) / scale
        place = np.eye(count, dtype=np.float32)[number]
        chances = (chances + change * tf.constant(place)) / scale
    return chances
