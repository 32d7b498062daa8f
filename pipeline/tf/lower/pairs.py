"""Complex numbers as pairs of real tensors.

Between ops, and as an input or output of a model, a pair is one tensor whose last axis has the real
and the imaginary part. Its values are those of the complex tensor, in the same order: TensorFlow.js
returns the same numbers for both, and numpy, PyTorch and ONNX view complex numbers in this way.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from pipeline.tfjs.model.dtypes import NUM_PARTS

PARTS = {tf.complex64: tf.float32, tf.complex128: tf.float64}
"""The dtype of the parts of each complex dtype."""

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
    return Pair(*tf.unstack(joined, NUM_PARTS, -1))


def pair_signature(signature: SignatureDef) -> SignatureDef:
    """Return a signature with pairs in place of complex inputs and outputs."""
    paired = SignatureDef()
    paired.CopyFrom(signature)
    for side in (paired.inputs, paired.outputs):
        for info in side.values():
            pair_info(info)
    return paired


def pair_info(info: TensorInfo) -> None:
    """Make the entry of a complex tensor that of a pair, in place."""
    part = PARTS.get(tf.dtypes.as_dtype(info.dtype)) if info.dtype else None
    if part is not None:
        info.dtype = part.as_datatype_enum
        if not info.tensor_shape.unknown_rank:
            info.tensor_shape.dim.add(size=NUM_PARTS)


def view_parts(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return complex values as pairs, in the dtype of the parts: (..., 2) of (...)."""
    return np.stack([values.real, values.imag], -1)
