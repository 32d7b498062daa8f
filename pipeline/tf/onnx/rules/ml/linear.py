"""Linear models: LinearClassifier and LinearRegressor."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.layout.sizes import is_known
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.ml.classes import Classes, label, name_scores, read_classes
from pipeline.tf.onnx.rules.ml.rows import (
    floats,
    probit,
    read_rows,
    read_transform,
    spread,
    transform,
)

_TWO = 2


def multiply(rows: Any, matrix: Any, addends: Any) -> Any:
    """Return rows times a matrix plus a vector, which stays out where it is zero."""
    made = tf.matmul(rows, tf.constant(np.ascontiguousarray(matrix, np.float32)))
    return made + tf.constant(addends.astype(np.float32)) if np.any(addends) else made


def _classify(call: Call) -> list[Any]:
    classes = read_classes(call)
    intercepts = floats(call, "intercepts")
    count = len(intercepts) or len(classes)
    scores = multiply(read_rows(call), _read_coefficients(call, count).T, intercepts)
    if count > 1:
        name_scores(call, 1, classes.texts)
        return [label(call, tf.argmax(scores, 1, tf.int32), classes), transform(call, scores)]
    two = classes if len(classes) == _TWO else _numbered(classes)
    chosen = label(call, tf.cast(scores[:, 0] > 0, tf.int32), two)
    if len(classes) != _TWO:
        return [chosen, transform_targets(call, scores, 1)]
    name_scores(call, 1, classes.texts)
    return [chosen, spread(call, scores, positive=True)]


def _read_coefficients(call: Call, count: int) -> Any:
    """Return the coefficients, (scores, inputs).

    Raises:
        FormatError: They are not those of so many scores and inputs.
    """
    coefficients = floats(call, "coefficients")
    width = call.value(0).sizes[-1]
    if coefficients.size % count or (is_known(width) and coefficients.size != count * width):
        raise FormatError(
            f"{call.node.label} has {coefficients.size} coefficients for {count} scores of "
            f"{width if is_known(width) else 'an open number of'} inputs each"
        )
    return coefficients.reshape(count, -1)


def _numbered(classes: Classes) -> Classes:
    """Return the classes that a single score means where the file does not name two."""
    return Classes(names=("0", "1")) if classes.names else Classes(numbers=(0, 1))


def _regress(call: Call) -> Any:
    targets = int(call.attribute("targets", 1))
    coefficients = _read_coefficients(call, targets)
    intercepts = floats(call, "intercepts")
    if len(intercepts) != targets:
        intercepts = np.zeros(targets, np.float32)
    scores = multiply(read_rows(call), coefficients.T, intercepts)
    return transform_targets(call, scores, targets)


def transform_targets(call: Call, scores: Any, targets: int) -> Any:
    """Return the transform of targets; ONNX Runtime leaves a single one but for PROBIT."""
    if targets > 1:
        return transform(call, scores)
    name = read_transform(call)
    if name not in ("NONE", "PROBIT"):
        call.state.notes[
            f"{call.node.label}: {name} of a single target is left out, as ONNX Runtime does"
        ] = None
    return probit(scores) if name == "PROBIT" else scores


RULES: Table = {"LinearClassifier": _classify, "LinearRegressor": _regress}
