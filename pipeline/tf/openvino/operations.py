"""The table of all operations: the rule that writes each, or the reason why none does."""

from collections.abc import Mapping

from pipeline.tf.openvino.layer import Rule, Table
from pipeline.tf.openvino.rules import (
    colors,
    control_flow,
    decoders,
    detections,
    elementwise,
    images,
    indices,
    layers,
    normalizations,
    priors,
    quantized,
    random,
    recurrent,
    reductions,
    regions,
    shapes,
    slices,
    spectra,
)

RULES: Table = {
    **colors.RULES,
    **control_flow.RULES,
    **decoders.RULES,
    **detections.RULES,
    **elementwise.RULES,
    **images.RULES,
    **indices.RULES,
    **layers.RULES,
    **normalizations.RULES,
    **priors.RULES,
    **quantized.RULES,
    **random.RULES,
    **recurrent.RULES,
    **reductions.RULES,
    **regions.RULES,
    **shapes.RULES,
    **slices.RULES,
    **spectra.RULES,
}
"""The rule of each operation, by its type."""

_NO_REFERENCE = "OpenVINO 2026.4 cannot run it on the CPU, which is the reference"

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("BGRtoNV12", "GroupedMatMul", "RGBtoNV12"), _NO_REFERENCE),
    "BinaryConvolution": "TensorFlow.js has no convolution of single bits",
    "CTCLoss": "it trains a model",
    "FakeConvert": "TensorFlow.js has no floats of 8 bits",
    "NMSRotated": "TensorFlow.js computes no overlap of boxes that are turned",
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
