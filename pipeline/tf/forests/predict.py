"""The answer of a forest in ops of TensorFlow.

The inputs are those of the op SimpleMLInferenceOpWithHandle: features by type, in the order of
their columns (tensorflow_decision_forests/tensorflow/ops/inference/api.py).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.forests.forest_model import ForestModel, Question
from pipeline.tf.onnx.rules.ml.trees import Leaves
from pipeline.tf.onnx.rules.ml.walk import walk


def predict(model: ForestModel, numbers: Any, booleans: Any, categories: Any, size: int) -> Any:
    """Return the predictions: float32 (num_examples, size).

    Args:
        model: The forest.
        numbers: float32 (num_examples, numbers); NaN is missing.
        booleans: float32 (num_examples, booleans): 0 is false, NaN is missing.
        categories: int32 (num_examples, categories): 0 is unknown, -1 is missing.
        size: 1 for a number; the number of classes.
    """
    features = _Features(model, numbers, booleans, categories)
    rows = features.answer(model.questions)
    places = walk(model.trees, rows, len(model.questions), has_nan=True)
    total = Leaves(forest=model.trees, places=places, targets=model.targets).add()
    total = tf.reshape(total, [-1, model.targets])
    if model.averages:
        return total / float(len(model.trees.roots))
    total = total + tf.constant(np.array(model.bias, np.float32))
    match model.activation:
        case "sigmoid" if size > 1:
            chance = tf.sigmoid(total)
            return tf.concat([1.0 - chance, chance], 1)
        case "sigmoid":
            return tf.sigmoid(total)
        case "softmax":
            return tf.nn.softmax(total)
        case _:
            return total


class _Features:
    """The features of examples, by column of the data."""

    def __init__(self, model: ForestModel, numbers: Any, booleans: Any, categories: Any) -> None:
        own = model.columns
        if own.get("BOOLEAN"):
            truths = tf.cast(tf.not_equal(booleans, 0.0), tf.float32)
            booleans = tf.where(tf.math.is_nan(booleans), booleans, truths)
        values = [
            part for part, kind in ((numbers, "NUMERICAL"), (booleans, "BOOLEAN")) if own.get(kind)
        ]
        listed = [*own.get("NUMERICAL", ()), *own.get("BOOLEAN", ())]
        self._places = {column: place for place, column in enumerate(listed)}
        self._values = tf.concat(values, 1) if len(values) > 1 else values[0] if values else None
        self._categories = categories
        self._words = {column: i for i, column in enumerate(own.get("CATEGORICAL", ()))}
        self._sizes = model.sizes

    def answer(self, questions: Sequence[Question]) -> Any:
        """Return the answers: float32 (num_examples, num_questions), NaN where missing."""
        if not questions:  # trees of one leaf each
            given = self._values if self._values is not None else self._categories
            return tf.zeros_like(given[:, :1], tf.float32)
        parts = {
            "number": self._numbers,
            "member": self._members,
            "missing": self._missing,
            "sum": self._sums,
        }
        kinds = [kind for kind in parts if any(one.kind == kind for one in questions)]
        order = [i for kind in kinds for i, one in enumerate(questions) if one.kind == kind]
        made = [parts[kind]([one for one in questions if one.kind == kind]) for kind in kinds]
        joined = tf.concat(made, 1) if len(made) > 1 else made[0]
        return tf.gather(joined, np.argsort(order).astype(np.int32), axis=1)

    def _pick(self, columns: Sequence[int]) -> Any:
        places = np.array([self._places[column] for column in columns], np.int32)
        return tf.gather(self._values, places, axis=1)

    def _numbers(self, questions: Sequence[Question]) -> Any:
        return self._pick([one.columns[0] for one in questions])

    def _members(self, questions: Sequence[Question]) -> Any:
        """Return 1 where a category is a member: an entry of one table for all questions."""
        sizes = np.array([self._sizes[one.columns[0]] + 1 for one in questions], np.int32)
        starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        table = [
            float(category in one.members)
            for one, size in zip(questions, sizes, strict=True)
            for category in range(-1, size - 1)
        ]
        found = self._pick_words(questions)
        found = tf.where(found >= sizes - 1, tf.zeros_like(found), found)  # unknown
        places = tf.maximum(found, -1) + 1 + starts
        return tf.gather(tf.constant(table, tf.float32), places)

    def _pick_words(self, questions: Sequence[Question]) -> Any:
        places = np.array([self._words[one.columns[0]] for one in questions], np.int32)
        return tf.gather(self._categories, places, axis=1)

    def _missing(self, questions: Sequence[Question]) -> Any:
        made = []
        for one in questions:
            if one.columns[0] in self._words:
                made.append(tf.cast(self._pick_words([one]) < 0, tf.float32))
            else:
                made.append(tf.cast(tf.math.is_nan(self._pick(one.columns)), tf.float32))
        return tf.concat(made, 1)

    def _sums(self, questions: Sequence[Question]) -> Any:
        """Return sums of features times weights; shorter ones are filled with weights of 0."""
        width = max(len(one.columns) for one in questions)
        columns = [column for one in questions for column in _fill(one.columns, width)]
        shape = [-1, len(questions), width]
        found = tf.reshape(self._pick(columns), shape)
        weights = np.array([_fill(one.weights, width, 0.0) for one in questions], np.float32)
        missing = np.array([_fill(one.missing or (0.0,), width) for one in questions], np.float32)
        if all(one.missing for one in questions):
            found = tf.where(tf.math.is_nan(found), tf.constant(missing), found)
        return tf.reduce_sum(found * weights, 2)


def _fill(values: Sequence[Any], width: int, fill: Any = None) -> list[Any]:
    """Return values repeated by the first, or by `fill`, to a width."""
    return [*values, *[values[0] if fill is None else fill] * (width - len(values))]
