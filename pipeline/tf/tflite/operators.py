"""The table of all operators, by name; and those that are refused, with the reason."""

from collections.abc import Mapping

from pipeline.tf.tflite import (
    control_flow,
    convolutions,
    detection,
    elementwise,
    mediapipe,
    pooling,
    quantized,
    recurrent,
    reductions,
    shapes,
    spectra,
)
from pipeline.tf.tflite.call import Table

REAL: Table = {
    **convolutions.ROWS,
    **detection.ROWS,
    **elementwise.ROWS,
    **mediapipe.ROWS,
    **pooling.ROWS,
    **quantized.ROWS,
    **recurrent.ROWS,
    **reductions.ROWS,
    **shapes.ROWS,
    **spectra.ROWS,
}
"""Operators that compute with values."""

HELD: Table = control_flow.HELD
"""Operators that take and return held values, whatever these stand for."""

_TABLE = "TensorFlow.js fills tables from constants of a SavedModel only"
UNKNOWN = "no rule converts it"
"""Why any other operator is refused."""
_RANDOM = "it returns random numbers, which no two runtimes share"
_NO_KERNEL = "the interpreter of TensorFlow Lite has no kernel of it, so nobody can prove it"

REFUSED: Mapping[str, str] = {
    "CALL": _NO_KERNEL,
    "CONCAT_EMBEDDINGS": _NO_KERNEL,
    "DELEGATE": "it stands for a part that one kind of processor runs",
    "EMBEDDING_LOOKUP_SPARSE": "TensorFlow has no op that computes the same",
    "HASHTABLE": _TABLE,
    "HASHTABLE_FIND": _TABLE,
    "HASHTABLE_IMPORT": _TABLE,
    "HASHTABLE_LOOKUP": _TABLE,
    "HASHTABLE_SIZE": _TABLE,
    "LSH_PROJECTION": "TensorFlow has no op that computes the same",
    "MULTINOMIAL": _RANDOM,
    "RANDOM_STANDARD_NORMAL": _RANDOM,
    "RANDOM_UNIFORM": _RANDOM,
    "SKIP_GRAM": "TensorFlow has no op that computes the same",
    "STABLEHLO_RNG_BIT_GENERATOR": _RANDOM,
}
"""Why an operator is refused."""
