"""The table of all operators: the rule that builds each, or the reason why none does."""

from collections.abc import Mapping

import onnx

from pipeline.tf.onnx.call import Rule, Table
from pipeline.tf.onnx.functions import has_function
from pipeline.tf.onnx.onnx_graph import ML, STANDARD, GraphModel, Node
from pipeline.tf.onnx.rules import (
    activations,
    arithmetic,
    attention,
    bits,
    casts,
    contrib,
    control_flow,
    convolutions,
    einsum,
    indices,
    normalizations,
    pads,
    pools,
    quantized,
    quantized_real,
    random,
    recurrent,
    reductions,
    resize,
    rotary,
    sampling,
    selection,
    sequences,
    shapes,
    slices,
    spectra,
    texts,
)
from pipeline.tf.onnx.rules.ml import encoders, linear, preprocessing, trees, vectors
from pipeline.tf.onnx.rules.openvino import (
    decoders,
    detection_output,
    detections,
    elements,
    position_sensitive,
    priors,
    proposals,
    regions,
)
from pipeline.tf.unsupported import refuse_operators

TRAINING = "ai.onnx.preview.training"
"""The domain of operators that train."""

MICROSOFT = "com.microsoft"
"""The domain of the operators of ONNX Runtime."""

OPENVINO = "openvino"
"""The domain of operators that files of OpenVINO need, and ONNX lacks."""

RULES: Mapping[str, Table] = {
    STANDARD: {
        **activations.RULES,
        **arithmetic.RULES,
        **bits.RULES,
        **casts.RULES,
        **contrib.RULES,
        **control_flow.RULES,
        **convolutions.RULES,
        **einsum.RULES,
        **indices.RULES,
        **normalizations.RULES,
        **pads.RULES,
        **pools.RULES,
        **quantized.RULES,
        **random.DROPOUT,
        **random.RULES,
        **recurrent.RULES,
        **reductions.RULES,
        **resize.RULES,
        **sampling.RULES,
        **selection.RULES,
        **sequences.RULES,
        **shapes.RULES,
        **slices.RULES,
        **spectra.RULES,
        **texts.RULES,
    },
    ML: {
        **encoders.RULES,
        **linear.RULES,
        **preprocessing.RULES,
        **trees.RULES,
        **vectors.RULES,
    },
    MICROSOFT: {
        **attention.MICROSOFT,
        **contrib.MICROSOFT,
        **quantized.MICROSOFT,
        **quantized_real.MICROSOFT,
        **recurrent.MICROSOFT,
        **rotary.MICROSOFT,
    },
    OPENVINO: {
        **decoders.RULES,
        **detection_output.RULES,
        **detections.RULES,
        **elements.RULES,
        **position_sensitive.RULES,
        **priors.RULES,
        **proposals.RULES,
        **regions.RULES,
    },
}
"""The rules of each domain, by the name of the operator."""

REFUSED: Mapping[tuple[str, str], str] = {
    **{(STANDARD, op): why for op, why in texts.REFUSED.items()},
    **{(TRAINING, op): "it trains a model" for op in ("Adagrad", "Adam", "Gradient", "Momentum")},
    (MICROSOFT, "DequantizeBFP"): "TensorFlow.js has no block floating point",
    (MICROSOFT, "QuantizeBFP"): "TensorFlow.js has no block floating point",
    (MICROSOFT, "Tokenizer"): "it computes texts, which TensorFlow.js cannot",
    **{(ML, op): why for op, why in encoders.REFUSED.items()},
    (STANDARD, "ImageDecoder"): "a graph of TensorFlow.js reads no image files; feed it pixels",
    **{(MICROSOFT, op): why for op, why in attention.REFUSED.items()},
}
"""Operators that cannot be converted, with the reason."""

NEVER_FOLDED: frozenset[tuple[str, str]] = frozenset((STANDARD, op) for op in random.RULES)
"""Operators that compute something else each time."""

TAKES_CATEGORIES: frozenset[tuple[str, str]] = frozenset(
    {
        *((STANDARD, op) for op in ("Cast", "Flatten", "Identity", "Reshape")),
        *((STANDARD, op) for op in ("Squeeze", "Unsqueeze")),
        *((ML, op) for op in ("CategoryMapper", "LabelEncoder", "OneHotEncoder")),
    }
)
"""Operators that take texts which are held as numbers (`pipeline.tf.layout.value.Category`)."""


def find_rule(node: Node) -> Rule | None:
    """Return the rule of an operator; None where its function defines it."""
    return RULES.get(node.domain, {}).get(node.op)


def why_unknown(node: Node) -> str:
    """Return why no rule builds an operator: "no rule converts it"."""
    if (node.domain, node.op) in REFUSED:
        return REFUSED[node.domain, node.op]
    if onnx.defs.has(node.op, node.domain):
        return "no rule converts it"
    if node.domain in RULES:
        return "no operator of this name is known"
    return f"no operators of {node.domain} are known"


def check_operators(model: GraphModel) -> None:
    """Raise for operators that cannot be converted.

    Raises:
        ConversionError: The message lists them, each with its number, nodes and the reason.
    """
    places: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for node in model.graph.walk():
        if find_rule(node) is None and not has_function(node):
            name = f"{node.domain}.{node.op}" if node.domain else node.op
            places.setdefault(name, []).append(f"node {node.number}")
            reasons[name] = why_unknown(node)
    if places:
        raise refuse_operators(places, reasons, page="docs/onnx.md")
