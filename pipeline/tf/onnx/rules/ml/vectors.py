"""Support vector machines: SVMClassifier and SVMRegressor.

Scores of all pairs of classes are one product of the kernels with a matrix:
core/providers/cpu/ml/svmclassifier.cc of ONNX Runtime.
"""

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.ml.classes import Classes, label, name_scores, read_classes
from pipeline.tf.onnx.rules.ml.linear import multiply
from pipeline.tf.onnx.rules.ml.pairs import couple
from pipeline.tf.onnx.rules.ml.rows import (
    floats,
    read_rows,
    read_transform,
    spread,
    transform,
)

_TWO = 2
_NO_CERTAINTY = 1e-7


def _apply_kernel(call: Call, rows: Any, vectors: Any) -> Any:
    """Return the kernel of each sample with each vector: (num_samples, num_vectors)."""
    gamma, offset, degree = [*(call.attribute("kernel_params") or ()), 0.0, 0.0, 0.0][:3]
    kind = call.attribute("kernel_type", "LINEAR")
    vectors = vectors.astype(np.float32)
    if kind == "RBF":
        # (x - v)^2, not x^2 - 2xv + v^2, whose terms may cancel each other.
        squares = tf.square(tf.expand_dims(rows, 1) - tf.constant(vectors[None]))
        return tf.exp(-float(gamma) * tf.reduce_sum(squares, 2))
    if kind == "LINEAR":
        return multiply(rows, vectors.T, np.zeros(1))
    made = multiply(rows, vectors.T * np.float32(gamma), np.full(1, offset))
    if kind == "SIGMOID":
        return tf.tanh(made)
    if kind != "POLY":
        raise call.refuse(f"kernel_type is {kind!r}")
    return _raise_to(made, float(degree))


def _raise_to(tensor: Any, degree: float) -> Any:
    """Return a power; of whole exponents by products, as powers of negative numbers may be NaN."""
    if degree != int(degree) or not 1 <= degree <= 8:  # noqa: PLR2004
        return tf.pow(tensor, degree)
    made = tensor
    for _ in range(int(degree) - 1):
        made = made * tensor
    return made


def _classify(call: Call) -> list[Any]:
    classes = read_classes(call)
    counts = [int(n) for n in call.attribute("vectors_per_class") or ()]
    rows = read_rows(call)
    if sum(counts):
        return _classify_by_pairs(call, rows, classes, counts)
    coefficients = floats(call, "coefficients").reshape(len(classes), -1)
    rho = floats(call, "rho")
    scores = multiply(rows, coefficients.T, rho[:1])
    name_scores(call, 1, classes.texts)
    return [_choose_linear(call, scores, classes, coefficients), _finish(call, scores, classes)]


def _finish(call: Call, scores: Any, classes: Classes) -> Any:
    if len(classes) == 1:
        raise call.refuse("it has a single class")
    return transform(call, scores)


def _choose_linear(call: Call, scores: Any, classes: Classes, coefficients: Any) -> Any:
    """Return the class of the largest score; of two, the second wins by any positive score."""
    place = tf.argmax(scores, 1, tf.int32)
    if len(classes) == _TWO:
        largest = tf.reduce_max(scores, 1)
        wins = largest >= 0.5 if np.all(coefficients >= 0) else largest > 0  # noqa: PLR2004
        place = tf.where(wins, tf.ones_like(place), place)
    return label(call, place, classes)


def _classify_by_pairs(call: Call, rows: Any, classes: Classes, counts: list[int]) -> list[Any]:
    if len(counts) != len(classes) or len(classes) < _TWO:
        raise FormatError(f"{call.node.label}: {len(classes)} classes, {len(counts)} with vectors")
    vectors = floats(call, "support_vectors").reshape(sum(counts), -1)
    kernels = _apply_kernel(call, rows, vectors)
    pairs = list(itertools.combinations(range(len(classes)), 2))
    weights = _weigh_pairs(floats(call, "coefficients"), counts, pairs)
    scores = multiply(kernels, weights, floats(call, "rho")[: len(pairs)])
    chosen = label(call, tf.argmax(_vote(scores, pairs, len(classes)), 1, tf.int32), classes)
    return [chosen, _score_pairs(call, scores, classes, pairs)]


def _weigh_pairs(coefficients: Any, counts: list[int], pairs: list[tuple[int, int]]) -> Any:
    """Return the weight of each vector for each pair: (num_vectors, num_pairs)."""
    ends = np.cumsum(counts)
    own = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    stored = coefficients[: (len(counts) - 1) * ends[-1]].reshape(len(counts) - 1, ends[-1])
    weights = np.zeros((ends[-1], len(pairs)), np.float32)
    for number, (first, second) in enumerate(pairs):
        weights[own[first], number] = stored[second - 1, own[first]]
        weights[own[second], number] = stored[first, own[second]]
    return weights


def _vote(scores: Any, pairs: list[tuple[int, int]], count: int) -> Any:
    """Return how many pairs each class wins."""
    firsts, seconds = np.zeros((2, len(pairs), count), np.float32)
    for number, (first, second) in enumerate(pairs):
        firsts[number, first] = seconds[number, second] = 1
    wins = tf.cast(scores > 0, tf.float32)
    return tf.matmul(wins, tf.constant(firsts)) + tf.matmul(1.0 - wins, tf.constant(seconds))


def _score_pairs(call: Call, scores: Any, classes: Classes, pairs: list[tuple[int, int]]) -> Any:
    certain, shift = floats(call, "prob_a"), floats(call, "prob_b")
    if len(certain):
        count = len(pairs)
        steep = scores * certain[:count].astype(np.float32) + shift[:count].astype(np.float32)
        first = tf.clip_by_value(tf.sigmoid(-steep), _NO_CERTAINTY, 1 - _NO_CERTAINTY)
        name_scores(call, 1, classes.texts)
        return transform(call, couple(first, pairs, len(classes)))
    if len(classes) > _TWO:
        return transform(call, scores)
    name_scores(call, 1, classes.texts)
    return spread(call, scores, positive=read_transform(call) != "NONE")


def _regress(call: Call) -> Any:
    rows = read_rows(call)
    count = int(call.attribute("n_supports", 0))
    coefficients, rho = floats(call, "coefficients"), floats(call, "rho")[:1]
    if count:
        vectors = floats(call, "support_vectors").reshape(count, -1)
        made = multiply(_apply_kernel(call, rows, vectors), coefficients.reshape(-1, 1), rho)
    else:
        made = multiply(rows, coefficients.reshape(-1, 1), rho)
    if call.attribute("one_class", 0):
        return tf.where(made > 0, tf.ones_like(made), -tf.ones_like(made))
    return made


RULES: Table = {"SVMClassifier": _classify, "SVMRegressor": _regress}
