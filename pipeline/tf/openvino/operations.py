"""The table of all operations: the rule that writes each, or the reason why none does."""

from collections.abc import Mapping

from pipeline.tf.openvino.layer import Rule, Table
from pipeline.tf.openvino.rules import (
    control_flow,
    detections,
    elementwise,
    images,
    indices,
    layers,
    quantized,
    recurrent,
    reductions,
    regions,
    shapes,
)

RULES: Table = {
    **control_flow.RULES,
    **detections.RULES,
    **elementwise.RULES,
    **images.RULES,
    **indices.RULES,
    **layers.RULES,
    **quantized.RULES,
    **recurrent.RULES,
    **reductions.RULES,
    **regions.RULES,
    **shapes.RULES,
}
"""The rule of each operation, by its type."""

REFUSED: Mapping[str, str] = {
    "BinaryConvolution": "TensorFlow.js has no convolution of single bits",
    "CTCLoss": "it trains a model",
    "FakeConvert": "TensorFlow.js has no floats of 8 bits",
    "StringTensorPack": "it computes texts, which TensorFlow.js cannot",
    "StringTensorUnpack": "it computes texts, which TensorFlow.js cannot",
}
"""Operations that cannot be converted, with the reason."""


def find_rule(op: str, opset: str) -> Rule | str:
    """Return the rule of an operation; the reason where none writes it.

    Args:
        op: Its type.
        opset: The set that defines it: "opset8"; extensions have sets of their own.
    """
    if op in REFUSED:
        return REFUSED[op]
    if not opset.startswith("opset") and opset != "extension":
        return f"no operations of {opset} are known"
    return RULES.get(op, "no rule converts it")
